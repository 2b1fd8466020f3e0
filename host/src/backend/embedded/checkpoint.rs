//! Moves the journal into the database off the writer's thread, and does what is due now and then: sweeps expired rows,
//! trims old dead letters, has idle floors stored. Woken by the writer; sleeps while nothing is written.
//! Never writes rows itself: it queues them for the writer.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::group::Group;
use super::row;
use super::scan;
use super::store::Store;
use super::stream::{self, StreamNumber};
use super::writer::{FLOORS_EVERY, Op};
use crate::guard::lock;

/// Time between two looks at the journal while there is something to do.
const TICK: Duration = Duration::from_millis(20);
/// Writes that make a checkpoint worth its two syncs of the disk.
const CHECKPOINT_OPS: usize = 256;
/// Fewer than those wait so long at most.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);
/// Time after a checkpoint that failed.
const CHECKPOINT_RETRY: Duration = Duration::from_secs(1);
/// Time between two looks for expired rows and old dead letters.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Wakes the checkpointer.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<Rung>,
    changed: Condvar,
}

#[derive(Default, Clone, Copy)]
struct Rung {
    /// Rung since the last wait.
    is_rung: bool,
    /// Writes since the last wait.
    ops: usize,
    /// The store is closing: stays so.
    is_closing: bool,
}

impl Bell {
    /// There is something to do, for one after so many writes.
    pub(super) fn ring(&self, ops: usize) {
        let mut state = lock(&self.state);
        state.ops += ops;
        if !state.is_rung {
            state.is_rung = true;
            drop(state);
            self.changed.notify_one();
        }
    }

    /// The store is closing.
    pub(super) fn close(&self) {
        lock(&self.state).is_closing = true;
        self.changed.notify_one();
    }

    /// Waits so long, or until it is rung if `listen`, or the store is closing.
    fn wait(&self, limit: Duration, listen: bool) -> Rung {
        let sleep = |state: &mut Rung| !(state.is_closing || listen && state.is_rung);
        let waited = self.changed.wait_timeout_while(lock(&self.state), limit, sleep);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let rung = *state;
        *state = Rung { is_closing: rung.is_closing, ..Rung::default() };
        rung
    }
}

/// The checkpointer's thread.
pub(super) struct Checkpointer {
    pub(super) store: Arc<Store>,
    pub(super) connection: Connection,
    pub(super) dead_letters_kept: Duration,
}

/// What there is to do, and since when.
#[derive(Default)]
struct Work {
    /// Writes that are not in a checkpoint.
    ops: usize,
    /// When the first of them came; after a failure, when to try again.
    ops_since: Option<Instant>,
    /// The last checkpoint failed: said once.
    is_failing: bool,
    /// Floors that are not stored.
    floors_since: Option<Instant>,
}

impl Work {
    fn is_checkpoint_due(&self, now: Instant) -> bool {
        let due = |since| now >= since && (self.ops >= CHECKPOINT_OPS || now - since >= CHECKPOINT_EVERY);
        self.ops_since.is_some_and(due)
    }
}

impl Checkpointer {
    /// Works until the store is closing.
    pub(super) fn run(self) {
        let mut next_sweep = Instant::now();
        let mut work = Work { ops_since: Some(next_sweep), ..Work::default() };
        loop {
            let is_idle = work.ops_since.is_none() && work.floors_since.is_none();
            let limit = if is_idle { next_sweep.saturating_duration_since(Instant::now()) } else { TICK };
            let rung = self.store.bell.wait(limit, is_idle);
            if rung.is_closing {
                return;
            }
            self.note(&mut work, rung.ops);
            self.push_floors(&mut work);
            if work.is_checkpoint_due(Instant::now()) {
                self.checkpoint(&mut work);
            }
            if Instant::now() >= next_sweep {
                self.sweep();
                next_sweep = Instant::now() + SWEEP_EVERY;
            }
        }
    }

    fn note(&self, work: &mut Work, ops: usize) {
        work.ops += ops;
        if work.ops > 0 {
            work.ops_since.get_or_insert_with(Instant::now);
        }
        if self.store.floors_changed.load(Ordering::Acquire) {
            work.floors_since.get_or_insert_with(Instant::now);
        } else {
            work.floors_since = None;
        }
    }

    /// Moves into the database what no reader needs in the journal any more.
    fn checkpoint(&self, work: &mut Work) {
        let frames = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let done = self.connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)");
        work.ops = 0;
        match done.and_then(|mut statement| statement.query_row([], frames)) {
            Ok((in_journal, moved)) => {
                // What is left, because a reader needs it or the writer went on, is tried again.
                work.ops_since = (moved < in_journal).then(Instant::now);
                work.is_failing = false;
            }
            Err(error) => {
                if !work.is_failing {
                    tracing::warn!(%error, "the journal cannot be moved into the database; trying on");
                }
                work.ops_since = Some(Instant::now() + CHECKPOINT_RETRY);
                work.is_failing = true;
            }
        }
    }

    /// Has acknowledged floors stored when no group came by to take them along.
    fn push_floors(&self, work: &mut Work) {
        if work.floors_since.is_some_and(|since| since.elapsed() >= FLOORS_EVERY) {
            // A full queue means that groups come by.
            let _ = self.store.queue.try_send(Op::store_floors());
            work.floors_since = Some(Instant::now());
        }
    }

    /// Removes what is too old, a bounded number at a time.
    pub(super) fn sweep(&self) {
        let now = self.store.clock.now();
        while row::has_expired(&self.connection, now).unwrap_or(false) && self.write(row::sweep) {}
        let stream = StreamNumber::DEAD_LETTERS;
        if let Ok(before) = scan::first_since(&self.connection, stream, now.minus(self.dead_letters_kept))
            && stream::position(&self.connection, stream).is_ok_and(|position| position.first < Some(before))
        {
            while self.write(move |group| stream::trim(group, stream, before)) {}
        }
    }

    /// Has the writer do something. False: there is no more to do, or it failed and the next sweep tries again.
    fn write(&self, work: impl FnOnce(&mut Group<'_>) -> rusqlite::Result<bool> + Send + 'static) -> bool {
        let (answer, answered) = oneshot::channel();
        let queued = self.store.queue.try_send(Op::new(0, work, answer));
        queued && matches!(answered.blocking_recv(), Ok(Ok(true)))
    }
}
