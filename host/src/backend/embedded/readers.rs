//! Connections for reading, beside the writer: each statement sees everything that was committed before it.
//! `quick` reads one row on the caller's thread, in microseconds. `scan` reads many, on the blocking pool:
//! a page may take milliseconds from a cold disk, and the pool's threads are there anyway. Never held across an await.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, TryLockError};

use rusqlite::Connection;

use super::{error, schema};
use crate::backend::Error;
use crate::guard::lock;

/// Connections for single rows.
const QUICK: usize = 4;
/// Connections for many rows.
const SCANS: usize = 2;

/// The reading connections of an open store.
pub(super) struct Readers {
    quick: Pool,
    scans: Pool,
}

struct Pool {
    /// None: the store is closed.
    connections: Vec<Mutex<Option<Connection>>>,
    turn: AtomicUsize,
}

impl Readers {
    pub(super) fn open(dir: &Path) -> rusqlite::Result<Self> {
        Ok(Self { quick: Pool::open(dir, QUICK)?, scans: Pool::open(dir, SCANS)? })
    }

    /// Reads one row.
    pub(super) fn quick<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        self.quick.with(read)
    }

    /// Reads a bounded number of rows. Dropping the future loses the answer, nothing else.
    pub(super) async fn scan<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let readers = Arc::clone(self);
        let answer = tokio::task::spawn_blocking(move || readers.scans.with(read)).await;
        answer.unwrap_or_else(|error| Err(Error::Unavailable { reason: error.to_string() }))
    }

    /// Closes the connections, each as soon as it is free.
    pub(super) fn close(&self) {
        for connection in self.quick.connections.iter().chain(&self.scans.connections) {
            lock(connection).take();
        }
    }
}

impl Pool {
    fn open(dir: &Path, count: usize) -> rusqlite::Result<Self> {
        let open = |_| schema::reader(dir).map(|connection| Mutex::new(Some(connection)));
        Ok(Self { connections: (0..count).map(open).collect::<rusqlite::Result<_>>()?, turn: AtomicUsize::new(0) })
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let free = self.connections.iter().find_map(|connection| match connection.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(guard)) => Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        let turn = || self.turn.fetch_add(1, Ordering::Relaxed) % self.connections.len().max(1);
        let guard = free.or_else(|| self.connections.get(turn()).map(lock)).ok_or(Error::Closed)?;
        let connection = guard.as_ref().ok_or(Error::Closed)?;
        read(connection).map_err(|error| error::before_commit(&error))
    }
}
