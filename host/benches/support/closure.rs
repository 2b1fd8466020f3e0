//! The baseline of benchmarks of turns: the counter as a Rust closure behind the border that components stand behind.
//! What it costs is the border's; whatever a component needs beyond that is the sandbox's and its language's.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hydra::digest::Digest;
use hydra::effects::{Effects, Fault, Outcome, Payload, StateChange};
use hydra::id::ActorId;
use hydra::manifest::Manifest;
use hydra::message::Headers;
use hydra::wasm::{Handled, Handler, Input, Instance};

/// Adds one to the state, eight bytes, and replies with it.
pub(crate) fn handler() -> Arc<dyn Handler> {
    Arc::new(Native(Manifest::default()))
}

struct Native(Manifest);

struct NativeInstance;

#[async_trait]
impl Handler for Native {
    fn version(&self) -> Digest {
        Digest::of(b"native")
    }

    fn manifest(&self) -> &Manifest {
        &self.0
    }

    async fn instance(&self, _: &ActorId) -> Result<Box<dyn Instance>, Fault> {
        Ok(Box::new(NativeInstance))
    }
}

#[async_trait]
impl Instance for NativeInstance {
    async fn handle(&mut self, input: Input<'_>) -> Handled {
        let before = input.state.as_deref().and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
        let state = Bytes::copy_from_slice(&(before + 1).to_le_bytes());
        let reply = Payload { headers: Headers::default(), body: state.clone() };
        Handled {
            result: Ok(Outcome::Reply(reply)),
            effects: Effects { state: StateChange::Set(state), ..Effects::default() },
            logs: Vec::new(),
            log_lines_dropped: 0,
            cpu: Duration::ZERO,
            reusable: true,
        }
    }
}
