//! The writes that wait for the writer, bounded. Async at the one end, a plain thread at the other.
//! A channel would do, but for one thing: the writer waits a moment for those it has just answered to come back,
//! because a group of all of them costs the disk no more than a group of the first few.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::writer::Op;
use crate::backend::Error;
use crate::guard::lock;

/// Writes that wait or are in work; whoever comes then waits outside.
const OPS_MAX: usize = 4_096;

/// The queue.
pub(super) struct Queue {
    state: Mutex<State>,
    /// There are as many as the writer wants, or it is closed.
    enough: Condvar,
    room: Semaphore,
}

struct State {
    ops: Vec<Op>,
    /// How many ops wake the writer; it wants none while it works.
    wanted: usize,
    is_closed: bool,
}

impl Queue {
    pub(super) fn new() -> Self {
        let state = State { ops: Vec::new(), wanted: usize::MAX, is_closed: false };
        Self { state: Mutex::new(state), enough: Condvar::new(), room: Semaphore::new(OPS_MAX) }
    }

    /// Queues a write; waits for room. Dropped before, it has done nothing.
    pub(super) async fn send(&self, op: Op) -> Result<(), Error> {
        self.room.acquire().await.map_err(|_| Error::Closed)?.forget();
        self.push(op)
    }

    /// Queues a write if there is room. False: there is none, or the queue is closed.
    pub(super) fn try_send(&self, op: Op) -> bool {
        self.room.try_acquire().is_ok_and(|room| {
            room.forget();
            self.push(op).is_ok()
        })
    }

    fn push(&self, op: Op) -> Result<(), Error> {
        let mut state = lock(&self.state);
        if state.is_closed {
            return Err(Error::Closed);
        }
        state.ops.push(op);
        if state.ops.len() >= state.wanted {
            // Once is enough: the writer looks at all of them.
            state.wanted = usize::MAX;
            drop(state);
            self.enough.notify_one();
        }
        Ok(())
    }

    /// Takes everything that waits, into an empty `ops`. Waits for `expected` ops, but only so long, and then for one.
    /// False: there is nothing more, and the queue is closed.
    pub(super) fn take(&self, ops: &mut Vec<Op>, expected: usize, patience: Duration) -> bool {
        let mut state = lock(&self.state);
        if expected > state.ops.len().max(1) {
            state.wanted = expected;
            let more = |state: &mut State| state.ops.len() < expected && !state.is_closed;
            let waited = self.enough.wait_timeout_while(state, patience, more);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.ops.is_empty() {
            state.wanted = 1;
            let none = |state: &mut State| state.ops.is_empty() && !state.is_closed;
            state = self.enough.wait_while(state, none).unwrap_or_else(PoisonError::into_inner);
        }
        state.wanted = usize::MAX;
        std::mem::swap(ops, &mut state.ops);
        !ops.is_empty()
    }

    /// So many were served: there is room for others.
    pub(super) fn served(&self, count: usize) {
        self.room.add_permits(count);
    }

    /// Takes no more; what waits is still served.
    pub(super) fn close(&self) {
        lock(&self.state).is_closed = true;
        self.room.close();
        self.enough.notify_one();
    }

    /// Drops what waits: the writer is gone, nobody else would answer it.
    pub(super) fn abandon(&self) {
        self.close();
        let waiting = std::mem::take(&mut lock(&self.state).ops);
        drop(waiting);
    }
}
