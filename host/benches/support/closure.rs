//! The baseline of benchmarks of turns: the counter as a Rust closure behind the border that components stand behind.
//! What it costs is the border's; whatever a component needs beyond that is the sandbox's and its language's.

use std::sync::Arc;

use bytes::Bytes;
use hydra::effects::{Effects, Outcome, Payload, StateChange};
use hydra::message::Headers;
use hydra::wasm::Handler;

use crate::native::Native;

/// Adds one to the state, eight bytes, and replies with it.
pub(crate) fn handler() -> Arc<dyn Handler> {
    Native::new(|input| {
        let before = input.state.as_deref().and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
        let state = Bytes::copy_from_slice(&(before + 1).to_le_bytes());
        let reply = Payload { headers: Headers::default(), body: state.clone() };
        (Outcome::Reply(reply), Effects { state: StateChange::Set(state), ..Effects::default() })
    })
}
