//! When a timer fires, and what it says: what an author hands to `Context::set_timer`.
//! Ground floor: pure data. The host keeps the timers; it checks cron expressions and time zones.

use std::time::Duration;

use serde::Serialize;

use crate::Failure;
use crate::outcome::to_json;

/// A timer to be set. It fires as a message with the subject `timer:NAME`, also after the host was away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    pub(crate) when: When,
    pub(crate) body: Vec<u8>,
    pub(crate) skips_missed: bool,
}

/// When a timer fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    AtMs(u64),
    AfterMs(u64),
    EveryMs(u64),
    Cron(String, String),
}

impl Timer {
    fn new(when: When) -> Self {
        Self { when, body: Vec::new(), skips_missed: false }
    }

    /// Once, at this moment in Unix milliseconds; at once if it has passed.
    #[must_use]
    pub fn at_ms(moment: u64) -> Self {
        Self::new(When::AtMs(moment))
    }

    /// Once, after this long.
    #[must_use]
    pub fn after(span: Duration) -> Self {
        Self::new(When::AfterMs(milliseconds(span)))
    }

    /// Again and again, this far apart: a second at least.
    #[must_use]
    pub fn every(span: Duration) -> Self {
        Self::new(When::EveryMs(milliseconds(span)))
    }

    /// As a cron expression says, in an IANA time zone: 5 fields (minute, hour, day, month, weekday), or 6 with the second
    /// in front.
    #[must_use]
    pub fn cron(expression: &str, zone: &str) -> Self {
        Self::new(When::Cron(expression.to_owned(), zone.to_owned()))
    }

    /// Does not tell of times that passed while no host ran or the actor was suspended. Without this one message tells of
    /// them all, and [`crate::Message::missed`] counts them. Of no meaning to a timer that fires once.
    #[must_use]
    pub fn skip_missed(mut self) -> Self {
        self.skips_missed = true;
        self
    }

    /// What its messages hold.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// What its messages hold, as JSON.
    ///
    /// # Errors
    /// `Failure::Fail` with the code `timer-does-not-encode` when the value cannot be JSON: pass it on with `?`.
    pub fn json(self, value: &impl Serialize) -> Result<Self, Failure> {
        Ok(self.body(to_json("timer", value)?))
    }
}

pub(crate) fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
