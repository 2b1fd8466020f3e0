//! What an actor can see and do during a turn, beside its state and its outcome.
//! Handed to `handle` by `turn`; every method is one call of the host.
//! Nothing here takes effect before the turn ended well and the host stored it; only log lines stay.

use std::cell::{Cell, OnceCell};
use std::time::Duration;

use serde::Serialize;

use crate::host::Host;
use crate::outcome::to_json;
use crate::timer::milliseconds;
use crate::{ActorId, Call, Failure, Headers, Timer};

/// One turn's view of the host.
pub struct Context {
    pub(crate) host: Host,
    actor: OnceCell<ActorId>,
    deleted: Cell<bool>,
}

/// How bad a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The finest.
    Trace,
    /// For developers.
    Debug,
    /// Ordinary events.
    Info,
    /// Heals itself.
    Warn,
    /// Somebody must act.
    Error,
}

impl Context {
    pub(crate) fn new(host: Host) -> Self {
        Self { host, actor: OnceCell::new(), deleted: Cell::new(false) }
    }

    /// Who this actor is.
    #[must_use]
    pub fn actor(&self) -> &ActorId {
        self.actor.get_or_init(|| self.host.actor())
    }

    /// Sends the value as JSON to another actor, or to itself: fire and forget, delivered exactly once in effect,
    /// in order per receiver. Other kinds than its own need a grant in `actor.toml`.
    ///
    /// # Errors
    /// `Failure::Fail` with the code `message-does-not-encode` when the value cannot be JSON: pass it on with `?`.
    pub fn send(&self, to: impl Into<ActorId>, subject: &str, value: &impl Serialize) -> Result<(), Failure> {
        self.send_bytes(to, subject, to_json("message", value)?);
        Ok(())
    }

    /// Sends these bytes to another actor.
    pub fn send_bytes(&self, to: impl Into<ActorId>, subject: &str, body: impl Into<Vec<u8>>) {
        self.send_with(to, subject, Headers::default(), body);
    }

    /// Sends these headers and bytes to another actor.
    pub fn send_with(
        &self,
        to: impl Into<ActorId>,
        subject: &str,
        headers: impl Into<Headers>,
        body: impl Into<Vec<u8>>,
    ) {
        self.host.send(to.into(), subject, headers.into(), body.into());
    }

    /// Sends the value as JSON and waits for the answer: exactly one message comes back, with `Message::answer`; after
    /// `timeout` without one it says so. `memo` comes back with it: what the answer is for. Returns the request's token.
    ///
    /// # Errors
    /// `Failure::Fail` with the code `request-does-not-encode` when the value cannot be JSON: pass it on with `?`.
    pub fn request(
        &self,
        to: impl Into<ActorId>,
        subject: &str,
        value: &impl Serialize,
        timeout: Duration,
        memo: impl Into<Vec<u8>>,
    ) -> Result<String, Failure> {
        Ok(self.request_with(to, subject, Headers::default(), to_json("request", value)?, timeout, memo))
    }

    /// The same with these headers and bytes.
    pub fn request_with(
        &self,
        to: impl Into<ActorId>,
        subject: &str,
        headers: impl Into<Headers>,
        body: impl Into<Vec<u8>>,
        timeout: Duration,
        memo: impl Into<Vec<u8>>,
    ) -> String {
        self.host.request(to.into(), subject, headers.into(), body.into(), milliseconds(timeout), memo.into())
    }

    /// Begins a call to an endpoint of the host's settings, for example `ctx.http("payments", "post", "/v1/charges")`; `send`
    /// makes it. The kind needs the grant `http = ["payments"]` in `actor.toml`. At least once: after a crash the other
    /// side may see the same call again, with the same `Idempotency-Key`.
    pub fn http(&self, endpoint: &str, method: &str, path: &str) -> Call<'_> {
        Call::new(self, endpoint, method, path)
    }

    /// Answers a message whose turn ended with `later()`, with the value as JSON. The first answer counts.
    ///
    /// # Errors
    /// `Failure::Fail` with the code `answer-does-not-encode` when the value cannot be JSON: pass it on with `?`.
    pub fn answer(&self, reply_token: &str, value: &impl Serialize) -> Result<(), Failure> {
        self.answer_with(reply_token, [("content-type", "application/json")], to_json("answer", value)?);
        Ok(())
    }

    /// The same with these headers and bytes.
    pub fn answer_with(&self, reply_token: &str, headers: impl Into<Headers>, body: impl Into<Vec<u8>>) {
        self.host.answer(reply_token, headers.into(), body.into());
    }

    /// Sets a timer, in place of one of the same name.
    pub fn set_timer(&self, name: &str, timer: Timer) {
        self.host.set_timer(name, timer);
    }

    /// Ends a timer; without one of that name nothing happens.
    pub fn cancel_timer(&self, name: &str) {
        self.host.cancel_timer(name);
    }

    /// Forgets this actor: its state is gone when the turn ends well, and the next message starts from `Default`.
    /// What `self` holds at the end of this turn is not stored, and all timers and requests end, this turn's too.
    pub fn delete(&self) {
        self.deleted.set(true);
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.get()
    }

    /// Start of this try, Unix milliseconds; the same for the whole turn.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.host.now_ms()
    }

    /// Random bytes that nobody outside can predict. Another try of the same message sees others.
    #[must_use]
    pub fn random(&self, len: u32) -> Vec<u8> {
        self.host.random(len)
    }

    /// A setting from `[config]` in `actor.toml`.
    #[must_use]
    pub fn config(&self, key: &str) -> Option<String> {
        self.host.config(key)
    }

    /// Logs a line for this actor. Stays also when the turn fails.
    pub fn log(&self, level: Level, text: impl AsRef<str>) {
        self.host.log(level, text.as_ref());
    }

    /// Logs the finest detail.
    pub fn trace(&self, text: impl AsRef<str>) {
        self.log(Level::Trace, text);
    }

    /// Logs for developers.
    pub fn debug(&self, text: impl AsRef<str>) {
        self.log(Level::Debug, text);
    }

    /// Logs an ordinary event.
    pub fn info(&self, text: impl AsRef<str>) {
        self.log(Level::Info, text);
    }

    /// Logs what heals itself.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.log(Level::Warn, text);
    }

    /// Logs what somebody must look at.
    pub fn error(&self, text: impl AsRef<str>) {
        self.log(Level::Error, text);
    }
}
