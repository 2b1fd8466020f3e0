//! The record: what is persisted for one actor, state and the host's bookkeeping in one row.
//! Pure: reads and writes table entries, never a table.

use bytes::Bytes;

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
