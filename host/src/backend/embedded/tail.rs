//! The newest messages of one bucket, handed from the writer to the bucket's reader, so that nothing hot is read from disk.
//! Filled by `writer` after each commit, emptied by `inbox`. Bounded: what does not fit is read from the log again.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::backend::{Delivery, Error};
use crate::guard::lock;
use crate::id::{Epoch, Seq};

/// Messages that wait here for one bucket's reader.
const MESSAGES_MAX: usize = 1_024;
/// Bytes of bodies that wait here for one bucket's reader.
const BYTES_MAX: usize = 4 << 20;

/// One bucket, between the writer and its reader.
#[derive(Default)]
pub(super) struct Tail {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// How often an inbox was opened: only the latest may go on.
    openings: u64,
    epoch: Epoch,
    /// Whether the latest inbox is still there.
    is_open: bool,
    is_closed: bool,
    floor: Seq,
    /// The floor that is in the database.
    floor_stored: Seq,
    /// The last message committed.
    last: Seq,
    /// Every committed message behind this position is in `recent`; those up to it are read from the log.
    read_until: Seq,
    recent: VecDeque<Delivery>,
    bytes: usize,
}

/// What a reader finds.
pub(super) enum Found {
    /// The next message.
    Message(Delivery),
    /// The next ones must be read from the log, up to this position.
    Behind(Seq),
    /// Nothing: wait.
    Nothing,
}

impl State {
    fn pop(&mut self) -> Option<Delivery> {
        let message = self.recent.pop_front()?;
        self.bytes = self.bytes.saturating_sub(message.body.len());
        Some(message)
    }

    fn forget(&mut self) {
        self.recent = VecDeque::new();
        self.bytes = 0;
        self.read_until = self.last;
    }
}

impl Tail {
    /// Of a bucket that stands so in the database.
    pub(super) fn new(floor: Seq, last: Seq) -> Self {
        let state = State { floor, floor_stored: floor, last, read_until: last, ..State::default() };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Opens it for a reader and closes it to every earlier one. Answers with the opening's number and the floor.
    pub(super) fn open(&self, epoch: Epoch) -> Result<(u64, Seq), Error> {
        let mut state = lock(&self.state);
        if state.is_closed || epoch < state.epoch {
            return Err(Error::Closed);
        }
        state.epoch = epoch;
        state.openings += 1;
        state.is_open = true;
        state.forget();
        self.changed.notify_waiters();
        Ok((state.openings, state.floor))
    }

    /// The reader went away.
    pub(super) fn leave(&self, opening: u64) {
        let mut state = lock(&self.state);
        if state.openings == opening {
            state.is_open = false;
            state.forget();
        }
    }

    /// The store is closed: so is every reader.
    pub(super) fn close(&self) {
        lock(&self.state).is_closed = true;
        self.changed.notify_waiters();
    }

    /// Takes a message that was just committed.
    pub(super) fn push(&self, message: Delivery) {
        let mut state = lock(&self.state);
        state.last = message.seq;
        if !state.is_open {
            state.read_until = message.seq;
            return;
        }
        state.bytes += message.body.len();
        state.recent.push_back(message);
        while state.recent.len() > MESSAGES_MAX || state.bytes > BYTES_MAX {
            let Some(oldest) = state.pop() else { break };
            state.read_until = oldest.seq;
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Ends when something changes after this call.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// What comes behind `position`, for the reader with this opening.
    pub(super) fn take(&self, opening: u64, position: Seq) -> Result<Found, Error> {
        let mut state = self.of_reader(opening)?;
        while state.recent.front().is_some_and(|message| message.seq <= position) {
            state.pop();
        }
        if position < state.read_until {
            return Ok(Found::Behind(state.read_until));
        }
        Ok(state.pop().map_or(Found::Nothing, Found::Message))
    }

    /// Checks that the reader with this opening may go on.
    pub(super) fn check(&self, opening: u64) -> Result<(), Error> {
        self.of_reader(opening).map(|_| ())
    }

    /// Raises the floor.
    pub(super) fn acknowledge(&self, opening: u64, seq: Seq) -> Result<(), Error> {
        let mut state = self.of_reader(opening)?;
        state.floor = state.floor.max(seq.min(state.last));
        Ok(())
    }

    /// Everything up to here is acknowledged.
    pub(super) fn floor(&self) -> Seq {
        lock(&self.state).floor
    }

    /// The floor, if the database has a lower one.
    pub(super) fn floor_to_store(&self) -> Option<Seq> {
        let state = lock(&self.state);
        (state.floor > state.floor_stored).then_some(state.floor)
    }

    /// The database has this floor.
    pub(super) fn floor_stored(&self, floor: Seq) {
        lock(&self.state).floor_stored = floor;
    }

    fn of_reader(&self, opening: u64) -> Result<std::sync::MutexGuard<'_, State>, Error> {
        let state = lock(&self.state);
        if state.openings == opening && !state.is_closed { Ok(state) } else { Err(Error::Closed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::id::ActorId;
    use crate::message::Headers;
    use crate::names::MessageId;

    fn message(seq: u64, bytes: usize) -> Delivery {
        let to = ActorId::parse("counter/a").unwrap();
        let (id, body) = (MessageId::stored("x"), vec![0; bytes].into());
        Delivery { to, seq: Seq(seq), time: Time(0), id, committed: None, headers: Headers::default(), body }
    }

    #[test]
    fn a_reader_that_falls_behind_is_sent_to_the_log_and_comes_back() {
        let tail = Tail::new(Seq(0), Seq(0));
        let (opening, _) = tail.open(Epoch(1)).unwrap();
        let many = MESSAGES_MAX as u64 + 10;
        for seq in 1..=many {
            tail.push(message(seq, 1));
        }
        assert!(matches!(tail.take(opening, Seq(0)), Ok(Found::Behind(Seq(10)))));
        assert!(matches!(tail.take(opening, Seq(12)), Ok(Found::Message(found)) if found.seq == Seq(13)));
        assert!(matches!(tail.take(opening, Seq(many)), Ok(Found::Nothing)));
    }

    #[test]
    fn large_messages_are_bounded_by_bytes() {
        let tail = Tail::new(Seq(0), Seq(0));
        let (opening, _) = tail.open(Epoch(1)).unwrap();
        for seq in 1..=6 {
            tail.push(message(seq, 1 << 20));
        }
        assert!(matches!(tail.take(opening, Seq(0)), Ok(Found::Behind(Seq(2)))));
    }

    #[test]
    fn nothing_is_kept_for_nobody() {
        let tail = Tail::new(Seq(0), Seq(0));
        tail.push(message(1, 1));
        let (opening, _) = tail.open(Epoch(1)).unwrap();
        assert!(matches!(tail.take(opening, Seq(0)), Ok(Found::Behind(Seq(1)))));
        tail.leave(opening);
        tail.push(message(2, 1));
        assert!(lock(&tail.state).recent.is_empty());
    }
}
