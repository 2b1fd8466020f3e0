//! How a source stands, for people: its position, how much waits behind it, and why it stands still if it does.
//! Asked by `http` and `watch`; reads the record and the stream, and changes neither.

use serde::{Deserialize, Serialize};

use super::handler::Source;
use super::position::{Missed, Position, Trouble, resume};
use crate::backend::{Backend, Error, ForeignPage};
use crate::config::Binding;
use crate::id::{ActorId, Seq};
use crate::record::{self, Record};

/// How a source stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// The actor whose state is its position.
    pub actor: ActorId,
    /// What it reads.
    pub stream: String,
    /// Which subjects of it.
    pub filter: String,
    /// Who gets it.
    pub to: String,
    /// Up to where everything was handed on; none: it has not begun.
    pub position: Option<Seq>,
    /// Where the stream ends; none: there is none.
    pub last: Option<Seq>,
    /// Positions in between; not all of them need be the filter's.
    pub lag: Option<u64>,
    /// Messages that were handed on in all.
    pub handed_on: u64,
    /// Messages that named no actor: dead letters of this source.
    pub misfits: u64,
    /// Positions that the stream had removed before they were read.
    pub missed: u64,
    /// The last of them.
    pub last_missed: Option<Missed>,
    /// Why it stands still, and what to do; none: it does not.
    pub trouble: Option<String>,
}

/// How a source stands.
///
/// # Errors
/// The store's: try again.
pub async fn status(backend: &Backend, binding: &Binding) -> Result<Status, Error> {
    let unnamed = |error: crate::id::Error| Error::Unavailable { reason: error.to_string() };
    let source = Source::new(binding).map_err(unnamed)?;
    let look = look(backend, &source).await?;
    let position = look.kept.clone().ok().flatten();
    let (seq, last) = (position.as_ref().map(|position| position.seq), look.head.as_ref().map(|head| head.last));
    let trouble = look.resume(&source).err().map(|trouble| trouble.to_string());
    let of = |count: fn(&Position) -> u64| position.as_ref().map_or(0, count);
    Ok(Status {
        name: binding.name().into(),
        actor: source.actor,
        stream: binding.stream.clone(),
        filter: binding.filter.clone(),
        to: binding.to.to_string(),
        position: seq,
        last,
        lag: last.map(|last| last.0.saturating_sub(seq.unwrap_or_default().0)).filter(|_| trouble.is_none()),
        handed_on: of(|position| position.handed_on),
        misfits: of(|position| position.misfits),
        missed: of(|position| position.missed),
        last_missed: position.and_then(|position| position.last_missed),
        trouble,
    })
}

/// A look at a source and its stream.
pub(super) struct Look {
    /// The source's state; none: it has none yet.
    pub(super) kept: Result<Option<Position>, Trouble>,
    head: Option<ForeignPage>,
}

impl Look {
    /// Where the source would go on.
    pub(super) fn resume(&self, source: &Source) -> Result<Position, Trouble> {
        resume(self.kept.clone()?, &source.binding, self.head.as_ref())
    }

    /// Whether the stream holds nothing that was not looked at.
    pub(super) fn is_at_end(&self, position: &Position) -> bool {
        self.head.as_ref().is_some_and(|head| head.last <= position.seq)
    }
}

/// Looks at a source and its stream.
///
/// # Errors
/// The store's: try again.
pub(super) async fn look(backend: &Backend, source: &Source) -> Result<Look, Error> {
    let unreadable = |error: record::Error| Trouble::Unreadable { reason: error.to_string() };
    let row = backend.actors.get(&record::key(&source.actor)).await?;
    let record = row.map_or_else(|| Ok(Record::default()), |row| Record::decode(&row).map_err(unreadable));
    let kept = record.and_then(|record| record.state.as_deref().map(Position::read).transpose());
    let Binding { stream, filter, .. } = &*source.binding;
    let head = backend.log.read_foreign(stream, filter, Seq(u64::MAX), 0).await?;
    Ok(Look { kept, head })
}
