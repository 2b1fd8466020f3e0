//! A store in memory: every law of the seam, nothing on disk. For tests and the simulation.
//! Deterministic: time comes from the clock handed in, nothing iterates in hash order, nothing runs in the background.
//! Never survives its process; a second node over the same store is a clone of its `Backend`.
//! The embedded store takes its table of living nodes from here: one process, so nothing of it needs to survive.

mod blobs;
mod log;
mod open;
mod table;

pub use open::open;
pub(super) use table::Rows;
