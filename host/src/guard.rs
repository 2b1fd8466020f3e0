//! Locks a mutex whether or not a thread that held it panicked.
//! Ground floor. Such a lock is held for moments only: never across an await, never while waiting for a disk on an async thread.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The guarded value. What we guard is changed in steps that leave it whole, so a panic elsewhere does not spoil it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
