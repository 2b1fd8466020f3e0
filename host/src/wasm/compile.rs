//! From a component's bytes to code that can run: from the cache, or by the compiler.
//! Second gate of a deploy, called by `sandbox`. One compilation at a time, on a blocking thread, with a time limit.
//! Never takes compiled code from outside: only what this host compiled itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use wasmtime::component::Component;

use crate::digest::Digest;
use crate::wasm::cache::{Cache, Name};
use crate::wasm::refusal::{Refusal, code};

/// Compiles components, one after the other.
pub(super) struct Compiler {
    engine: wasmtime::Engine,
    cache: Option<Arc<Cache>>,
    /// One permit, held until the blocking thread has really ended, time limit or not.
    busy: Arc<Semaphore>,
    limit: Duration,
}

/// Code that can run.
pub(super) struct Compiled {
    pub(super) component: Component,
    pub(super) digest: Digest,
    pub(super) took: Duration,
    pub(super) from_cache: bool,
}

impl Compiler {
    /// For this engine; without a cache every component is compiled when it is loaded.
    pub(super) fn new(engine: wasmtime::Engine, cache: Option<Cache>, limit: Duration) -> Self {
        Self { engine, cache: cache.map(Arc::new), busy: Arc::new(Semaphore::new(1)), limit }
    }

    /// Compiles one component, or finds it in the cache.
    pub(super) async fn compile(&self, bytes: Bytes) -> Result<Compiled, Refusal> {
        let busy = Arc::clone(&self.busy).acquire_owned();
        let Ok(Ok(busy)) = timeout(self.limit, busy).await else {
            let reason = "other components were being compiled all the while: try again later";
            return Err(self.too_late(reason));
        };
        let (engine, cache) = (self.engine.clone(), self.cache.clone());
        let work = tokio::task::spawn_blocking(move || {
            let _busy = busy;
            load(&engine, cache.as_deref(), &bytes)
        });
        match timeout(self.limit, work).await {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(_)) => Err(Refusal::new(code::COMPILE_FAILED, "the compiler broke off; the host's log says why")),
            Err(_) => Err(self.too_late("make the component smaller, or raise the limit")),
        }
    }

    fn too_late(&self, advice: &str) -> Refusal {
        let seconds = self.limit.as_secs();
        let reason = format!("not compiled within {seconds} s (sandbox.compile_s_max): {advice}");
        Refusal::new(code::COMPILE_TIMEOUT, reason)
    }
}

fn load(engine: &wasmtime::Engine, cache: Option<&Cache>, bytes: &[u8]) -> Result<Compiled, Refusal> {
    let start = Instant::now();
    let digest = Digest::of(bytes);
    let name = Name::new(digest, engine);
    if let Some(cache) = cache
        && let Some(code) = cache.get(&name)
    {
        match instantiable(engine, &code) {
            Ok(component) => {
                let took = start.elapsed();
                tracing::info!(%digest, bytes = bytes.len(), ms = took.as_millis(), "component loaded from the cache");
                return Ok(Compiled { component, digest, took, from_cache: true });
            }
            Err(_) => cache.discard(&name),
        }
    }
    tracing::info!(%digest, bytes = bytes.len(), "compiling a component");
    let code = engine
        .precompile_component(bytes)
        .map_err(|error| Refusal::caused(code::COMPILE_FAILED, "the component does not compile", &error))?;
    // What compiles but cannot be loaded does not fit into the pool.
    let component = instantiable(engine, &code)
        .map_err(|error| Refusal::caused(code::LIMITS, "the component needs more than any guest gets", &error))?;
    if let Some(cache) = cache {
        cache.put(&name, &code);
    }
    let took = start.elapsed();
    tracing::info!(%digest, bytes = bytes.len(), ms = took.as_millis(), "component compiled");
    Ok(Compiled { component, digest, took, from_cache: false })
}

#[expect(unsafe_code, reason = "wasmtime cannot check compiled code, so it asks its caller to vouch for it")]
fn instantiable(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` was written by `precompile_component` of the same wasmtime version and engine settings: either just
    // now, or earlier by this host, proven by the cache's keyed tag over these very bytes in memory.
    unsafe { Component::deserialize(engine, code) }
}
