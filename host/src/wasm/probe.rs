//! The try that every component passes before it is taken: one instance is started, asked to describe itself, dropped.
//! Last gate of a deploy, called by `component`. Finds what only shows when a component starts.
//! Never gives the guest a message, a state or an effect.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::{Clock, Time};
use crate::effects::Fault;
use crate::id::{ActorId, Kind};
use crate::wasm::component::{Linked, Probe};
use crate::wasm::fault;
use crate::wasm::instance::{ComponentInstance, within};
use crate::wasm::refusal::{Refusal, code};

/// Longest description, in bytes.
const DESCRIBE_BYTES_MAX: usize = 64 << 10;
/// Running time and wall time for a description.
const DESCRIBE_MAX: Duration = Duration::from_secs(1);
/// An instance that takes longer to start is worth a warning: every activation pays it.
const SLOW: Duration = Duration::from_millis(20);

/// Starts the component once.
pub(super) async fn run(linked: &Arc<Linked>) -> Result<Probe, Refusal> {
    let refused = |reason: String| Refusal::new(code::PROBE_FAILED, reason);
    let kind = linked.manifest.kind.clone().map_or_else(|| Kind::new("probe"), Ok);
    let actor = kind.and_then(|kind| ActorId::new(kind, "probe")).map_err(|error| refused(error.to_string()))?;
    let ending = || refused("the host is shutting down".into());
    let mut instance = linked.instance(actor).await.ok_or_else(ending)?;
    let store = instance.store().ok_or_else(ending)?;
    store.data_mut().prepare(Clock::system(Time::default()).now(), [0; 32]);
    let _running = linked.engine.ticker.running();

    let start = Instant::now();
    let exports = match ComponentInstance::start(linked, store).await {
        Ok(exports) => exports,
        Err(error) => return Err(not_started(error, store.data())),
    };
    let instantiate = start.elapsed();

    let mut warnings = Vec::new();
    if instantiate > SLOW {
        let ms = instantiate.as_millis();
        warnings.push(format!("one instance takes {ms} ms to start, and every activation starts one"));
    }
    let mut describe = None;
    match &exports.lifecycle {
        Some(lifecycle) => {
            let said = within(store, DESCRIBE_MAX, DESCRIBE_MAX, async |store| lifecycle.call_describe(store).await);
            match said.await.map_err(|error| fault::sentence(&error)).and_then(described) {
                Ok(text) => describe = text,
                Err(error) => warnings.push(format!("lifecycle.describe is left out: {error}")),
            }
        }
        None if linked.manifest.state_version != 0 => warnings.push(format!(
            "actor.toml says state_version = {}, but the component does not export hydra:actor/lifecycle: state of other \
             versions is handed to it as it is",
            linked.manifest.state_version
        )),
        None => {}
    }
    Ok(Probe { instantiate, describe, warnings })
}

/// Empty means that the component has nothing to say.
fn described(text: String) -> Result<Option<String>, String> {
    if text.len() > DESCRIBE_BYTES_MAX {
        return Err(format!("{} bytes, limit {DESCRIBE_BYTES_MAX}", text.len()));
    }
    if text.is_empty() {
        return Ok(None);
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(Some(text)),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

fn not_started(error: wasmtime::Error, guest: &crate::wasm::guest::Guest) -> Refusal {
    let limit = guest.space.memory_bytes_max();
    if let Some(wanted) = guest.space.refused {
        let reason = format!(
            "the component needs {wanted} bytes of memory to start, limit {limit}: raise limits.memory_bytes_max in \
             actor.toml, or reserve less (a smaller shadow stack, fewer static buffers)"
        );
        return Refusal::new(code::LIMITS, reason);
    }
    if error.is::<wasmtime::Trap>() || error.is::<fault::Stop>() || error.is::<wasmtime_wasi::I32Exit>() {
        return match fault::of(error, guest) {
            Fault::Broken { problem, backtrace } => Refusal::new(
                code::PROBE_FAILED,
                format!("the component fails when it starts: {}\n{backtrace}", problem.text),
            ),
            other => Refusal::new(code::PROBE_FAILED, format!("the component fails when it starts: {other:?}")),
        };
    }
    Refusal::caused(code::WRONG_TYPE, "the component does not fit the contract", &error)
}
