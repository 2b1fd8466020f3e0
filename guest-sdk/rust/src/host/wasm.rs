//! The host in the sandbox: each method is one import. Called by `context` and `turn`.
//! An import that the host denies ends the turn there: nothing here returns an error.

use crate::bindings::hydra::actor::{messaging, runtime, state, types};
use crate::{ActorId, Headers, Level};

/// The component's imports.
pub(crate) struct Host;

impl Host {
    pub(crate) fn actor(&self) -> ActorId {
        let types::ActorId { kind, id } = runtime::self_();
        ActorId { kind, id }
    }

    pub(crate) fn log(&self, level: Level, text: &str) {
        let level = match level {
            Level::Trace => runtime::Level::Trace,
            Level::Debug => runtime::Level::Debug,
            Level::Info => runtime::Level::Info,
            Level::Warn => runtime::Level::Warn,
            Level::Error => runtime::Level::Error,
        };
        runtime::log(level, text);
    }

    pub(crate) fn now_ms(&self) -> u64 {
        runtime::now_ms()
    }

    pub(crate) fn random(&self, len: u32) -> Vec<u8> {
        runtime::random(len)
    }

    pub(crate) fn config(&self, key: &str) -> Option<String> {
        runtime::config(key)
    }

    pub(crate) fn state(&self) -> Option<Vec<u8>> {
        state::get()
    }

    pub(crate) fn set_state(&self, bytes: &[u8]) {
        state::set(bytes);
    }

    pub(crate) fn delete_state(&self) {
        state::delete();
    }

    pub(crate) fn send(&self, to: ActorId, subject: &str, headers: Headers, body: Vec<u8>) {
        let to = types::ActorId { kind: to.kind, id: to.id };
        let options = messaging::Options { headers: headers.0, priority: messaging::Priority::Normal };
        let options = (!options.headers.is_empty()).then_some(options);
        messaging::send(&to, subject, &body, options.as_ref());
    }
}
