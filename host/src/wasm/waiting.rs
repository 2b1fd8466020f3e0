//! What a guest waits for: the timers it sets, the requests it makes, the answers it gives late.
//! The part of `Guest` for that, called by `imports`. Checks at once what can be checked, so that the author sees the line
//! that is wrong; whether a reply token is genuine only `turn` can tell.

use std::time::Duration;

use bytes::Bytes;

use crate::clock::Time;
use crate::effects::{Awaited, Later, Payload, Send};
use crate::timer::{self, Missed, Pending, REQUEST_MAX, Waits, When};
use crate::wasm::fault::Stop;
use crate::wasm::guest::Guest;

/// What tokens are derived for; part of their key's use, so that the guest's random bytes tell nothing about them.
const TOKEN_DOMAIN: &[u8] = b"hydra request token v1";
/// Bytes of a request's token: nobody guesses it.
const TOKEN_BYTES: usize = 16;

impl Guest {
    /// Sets a timer.
    pub(super) fn set_timer(&mut self, name: &str, when: When, missed: Missed, body: Bytes) -> Result<(), Stop> {
        let origin = self.turn.origin.ok_or_else(|| Self::outside("timers.set"))?;
        let now = self.turn.now;
        let set = |waits: &mut Waits| waits.set(name, when, missed, body, origin, now);
        self.change("timers.set", set)
    }

    /// Ends a timer; without one of that name there is nothing to do.
    pub(super) fn cancel_timer(&mut self, name: &str) -> Result<(), Stop> {
        self.change("timers.cancel", |waits| {
            waits.cancel(name);
            Ok(())
        })
    }

    /// Sends a request and begins to wait for its answer. Gives its token.
    pub(super) fn request(&mut self, send: Send, timeout_ms: u64, memo: Bytes) -> Result<String, Stop> {
        let timeout = Duration::from_millis(timeout_ms);
        if timeout.is_zero() || timeout > REQUEST_MAX {
            return Err(denied("messaging.request", &timer::Error::Timeout { ms: timeout_ms }));
        }
        let due = self.turn.now.plus(timeout).min(self.turn.deadline.unwrap_or(Time(u64::MAX)));
        let token = self.token();
        let awaited = Some(Awaited { token: token.clone(), due });
        let pending = Pending { token: token.clone(), memo, due };
        self.change("messaging.request", |waits| waits.expect(pending))?;
        self.push_send(Send { awaited, ..send })?;
        Ok(token)
    }

    /// Answers a message of an earlier turn.
    pub(super) fn answer_later(&mut self, reply_token: String, payload: Payload) -> Result<(), Stop> {
        self.check_body(&payload.body)?;
        self.count(payload.body.len() + payload.headers.bytes() + reply_token.len())?;
        self.turn.effects.answers.push(Later { reply_token, payload });
        Ok(())
    }

    fn change(&mut self, call: &str, change: impl FnOnce(&mut Waits) -> Result<(), timer::Error>) -> Result<(), Stop> {
        self.check_open(call)?;
        change(&mut self.turn.waits).map_err(|error| denied(call, &error))?;
        self.turn.waits_changed = true;
        Ok(())
    }

    fn token(&self) -> String {
        let mut token = [0; TOKEN_BYTES];
        let mut hash = blake3::Hasher::new_keyed(&self.turn.random_key);
        let number = u64::try_from(self.turn.effects.sends.len()).unwrap_or(u64::MAX);
        hash.update(TOKEN_DOMAIN).update(&number.to_le_bytes()).finalize_xof().fill(&mut token);
        data_encoding::HEXLOWER.encode(&token)
    }
}

fn denied(call: &str, error: &timer::Error) -> Stop {
    let code = match error {
        timer::Error::Name { .. } => "bad-name",
        timer::Error::Schedule(_) => "bad-schedule",
        timer::Error::Timeout { .. } => "bad-timeout",
        timer::Error::TooMany => "too-many-timers",
        timer::Error::TooLarge { .. } => "timers-too-large",
    };
    Stop::denied(code, format!("{call}: {error}"))
}
