//! The host in the sandbox: each method is one import. Called by `context` and `turn`.
//! An import that the host denies ends the turn there: nothing here returns an error.

use crate::bindings::hydra::actor::{messaging, runtime, state, timers, types};
use crate::timer::When;
use crate::{ActorId, Headers, Level, Timer};

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
        messaging::send(&raw(to), subject, &body, options(headers).as_ref());
    }

    pub(crate) fn request(
        &self,
        to: ActorId,
        subject: &str,
        headers: Headers,
        body: Vec<u8>,
        timeout_ms: u64,
        memo: Vec<u8>,
    ) -> String {
        messaging::request(&raw(to), subject, &body, timeout_ms, &memo, options(headers).as_ref())
    }

    pub(crate) fn answer(&self, reply_token: &str, headers: Headers, body: Vec<u8>) {
        messaging::answer(reply_token, &types::Payload { headers: headers.0, body });
    }

    pub(crate) fn set_timer(&self, name: &str, timer: Timer) {
        let when = match timer.when {
            When::AtMs(moment) => timers::Schedule::AtMs(moment),
            When::AfterMs(span) => timers::Schedule::AfterMs(span),
            When::EveryMs(span) => timers::Schedule::EveryMs(span),
            When::Cron(expression, zone) => timers::Schedule::Cron((expression, zone)),
        };
        let missed = if timer.skips_missed { timers::Missed::Skip } else { timers::Missed::FireOnce };
        timers::set(name, &when, &timer.body, missed);
    }

    pub(crate) fn cancel_timer(&self, name: &str) {
        timers::cancel(name);
    }
}

fn raw(to: ActorId) -> types::ActorId {
    types::ActorId { kind: to.kind, id: to.id }
}

fn options(headers: Headers) -> Option<messaging::Options> {
    let options = messaging::Options { headers: headers.0, priority: messaging::Priority::Normal };
    (!options.headers.is_empty()).then_some(options)
}
