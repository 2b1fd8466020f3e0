//! The record: what is persisted for one actor, state and the host's bookkeeping in one row.
//! Pure: reads and writes table entries, never a table.

use bytes::Bytes;

use crate::backend::Entry;
use crate::clock::Time;
use crate::digest::Digest;
use crate::id::{ActorId, Cursor};
use crate::message::Problem;

/// What is persisted for one actor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The last message applied.
    pub cursor: Option<Cursor>,
    /// When this record was written.
    pub committed: Time,
    /// Which code wrote it.
    pub version: Option<Digest>,
    /// The actor's bytes; none: it has no state.
    pub state: Option<Bytes>,
    /// Whether it works.
    pub status: Status,
}

/// Whether an actor works.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Status {
    /// It does.
    #[default]
    Active,
    /// Its messages wait for a human.
    Suspended(Problem),
    /// It is forgotten; only its cursor is kept.
    Deleted,
}

/// Where an actor's record is kept: `KIND.ID.state`.
#[must_use]
pub fn key(actor: &ActorId) -> String {
    format!("{}.{}.state", actor.kind(), actor.escaped_id())
}

/// Whose record is kept there; none if the key is another row's.
#[must_use]
pub fn actor_of(key: &str) -> Option<ActorId> {
    let (kind, id) = key.strip_suffix(".state")?.split_once('.')?;
    ActorId::parse_escaped(&format!("{kind}/{id}")).ok()
}

/// A row that is no record: changed by hand or written by a newer host. A human must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A header does not parse.
    #[error("record header {name} cannot be read")]
    Header {
        /// Its name.
        name: &'static str,
    },
}

impl Record {
    /// Reads a row.
    ///
    /// # Errors
    /// `Error`: the row was changed by hand or by a newer host. Suspend the actor's work and tell a human.
    pub fn decode(entry: &Entry) -> Result<Self, Error> {
        unimplemented!("{entry:?}")
    }
}
