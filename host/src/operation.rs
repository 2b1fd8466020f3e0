//! What an operator can do to one actor, and how that is written as a message.
//! Ground floor: pure. Sent by `client`, applied by `operator`.

use bytes::Bytes;

use crate::message::{Headers, Message, header};
use crate::names::Subject;

/// First word of an operation's subject.
const PREFIX: &str = "operator";
/// Code of the problem that an actor has no record to act on.
pub const NO_SUCH_ACTOR: &str = "no-such-actor";

/// Code of the problem that an actor has no such timer.
pub const NO_SUCH_TIMER: &str = "no-such-timer";

/// What an operator can do to one actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Its messages wait until it is resumed.
    Suspend,
    /// It works again.
    Resume,
    /// The message it is stuck at becomes a dead letter.
    Skip,
    /// It is forgotten, as if it had deleted itself.
    Delete,
    /// Its state becomes these bytes.
    SetState(Bytes),
    /// Its timer of this name ends.
    CancelTimer(String),
}

impl Operation {
    /// The subject and body that carry it.
    #[must_use]
    pub fn to_message(&self) -> (Subject, Bytes) {
        let (name, body) = match self {
            Self::Suspend => ("suspend", Bytes::new()),
            Self::Resume => ("resume", Bytes::new()),
            Self::Skip => ("skip", Bytes::new()),
            Self::Delete => ("delete", Bytes::new()),
            Self::SetState(bytes) => ("set-state", bytes.clone()),
            Self::CancelTimer(name) => ("cancel-timer", name.clone().into()),
        };
        (Subject::host(PREFIX, name), body)
    }

    /// Reads a message; none if it is no operation.
    #[must_use]
    pub fn from_message(message: &Message) -> Option<Self> {
        match message.subject.as_str().strip_prefix(PREFIX)?.strip_prefix(':')? {
            "suspend" => Some(Self::Suspend),
            "resume" => Some(Self::Resume),
            "skip" => Some(Self::Skip),
            "delete" => Some(Self::Delete),
            "set-state" => Some(Self::SetState(message.body.clone())),
            "cancel-timer" => Some(Self::CancelTimer(String::from_utf8(message.body.to_vec()).ok()?)),
            _ => None,
        }
    }
}

/// Whether a message with these headers is an operator's.
#[must_use]
pub fn is_operation(headers: &Headers) -> bool {
    let subject = headers.get(header::SUBJECT);
    subject.and_then(|subject| subject.split_once(':')).is_some_and(|(prefix, _)| prefix == PREFIX)
}
