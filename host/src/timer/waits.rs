//! All that one actor waits for: its timers by name, and the requests that are not answered yet.
//! Part of its record: a commit that changes it makes it true, and what is not in it never counts. Pure.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::due::Due;
use super::schedule::{self, Schedule, When};
use crate::clock::Time;
use crate::id::Cursor;
use crate::message::body;
use crate::names::Subject;

/// Timers and pending requests of one actor, together.
pub const COUNT_MAX: usize = 128;
/// Bytes of all of them, bodies and memos included.
pub const BYTES_MAX: usize = 16 << 10;
/// Longest time that a request waits for its answer.
pub const REQUEST_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What becomes of the times that nobody could tell of, because the host was away or the actor suspended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    /// One message for all of them, which says how many there were.
    #[default]
    FireOnce,
    /// None: the timer goes on with its next time. Of no meaning to one that is due once.
    Skip,
}

/// One timer. Stored with field names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// By which it is replaced and cancelled.
    pub name: String,
    /// How it goes on.
    pub schedule: Schedule,
    /// What becomes of missed times.
    pub missed: Missed,
    /// What its messages hold.
    #[serde(with = "body")]
    pub body: Bytes,
    /// Where the message stood whose turn set it: another timer of that name has another.
    #[serde(with = "as_text")]
    pub generation: Cursor,
    /// When it is due next.
    pub due: Time,
}

/// A request that is not answered yet. Stored with field names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// What its answer must bring. Nobody can guess it.
    pub token: String,
    /// For the handler of the answer.
    #[serde(with = "body")]
    pub memo: Bytes,
    /// When it ends without an answer.
    pub due: Time,
}

/// What one actor waits for. Stored with field names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// In the order of setting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timers: Vec<Timer>,
    /// In the order of asking.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Pending>,
}

/// A timer or a request that an actor may not have. Its author corrects it, or has fewer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name breaks the grammar.
    #[error("timer name {name:?} is not valid: words of A-Z a-z 0-9 _ - joined by dots, at most 128 bytes")]
    Name {
        /// What was given, shortened.
        name: String,
    },
    /// The schedule cannot be kept.
    #[error(transparent)]
    Schedule(#[from] schedule::Error),
    /// A request that waits for nothing, or for too long.
    #[error("a request waits 1 ms to {} ms, not {ms}", REQUEST_MAX.as_millis())]
    Timeout {
        /// What was asked.
        ms: u64,
    },
    /// More than [`COUNT_MAX`].
    #[error(
        "an actor has at most {COUNT_MAX} timers and pending requests together: cancel some, or use further actors"
    )]
    TooMany,
    /// More than [`BYTES_MAX`].
    #[error(
        "timers and pending requests of {size} bytes, limit {BYTES_MAX} for all of an actor: keep bodies and memos short"
    )]
    TooLarge {
        /// How large they would be.
        size: usize,
    },
}

impl Waits {
    /// Whether it waits for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timers.is_empty() && self.requests.is_empty()
    }

    /// Sets a timer, in place of one of the same name. `generation`: where the message stands whose turn sets it.
    ///
    /// # Errors
    /// `Error`: nothing has changed; tell the author.
    pub fn set(
        &mut self,
        name: &str,
        when: When,
        missed: Missed,
        body: Bytes,
        generation: Cursor,
        now: Time,
    ) -> Result<(), Error> {
        Subject::new(name).map_err(|_| Error::Name { name: crate::id::shown(name) })?;
        let (schedule, due) = when.begin(now)?;
        let mut timers: Vec<Timer> = self.timers.iter().filter(|timer| timer.name != name).cloned().collect();
        timers.push(Timer { name: name.into(), schedule, missed, body, generation, due });
        self.replace(Self { timers, requests: self.requests.clone() })
    }

    /// Ends a timer. False: there is none of that name.
    pub fn cancel(&mut self, name: &str) -> bool {
        let before = self.timers.len();
        self.timers.retain(|timer| timer.name != name);
        self.timers.len() < before
    }

    /// Begins to wait for an answer.
    ///
    /// # Errors
    /// `TooMany`, `TooLarge`: nothing has changed; tell the author.
    pub fn expect(&mut self, pending: Pending) -> Result<(), Error> {
        let mut requests = self.requests.clone();
        requests.push(pending);
        self.replace(Self { timers: self.timers.clone(), requests })
    }

    fn replace(&mut self, new: Self) -> Result<(), Error> {
        let (count, size) = (new.timers.len() + new.requests.len(), new.size());
        if count > COUNT_MAX {
            return Err(Error::TooMany);
        }
        if size > BYTES_MAX {
            return Err(Error::TooLarge { size });
        }
        *self = new;
        Ok(())
    }

    /// Bytes that it takes in the record, but for its encoding as text.
    #[must_use]
    pub fn size(&self) -> usize {
        rmp_serde::to_vec_named(self).map_or(usize::MAX, |bytes| bytes.len())
    }

    /// All that is to come, and when.
    pub fn dues(&self) -> impl Iterator<Item = (Time, Due)> {
        let timers = self.timers.iter().map(|timer| (timer.due, Due::of_timer(timer)));
        timers.chain(self.requests.iter().map(|request| (request.due, Due::TimeOut(request.token.clone()))))
    }
}

/// Cursors as they are written everywhere.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::id::Cursor;

    pub(super) fn serialize<S: Serializer>(cursor: &Cursor, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(cursor)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Cursor, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{BucketId, Seq};

    fn at(seq: u64) -> Cursor {
        Cursor { bucket: BucketId { number: 1, incarnation: 1 }, seq: Seq(seq) }
    }

    fn set(waits: &mut Waits, name: &str, body: usize) -> Result<(), Error> {
        let body = vec![7; body].into();
        waits.set(name, When::At(Time(9)), Missed::FireOnce, body, at(3), Time(1))
    }

    #[test]
    fn a_timer_of_the_same_name_is_replaced() {
        let mut waits = Waits::default();
        set(&mut waits, "a", 1).unwrap();
        set(&mut waits, "b", 1).unwrap();
        waits.set("a", When::After(Duration::from_secs(2)), Missed::Skip, Bytes::new(), at(4), Time(1)).unwrap();
        let told: Vec<_> =
            waits.timers.iter().map(|timer| (timer.name.as_str(), timer.generation, timer.due)).collect();
        assert_eq!(told, [("b", at(3), Time(9)), ("a", at(4), Time(2_001))]);
        assert!(waits.cancel("a") && !waits.cancel("a"));
    }

    #[test]
    fn an_actor_has_so_many_and_no_more() {
        let mut waits = Waits::default();
        for number in 0..COUNT_MAX {
            set(&mut waits, &format!("t{number}"), 1).unwrap();
        }
        assert_eq!(set(&mut waits, "more", 1), Err(Error::TooMany));
        assert_eq!(set(&mut waits, "t0", 1), Ok(()));
        let pending = Pending { token: "x".into(), memo: Bytes::new(), due: Time(1) };
        assert_eq!(waits.expect(pending), Err(Error::TooMany));
        let mut waits = Waits::default();
        let error = set(&mut waits, "a", BYTES_MAX).unwrap_err();
        assert!(error.to_string().contains("limit 16384"), "{error}");
        assert!(waits.is_empty());
    }

    #[test]
    fn a_name_is_one_that_a_subject_can_hold() {
        for name in ["", "a b", "a:b", &"x".repeat(129)] {
            assert!(matches!(set(&mut Waits::default(), name, 1), Err(Error::Name { .. })), "{name}");
        }
    }
}
