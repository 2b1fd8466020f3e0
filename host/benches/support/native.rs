//! A kind whose code is a closure in this process, at no cost of its own: what remains is the host.
//! Unlike the tests' scripted handler it lets nobody else run in between.

use std::sync::Arc;

use async_trait::async_trait;
use hydra::digest::Digest;
use hydra::effects::{Effects, Fault, Outcome};
use hydra::id::ActorId;
use hydra::manifest::Manifest;
use hydra::wasm::{Handled, Handler, Input, Instance};

type Code = dyn Fn(&Input<'_>) -> (Outcome, Effects) + Send + Sync;

/// The kind.
pub(crate) struct Native {
    version: Digest,
    manifest: Manifest,
    code: Arc<Code>,
}

/// Its code for one activation.
struct Running(Arc<Code>);

impl Native {
    /// Runs this closure for every turn.
    pub(crate) fn new(code: impl Fn(&Input<'_>) -> (Outcome, Effects) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { version: Digest::of(b"native"), manifest: Manifest::default(), code: Arc::new(code) })
    }
}

#[async_trait]
impl Handler for Native {
    fn version(&self) -> Digest {
        self.version
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    async fn instance(&self, _: &ActorId) -> Result<Box<dyn Instance>, Fault> {
        Ok(Box::new(Running(self.code.clone())))
    }
}

#[async_trait]
impl Instance for Running {
    async fn handle(&mut self, input: Input<'_>) -> Handled {
        Handled::native(Ok((self.0)(&input)))
    }
}
