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
use super::store::Store;
use super::stream::{self, StreamNumber};
use super::writer::{FLOORS_EVERY, Op};
use crate::backend::guard::lock;

/// Time between two checkpoints while there is something to do.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(20);
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

#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rung {
    #[default]
    No,
    Yes,
    /// The store is closing: stays so.
    Closing,
}

impl Bell {
    /// There is something to do.
    pub(super) fn ring(&self) {
        let mut state = lock(&self.state);
        if *state == Rung::No {
            *state = Rung::Yes;
            self.changed.notify_all();
        }
    }

    /// The store is closing.
    pub(super) fn close(&self) {
        *lock(&self.state) = Rung::Closing;
        self.changed.notify_all();
    }

    /// Waits until it is rung, or `limit` is over, or the store is closing. If `limit` is to be waited in any case,
    /// `patient` says so. Answers what it was, and begins anew.
    fn wait(&self, limit: Duration, patient: bool) -> Rung {
        let enough = if patient { Rung::Closing } else { Rung::Yes };
        let waited = self.changed.wait_timeout_while(lock(&self.state), limit, |rung| *rung < enough);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let rung = *state;
        if rung == Rung::Yes {
            *state = Rung::No;
        }
        rung
    }
}

/// The checkpointer's thread.
pub(super) struct Checkpointer {
    pub(super) store: Arc<Store>,
    pub(super) connection: Connection,
    pub(super) dead_letters_kept: Duration,
}

impl Checkpointer {
    /// Works until the store is closing.
    pub(super) fn run(self) {
        let mut next_sweep = Instant::now();
        let mut floors_since = None;
        let mut pause = None;
        loop {
            let idle = next_sweep.saturating_duration_since(Instant::now());
            match self.store.bell.wait(pause.unwrap_or(idle), pause.is_some()) {
                Rung::Closing => return,
                // Rung after a rest: let the first group become a few before there is a checkpoint.
                Rung::Yes if pause.is_none() => pause = Some(CHECKPOINT_EVERY),
                _ => {
                    let floors_wait = self.push_floors(&mut floors_since);
                    pause = self.checkpoint().or(floors_wait.then_some(CHECKPOINT_EVERY));
                }
            }
            if Instant::now() >= next_sweep {
                self.sweep();
                next_sweep = Instant::now() + SWEEP_EVERY;
            }
        }
    }

    /// Moves what nobody reads any more. Answers how long to wait for the next one, if there is more to do.
    fn checkpoint(&self) -> Option<Duration> {
        let frames = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let moved = self.connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)");
        match moved.and_then(|mut statement| statement.query_row([], frames)) {
            Ok((in_journal, moved)) => (moved < in_journal).then_some(CHECKPOINT_EVERY),
            Err(error) => {
                tracing::warn!(%error, "the journal cannot be moved into the database; trying on");
                Some(CHECKPOINT_RETRY)
            }
        }
    }

    /// Has acknowledged floors stored when no group came by to take them along. True: they still wait.
    fn push_floors(&self, since: &mut Option<Instant>) -> bool {
        if !self.store.floors_changed.load(Ordering::Acquire) {
            *since = None;
            return false;
        }
        if since.get_or_insert_with(Instant::now).elapsed() >= FLOORS_EVERY {
            // A full queue means that groups come by.
            let _ = self.store.ops.try_send(Op::store_floors());
            *since = None;
        }
        true
    }

    /// Removes what is too old, a bounded number at a time.
    pub(super) fn sweep(&self) {
        let now = self.store.clock.now();
        while row::has_expired(&self.connection, now).unwrap_or(false) && self.write(row::sweep) {}
        let stream = StreamNumber::DEAD_LETTERS;
        if let Ok(before) = stream::first_since(&self.connection, stream, now.minus(self.dead_letters_kept))
            && stream::position(&self.connection, stream).is_ok_and(|position| position.first < Some(before))
        {
            while self.write(move |group| stream::trim(group, stream, before)) {}
        }
    }

    /// Has the writer do something. False: there is no more to do, or it failed and the next sweep tries again.
    fn write(&self, work: impl FnOnce(&mut Group<'_>) -> rusqlite::Result<bool> + Send + 'static) -> bool {
        let (answer, answered) = oneshot::channel();
        let queued = self.store.ops.try_send(Op::new(0, work, answer)).is_ok();
        queued && matches!(answered.blocking_recv(), Ok(Ok(true)))
    }
}
