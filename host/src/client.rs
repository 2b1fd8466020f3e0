//! Puts messages into mailboxes from outside, and waits for their answers.
//! Stands at the very beginning of a message's way; the HTTP API and embedders call it.
//! Never reads or writes an actor's record.

use std::time::Duration;

use bytes::Bytes;

use crate::id::ActorId;
use crate::message::{Answer, Headers};
use crate::names::{MessageId, Subject};

/// A message from outside.
#[derive(Debug, Clone)]
pub struct Request {
    /// The receiver.
    pub to: ActorId,
    /// What it is.
    pub subject: Subject,
    /// The caller's headers, unchecked.
    pub headers: Headers,
    /// Opaque bytes, unchecked.
    pub body: Bytes,
    /// The caller's idempotency key, unchecked.
    pub key: Option<String>,
    /// W3C trace context, unchecked.
    pub trace: Option<String>,
}

/// How an ask ended for the caller.
#[derive(Debug, Clone)]
pub enum Asked {
    /// The outcome.
    Answered(Answer),
    /// Accepted and stored, but there was no answer in time: it is still being worked on.
    TimedOut(MessageId),
}

/// Why a message was not accepted. Nothing was stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The receiver's kind was never deployed. Deploy it, or correct the name.
    #[error("kind {kind} is not deployed: hydra deploy FILE.wasm --kind {kind}")]
    UnknownKind {
        /// Which.
        kind: String,
    },
    /// The body is larger than a message may be.
    #[error("the body is {size} bytes, a message takes {limit}")]
    TooLarge {
        /// How large it is.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
    /// Headers or key break the grammar.
    #[error(transparent)]
    Malformed(#[from] crate::message::Error),
    /// The idempotency key is empty or too long.
    #[error("an idempotency key has 1 to {limit} bytes, this one {size}")]
    Key {
        /// How long it is.
        size: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The store cannot take messages now. Try again.
    #[error(transparent)]
    Store(#[from] crate::backend::Error),
}

/// Sends and asks. Cheap to clone.
#[derive(Clone)]
pub struct Client {}

impl Client {
    /// Stores a message and returns at once; its effect is applied exactly once.
    ///
    /// # Errors
    /// See [`Error`]; after any of them nothing is stored, but for `Store(Unknown)`.
    pub async fn send(&self, request: Request) -> Result<MessageId, Error> {
        unimplemented!("{request:?}")
    }

    /// Stores a message and waits for its outcome.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn ask(&self, request: Request, timeout: Duration) -> Result<Asked, Error> {
        unimplemented!("{request:?} {timeout:?}")
    }

    /// Asks the actor's owner to act as an operator says; refused for actors that never were.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn operate(&self, to: ActorId, operation: Operation, timeout: Duration) -> Result<Asked, Error> {
        unimplemented!("{to} {operation:?} {timeout:?}")
    }
}

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
}
