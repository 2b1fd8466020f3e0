//! Takes components in: checks, compiles, links and tries them; what passes is a handler.
//! Called by the registry when a version is deployed or a host starts; answers with a [`Loaded`] or a [`Refusal`].
//! Never handles a message: that is `component` and `instance`.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use wasmtime::component::Linker;

use crate::config;
use crate::manifest::Manifest;
use crate::wasm::anatomy::Anatomy;
use crate::wasm::cache::Cache;
use crate::wasm::compile::Compiler;
use crate::wasm::component::{self, Component};
use crate::wasm::engine::Engine;
use crate::wasm::guest::Guest;
use crate::wasm::handler::Handler;
use crate::wasm::refusal::{Refusal, code};
use crate::wasm::{admission, imports, wasi};

/// Why the sandbox cannot start. The operator corrects the setting or the system and starts again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine does not start, most often for want of address space.
    #[error(
        "cannot reserve the sandbox for {slots} instances: lower sandbox.instances_max, or raise the process's limits"
    )]
    Engine {
        /// How many instances it was to hold.
        slots: u32,
        /// Wasmtime's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The functions of the contract cannot be offered: a fault of this program.
    #[error("cannot link the contract")]
    Link {
        /// Wasmtime's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system gives no thread.
    #[error("cannot start the ticker thread")]
    Ticker {
        /// The system's reason.
        source: io::Error,
    },
    /// The folder of compiled code cannot be used.
    #[error("cannot use {} for compiled code: make it writable, or set sandbox.cache_dir", dir.display())]
    Cache {
        /// The folder.
        dir: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Where components are taken in. Cheap to clone; ends its ticker thread when the last clone and handler are gone.
#[derive(Clone)]
pub struct Sandbox(Arc<Parts>);

struct Parts {
    engine: Arc<Engine>,
    linker: Linker<Guest>,
    compiler: Compiler,
    component_bytes_max: usize,
}

/// A component that was taken.
pub struct Loaded {
    /// Handles its kind's messages.
    pub handler: Arc<dyn Handler>,
    /// Time to compile it, or to load it from the cache.
    pub compile: Duration,
    /// Whether its code was in the cache.
    pub from_cache: bool,
    /// Time to start one instance.
    pub instantiate: Duration,
    /// What its author should know, though it is no reason to refuse.
    pub warnings: Vec<String>,
    /// What it is made of.
    pub anatomy: Anatomy,
    /// What the component says about itself, as JSON; none when it does not.
    pub describe: Option<String>,
}

impl Sandbox {
    /// Reserves the pool and starts the ticker. Without `cache_dir` compiled code is not kept.
    ///
    /// # Errors
    /// `Error`, naming the setting: the host does not start.
    pub fn new(
        settings: &config::Sandbox,
        cache_dir: Option<PathBuf>,
        component_bytes_max: usize,
    ) -> Result<Self, Error> {
        let engine = Engine::new(settings.instances_max)?;
        let cache = cache_dir.map(Cache::open).transpose()?;
        let compiler = Compiler::new(engine.wasmtime.clone(), cache, Duration::from_secs(settings.compile_s_max));
        let mut linker = Linker::new(&engine.wasmtime);
        wasi::link(&mut linker)
            .and_then(|()| imports::link(&mut linker))
            .map_err(|error| Error::Link { source: error.into_boxed_dyn_error() })?;
        Ok(Self(Arc::new(Parts { engine: Arc::new(engine), linker, compiler, component_bytes_max })))
    }

    /// Places of the pool that instances take, and all of them.
    #[must_use]
    pub fn usage(&self) -> (usize, usize) {
        self.0.engine.usage()
    }

    /// Checks, compiles and tries a component. Runs on a runtime with timers; compiling happens on a thread of its own.
    ///
    /// # Errors
    /// `Refusal`: nothing was kept; show it to whoever deploys.
    pub async fn load(&self, component: Bytes, manifest: Arc<Manifest>) -> Result<Loaded, Refusal> {
        let Parts { engine, linker, compiler, component_bytes_max } = &*self.0;
        manifest.check().map_err(|error| Refusal::new(code::LIMITS, error.to_string()))?;
        admission::check_bytes(&component, *component_bytes_max)?;
        let anatomy = Anatomy::of(&component);
        let mut warnings = anatomy.warnings(manifest.limits.memory_bytes_max);
        let compiled = compiler.compile(component).await?;
        let (compile, from_cache) = (compiled.took, compiled.from_cache);
        let component = Component::link(Arc::clone(engine), linker, compiled, manifest)?;
        let component::Probe { instantiate, describe, warnings: found } = component.probe().await?;
        warnings.extend(found);
        Ok(Loaded { handler: Arc::new(component), compile, from_cache, instantiate, warnings, anatomy, describe })
    }
}
