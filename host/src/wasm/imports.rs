//! The host's side of `hydra:actor`: every function that a guest may call. Collects effects and returns.
//! Called by the guest within `instance`'s call; fills the `Guest`.
//! Never does I/O, never waits, never leaves anything behind when the turn fails.

use std::time::Duration;

use bytes::Bytes;
use wasmtime::component::{HasSelf, Linker};

use crate::clock::Time;
use crate::effects::{Level, Payload, Send};
use crate::id::{ActorId, Kind};
use crate::message::Headers;
use crate::names::Subject;
use crate::timer::{Missed, When};
use crate::wasm::bindings::hydra::actor::{messaging, runtime, state, timers, types};
use crate::wasm::fault::Stop;
use crate::wasm::guest::Guest;

/// Most random bytes of one call.
pub(super) const RANDOM_BYTES_MAX: usize = 64 << 10;

/// Offers the functions to components.
///
/// # Errors
/// Wasmtime's, when a name is taken: a fault of this program.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    runtime::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    state::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    messaging::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    timers::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

impl types::Host for Guest {}

impl runtime::Host for Guest {
    fn self_(&mut self) -> wasmtime::Result<types::ActorId> {
        Ok(types::ActorId { kind: self.actor.kind().to_string(), id: self.actor.id().into() })
    }

    fn log(&mut self, level: runtime::Level, text: String) -> wasmtime::Result<()> {
        let level = match level {
            runtime::Level::Trace => Level::Trace,
            runtime::Level::Debug => Level::Debug,
            runtime::Level::Info => Level::Info,
            runtime::Level::Warn => Level::Warn,
            runtime::Level::Error => Level::Error,
        };
        self.lines().log(level, &text);
        Ok(())
    }

    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(self.turn.now.0)
    }

    fn random(&mut self, len: u32) -> wasmtime::Result<Vec<u8>> {
        Ok(random_bytes(self, len.into())?)
    }

    fn config(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.manifest.config.get(&key).cloned())
    }
}

impl state::Host for Guest {
    fn get(&mut self) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.state()?.map(|bytes| bytes.to_vec()))
    }

    fn set(&mut self, bytes: Vec<u8>) -> wasmtime::Result<()> {
        Ok(self.set_state(bytes.into())?)
    }

    fn delete(&mut self) -> wasmtime::Result<()> {
        Ok(self.delete_state()?)
    }
}

impl messaging::Host for Guest {
    fn send(
        &mut self,
        to: types::ActorId,
        subject: String,
        body: Vec<u8>,
        options: Option<messaging::Options>,
    ) -> wasmtime::Result<()> {
        self.check_open("messaging.send")?;
        let send = checked(self, "messaging.send", &to, &subject, body.into(), options)?;
        Ok(self.push_send(send)?)
    }

    fn request(
        &mut self,
        to: types::ActorId,
        subject: String,
        body: Vec<u8>,
        timeout_ms: u64,
        memo: Vec<u8>,
        options: Option<messaging::Options>,
    ) -> wasmtime::Result<String> {
        self.check_open("messaging.request")?;
        let send = checked(self, "messaging.request", &to, &subject, body.into(), options)?;
        Ok(self.request(send, timeout_ms, memo.into())?)
    }

    fn answer(&mut self, reply_token: String, answer: types::Payload) -> wasmtime::Result<()> {
        self.check_open("messaging.answer")?;
        let payload = Payload { headers: checked_headers(answer.headers)?, body: answer.body.into() };
        Ok(self.answer_later(reply_token, payload)?)
    }

    fn publish(&mut self, _: String, _: String, _: Vec<u8>) -> wasmtime::Result<()> {
        Err(not_yet("messaging.publish"))
    }

    fn subscribe(&mut self, _: String) -> wasmtime::Result<()> {
        Err(not_yet("messaging.subscribe"))
    }

    fn unsubscribe(&mut self, _: String) -> wasmtime::Result<()> {
        Err(not_yet("messaging.unsubscribe"))
    }
}

impl timers::Host for Guest {
    fn set(
        &mut self,
        name: String,
        when: timers::Schedule,
        body: Vec<u8>,
        missed: timers::Missed,
    ) -> wasmtime::Result<()> {
        let when = match when {
            timers::Schedule::AtMs(ms) => When::At(Time(ms)),
            timers::Schedule::AfterMs(ms) => When::After(Duration::from_millis(ms)),
            timers::Schedule::EveryMs(ms) => When::Every(Duration::from_millis(ms)),
            timers::Schedule::Cron((expression, zone)) => When::Cron { expression, zone },
        };
        let missed = match missed {
            timers::Missed::FireOnce => Missed::FireOnce,
            timers::Missed::Skip => Missed::Skip,
        };
        Ok(self.set_timer(&name, when, missed, body.into())?)
    }

    fn cancel(&mut self, name: String) -> wasmtime::Result<()> {
        Ok(self.cancel_timer(&name)?)
    }
}

/// Bytes of the turn's random stream, for `runtime.random` and `wasi:random` alike.
pub(super) fn random_bytes(guest: &mut Guest, len: u64) -> Result<Vec<u8>, Stop> {
    let len = usize::try_from(len).ok().filter(|&len| len <= RANDOM_BYTES_MAX).ok_or_else(|| {
        let text = format!("{len} random bytes in one call: ask for at most {RANDOM_BYTES_MAX}");
        Stop::denied("random-too-large", text)
    })?;
    let mut bytes = vec![0; len];
    guest.random(&mut bytes);
    Ok(bytes)
}

fn not_yet(call: &str) -> wasmtime::Error {
    let text = format!("{call} is part of hydra:actor, but this version of the host does not offer it yet");
    Stop::denied("not-in-this-version", text).into()
}

/// A message as a guest wants to send it, once everything about it is found to be allowed.
fn checked(
    guest: &Guest,
    call: &str,
    to: &types::ActorId,
    subject: &str,
    body: Bytes,
    options: Option<messaging::Options>,
) -> Result<Send, Stop> {
    let bad_name = |error: crate::id::Error| Stop::denied("bad-name", format!("{call}: {error}"));
    let kind = Kind::from_guest(&to.kind).map_err(bad_name)?;
    // A way out has grants of its own, and asks for them itself.
    if !kind.is_reserved() && !guest.manifest.may_send(&guest.actor, &kind) {
        return Err(missing_grant(guest, &kind));
    }
    let to = ActorId::new(kind, &to.id).map_err(bad_name)?;
    let subject = Subject::new(subject).map_err(bad_name)?;
    guest.check_body(&body)?;
    let headers = checked_headers(options.map(|options| options.headers).unwrap_or_default())?;
    Ok(Send { to, subject, headers, body, awaited: None })
}

/// Headers that a guest wrote.
pub(super) fn checked_headers(headers: Vec<(String, String)>) -> Result<Headers, Stop> {
    let headers = Headers(headers);
    headers.check().map_err(|error| Stop::denied("bad-headers", error.to_string()))?;
    Ok(headers)
}

fn missing_grant(guest: &Guest, kind: &Kind) -> Stop {
    let own = guest.actor.kind();
    let mut grants: Vec<String> = guest.manifest.grants.send.clone();
    grants.push(kind.to_string());
    let text = format!("{own} may not send to {kind}: write `send = {grants:?}` under [grants] in {own}'s actor.toml");
    Stop::denied("denied", text)
}
