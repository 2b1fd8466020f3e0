//! What messages are called: their ids and their subjects.
//! Ground floor: pure. `message` carries them, `outbox` makes ids, backends store both as text.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{ActorId, Cursor, Error, shown};

/// Longest message subject, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 128;

/// First word of a tick's subject; the timer's name follows.
pub const TIMER: &str = "timer";
/// First word of the subject of a message that ends a request; nothing follows.
pub const ANSWER: &str = "answer";

/// Names one message for ever; equal on every copy, redelivery and retry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(Arc<str>);

impl MessageId {
    /// Of a message that comes from outside: `in:KIND/ID:RANDOM`, made once by whoever accepts it.
    #[must_use]
    pub fn outside(to: &ActorId, random: [u8; 16]) -> Self {
        Self(format!("in:{}:{}", to.escaped(), data_encoding::HEXLOWER.encode(&random)).into())
    }

    /// Of the `index`-th message sent by the commit at `cursor`: `KIND/ID:BUCKET:SEQ:INDEX`.
    #[must_use]
    pub fn outbox(sender: &ActorId, cursor: Cursor, index: usize) -> Self {
        Self(format!("{}:{cursor}:{index}", sender.escaped()).into())
    }

    /// Of a message that reached the log without an id: `BUCKET:SEQ`.
    #[must_use]
    pub fn of_log(cursor: Cursor) -> Self {
        Self(cursor.to_string().into())
    }

    /// As stored; any text, since foreign publishers choose their own.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a message is, for example `deposit` or `order.created`; with a colon it is the host's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(Arc<str>);

impl Subject {
    /// Checks a subject from outside or from a guest.
    ///
    /// # Errors
    /// `Error::Subject`: tell the caller the grammar.
    pub fn new(text: &str) -> Result<Self, Error> {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        };
        if text.len() <= SUBJECT_BYTES_MAX && text.split('.').all(word) {
            Ok(Self(text.into()))
        } else {
            Err(Error::Subject { subject: shown(text) })
        }
    }

    /// One of the host's own: `PREFIX:NAME`.
    #[must_use]
    pub fn host(prefix: &str, name: &str) -> Self {
        Self(format!("{prefix}:{name}").into())
    }

    /// As stored; the log may hold what a foreign publisher wrote.
    ///
    /// # Errors
    /// `Error::Subject` when it is neither a valid subject nor one of the host's.
    pub fn stored(text: &str) -> Result<Self, Error> {
        match text.split_once(':') {
            Some((prefix, _)) if text.len() <= 2 * SUBJECT_BYTES_MAX => Self::new(prefix).map(|_| Self(text.into())),
            _ => Self::new(text),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether only the host may send this subject.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.0.contains(':')
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{BucketId, Seq};

    #[test]
    fn subjects_follow_the_grammar() {
        for good in ["add", "order.created", "A-b_c.9"] {
            assert!(Subject::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "a..b", "a.", "timer:x", "a b", "é", "a/b", &"x".repeat(129)] {
            assert!(Subject::new(bad).is_err(), "{bad}");
        }
        assert!(Subject::stored("timer:tick").is_ok_and(|subject| subject.is_host()));
    }

    #[test]
    fn an_outbox_id_names_sender_commit_and_index() {
        let sender = ActorId::parse("counter/a b").unwrap();
        let cursor = Cursor { bucket: BucketId { number: 3, incarnation: 1 }, seq: Seq(9) };
        assert_eq!(MessageId::outbox(&sender, cursor, 2).as_str(), "counter/a=20b:03.1:9:2");
    }
}
