//! How far a source has come in its stream, and whether that stream is still the same. Pure.
//! Kept as the state of `sys-source/NAME`, in JSON, so that people can read it.

use serde::{Deserialize, Serialize};

use crate::backend::ForeignPage;
use crate::clock::Time;
use crate::config::{Binding, OnRecreated};
use crate::id::Seq;

/// How far a source has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The stream.
    pub stream: String,
    /// When it was made: one that is made anew counts its messages anew.
    pub created: String,
    /// Everything up to here that the filter lets through was handed on.
    pub seq: Seq,
    /// Messages that were handed on in all.
    pub handed_on: u64,
    /// Those that were not, because they named no actor: they are dead letters of this source.
    pub misfits: u64,
    /// Positions that the stream had removed before they were read. Some may have been none of the filter's.
    pub missed: u64,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_missed: Option<Missed>,
}

/// Positions that were removed before they were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The first.
    pub from: Seq,
    /// The last.
    pub to: Seq,
    /// When it was seen.
    pub time: Time,
}

/// Why a source stands still. Each ends with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// There is no such stream. The source goes on once there is.
    #[error("there is no stream {stream}: make it, or correct the source")]
    NoStream {
        /// Its name.
        stream: String,
    },
    /// The source has read another stream under this name.
    #[error(
        "its position is in the stream {found}, the settings say {wanted}: give the source another name, or set \
         on_recreated = \"restart\" to begin with the first message of {wanted}"
    )]
    AnotherStream {
        /// Which it has read.
        found: String,
        /// Which it is to read.
        wanted: String,
    },
    /// The stream was deleted and made anew.
    #[error(
        "the stream {stream} was made anew at {now}, the position {seq} is of the one made at {before}: set on_recreated = \
         \"restart\" to begin with its first message, or give the source another name"
    )]
    Recreated {
        /// Its name.
        stream: String,
        /// When the one that was read was made.
        before: String,
        /// When this one was.
        now: String,
        /// How far the former one was read.
        seq: Seq,
    },
    /// The stream ends before what was read of it.
    #[error(
        "the stream {stream} ends at {last} and was read up to {seq}: its server has lost the newest messages; set \
         on_recreated = \"restart\" to go on behind {last}"
    )]
    TailLost {
        /// Its name.
        stream: String,
        /// Where it ends now.
        last: Seq,
        /// How far it was read.
        seq: Seq,
    },
    /// The source is to begin where the stream has not come to.
    #[error("start_seq is {start}, and the stream {stream} ends at {last}: at most {}", .last.0 + 1)]
    BeyondEnd {
        /// Its name.
        stream: String,
        /// Where it is to begin.
        start: u64,
        /// Where the stream ends.
        last: Seq,
    },
    /// Somebody has changed the state by hand.
    #[error("its position cannot be read ({reason}): give the source another name, with the right start_seq")]
    Unreadable {
        /// Why.
        reason: String,
    },
}

impl Position {
    /// Reads a source's state.
    ///
    /// # Errors
    /// `Trouble::Unreadable`: a human must act.
    pub fn read(state: &[u8]) -> Result<Self, Trouble> {
        serde_json::from_slice(state).map_err(|error| Trouble::Unreadable { reason: error.to_string() })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Notes what the stream has removed before it was read.
    pub(super) fn pass_gap(&mut self, page: &ForeignPage, now: Time) -> Option<Missed> {
        let (from, to) = (Seq(self.seq.0 + 1), page.first.before());
        if to < from {
            return None;
        }
        let missed = Missed { from, to, time: now };
        self.missed += to.0 - self.seq.0;
        self.seq = to;
        self.last_missed = Some(missed.clone());
        Some(missed)
    }
}

/// Where to go on, once it is sure that it is the same stream. `kept`: the source's state, if it has any.
///
/// # Errors
/// [`Trouble`]: stand still, and tell.
pub(super) fn resume(
    kept: Option<Position>,
    binding: &Binding,
    head: Option<&ForeignPage>,
) -> Result<Position, Trouble> {
    let stream = binding.stream.clone();
    let Some(head) = head else { return Err(Trouble::NoStream { stream }) };
    let begin = |seq: Seq| Position {
        stream: binding.stream.clone(),
        created: head.created.clone(),
        seq: seq.max(head.first.before()),
        handed_on: 0,
        misfits: 0,
        missed: 0,
        last_missed: None,
    };
    let Some(kept) = kept else {
        let (start, last) = (binding.start_seq, head.last);
        let is_beyond = start > last.0.saturating_add(1);
        return if is_beyond {
            Err(Trouble::BeyondEnd { stream, start, last })
        } else {
            Ok(begin(Seq(start).before()))
        };
    };
    let is_same = kept.stream == stream && kept.created == head.created;
    let trouble = if kept.stream != stream {
        Trouble::AnotherStream { found: kept.stream.clone(), wanted: stream }
    } else if !is_same {
        Trouble::Recreated { stream, before: kept.created.clone(), now: head.created.clone(), seq: kept.seq }
    } else if kept.seq > head.last {
        Trouble::TailLost { stream, last: head.last, seq: kept.seq }
    } else {
        return Ok(kept);
    };
    match binding.on_recreated {
        OnRecreated::Stop => Err(trouble),
        OnRecreated::Restart if is_same => Ok(Position { seq: head.last, ..kept }),
        OnRecreated::Restart => {
            let Position { seq, .. } = begin(Seq(0));
            Ok(Position { stream: binding.stream.clone(), created: head.created.clone(), seq, ..kept })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(more: &str) -> Binding {
        toml::from_str(&format!("stream = \"S\"\nto = \"order/{{1}}\"\nsubject = \"a\"\n{more}")).unwrap()
    }

    fn head(created: &str, first: u64, last: u64) -> ForeignPage {
        ForeignPage { created: created.into(), first: Seq(first), last: Seq(last), messages: vec![], complete: false }
    }

    fn kept(seq: u64) -> Option<Position> {
        resume(None, &binding(""), Some(&head("t1", 1, 100))).map(|begun| Position { seq: Seq(seq), ..begun }).ok()
    }

    fn seq(kept: Option<Position>, more: &str, head: &ForeignPage) -> Result<u64, Trouble> {
        resume(kept, &binding(more), Some(head)).map(|position| position.seq.0)
    }

    #[test]
    fn a_new_source_begins_where_it_is_told_and_not_before_the_stream() {
        assert_eq!(seq(None, "", &head("t1", 1, 100)), Ok(0));
        assert_eq!(seq(None, "", &head("t1", 41, 100)), Ok(40));
        assert_eq!(seq(None, "start_seq = 101", &head("t1", 1, 100)), Ok(100));
        assert!(matches!(seq(None, "start_seq = 102", &head("t1", 1, 100)), Err(Trouble::BeyondEnd { .. })));
        assert!(matches!(resume(kept(1), &binding(""), None), Err(Trouble::NoStream { .. })));
    }

    #[test]
    fn another_stream_of_the_same_name_is_not_read_unless_it_is_allowed() {
        let restart = "on_recreated = \"restart\"";
        assert_eq!(seq(kept(7), "", &head("t1", 1, 100)), Ok(7));
        assert!(matches!(seq(kept(7), "", &head("t2", 1, 100)), Err(Trouble::Recreated { .. })));
        assert_eq!(seq(kept(7), restart, &head("t2", 3, 100)), Ok(2));
        assert!(matches!(seq(kept(7), "", &head("t1", 1, 6)), Err(Trouble::TailLost { .. })));
        assert_eq!(seq(kept(7), restart, &head("t1", 1, 6)), Ok(6));
        let renamed = Position { stream: "R".into(), ..kept(7).unwrap() };
        assert!(matches!(seq(Some(renamed.clone()), "", &head("t1", 1, 9)), Err(Trouble::AnotherStream { .. })));
        assert_eq!(seq(Some(renamed), restart, &head("t1", 1, 9)), Ok(0));
    }

    #[test]
    fn what_was_removed_unread_is_counted_once() {
        let mut position = kept(7).unwrap();
        assert_eq!(position.pass_gap(&head("t1", 8, 100), Time(1)), None);
        let missed = position.pass_gap(&head("t1", 11, 100), Time(1)).unwrap();
        assert_eq!((missed.from.0, missed.to.0, position.seq.0, position.missed), (8, 10, 10, 3));
        assert_eq!(position.pass_gap(&head("t1", 11, 100), Time(1)), None);
        assert_eq!(Position::read(&position.write()), Ok(position));
        assert!(matches!(Position::read(b"{}"), Err(Trouble::Unreadable { .. })));
    }
}
