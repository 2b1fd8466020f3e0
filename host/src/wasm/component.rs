//! One component, linked and ready: makes an instance for every activation.
//! The `Handler` that `activation` holds; made by `sandbox`, hands out `instance`s.
//! Never runs a guest itself, except once when it is taken in.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use wasmtime::component::{InstancePre, Linker};

use crate::digest::Digest;
use crate::effects::Fault;
use crate::id::ActorId;
use crate::manifest::Manifest;
use crate::message::Problem;
use crate::wasm::admission;
use crate::wasm::bindings::exports::hydra::actor::{handler, lifecycle};
use crate::wasm::compile::Compiled;
use crate::wasm::engine::Engine;
use crate::wasm::guest::Guest;
use crate::wasm::handler::{Handler, Instance};
use crate::wasm::instance::ComponentInstance;
use crate::wasm::probe;
use crate::wasm::refusal::{Refusal, code};

/// A component of one kind under one manifest.
pub(super) struct Component(Arc<Linked>);

/// What all instances of a component share.
pub(super) struct Linked {
    pub(super) engine: Arc<Engine>,
    pub(super) manifest: Arc<Manifest>,
    pub(super) pre: InstancePre<Guest>,
    pub(super) handler: handler::GuestIndices,
    /// Only of components built for the world `full-actor`.
    pub(super) lifecycle: Option<lifecycle::GuestIndices>,
    digest: Digest,
    slots: u32,
}

/// What a try has shown.
pub(super) struct Probe {
    pub(super) instantiate: Duration,
    pub(super) describe: Option<String>,
    pub(super) warnings: Vec<String>,
}

impl Component {
    /// Checks imports and exports, and connects the imports with the host's functions.
    pub(super) fn link(
        engine: Arc<Engine>,
        linker: &Linker<Guest>,
        compiled: Compiled,
        manifest: Arc<Manifest>,
    ) -> Result<Self, Refusal> {
        let Compiled { component, digest, .. } = compiled;
        let names = component.component_type();
        admission::check_imports(names.imports(&engine.wasmtime).map(|(name, _)| name))?;
        let exports = admission::check_exports(names.exports(&engine.wasmtime).map(|(name, _)| name))?;
        let slots = engine.slots_of(&component).ok_or_else(|| {
            Refusal::new(
                code::LIMITS,
                "the component needs more memories or tables than sandbox.instances_max provides",
            )
        })?;
        let wrong_import =
            |error| Refusal::caused(code::WRONG_TYPE, "an import differs from what the host offers", &error);
        let wrong_export = |error| Refusal::caused(code::MISSING_EXPORT, "an exported interface is incomplete", &error);
        let pre = linker.instantiate_pre(&component).map_err(wrong_import)?;
        let handler = handler::GuestIndices::new(&pre).map_err(wrong_export)?;
        let lifecycle =
            exports.lifecycle.then(|| lifecycle::GuestIndices::new(&pre)).transpose().map_err(wrong_export)?;
        Ok(Self(Arc::new(Linked { engine, manifest, pre, handler, lifecycle, digest, slots })))
    }

    /// Starts one instance for a try and lets it describe itself.
    pub(super) async fn probe(&self) -> Result<Probe, Refusal> {
        probe::run(&self.0).await
    }
}

impl Linked {
    /// Memory for one instance, once the pool has room.
    pub(super) async fn instance(self: &Arc<Self>, actor: ActorId) -> Option<ComponentInstance> {
        let slots = self.engine.take_slots(self.slots).await?;
        Some(ComponentInstance::new(Arc::clone(self), actor, slots))
    }
}

#[async_trait]
impl Handler for Component {
    fn version(&self) -> Digest {
        self.0.digest
    }

    fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    async fn instance(&self, actor: &ActorId) -> Result<Box<dyn Instance>, Fault> {
        let ended = || Fault::Host(Problem::new("host-ends", "the host is shutting down"));
        Ok(Box::new(self.0.instance(actor.clone()).await.ok_or_else(ended)?))
    }
}
