//! Makes a store in memory.

use std::sync::Arc;

use super::blobs::Components;
use super::log::Streams;
use super::table::Rows;
use crate::backend::Backend;
use crate::clock::Clock;

/// A new, empty store with this many buckets: the next power of two, 256 at most.
#[must_use]
pub fn open(clock: Arc<Clock>, buckets: u16) -> Backend {
    let rows = || Arc::new(Rows::new(Arc::clone(&clock)));
    Backend {
        actors: rows(),
        registry: rows(),
        liveness: rows(),
        exclusive: true,
        blobs: Arc::new(Components::default()),
        log: Arc::new(Streams::new(Arc::clone(&clock), buckets.clamp(1, 256).next_power_of_two())),
    }
}
