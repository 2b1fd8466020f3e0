//! The store of one machine: a folder with an SQLite database, its journal, components by digest, and a lock.
//! One process opens it, and everything goes through these parts, in the order of a write's way:
//!
//! - `open`: the folder, its lock and format; starts the threads and ends them. `schema`: tables and settings.
//! - `log`, `table`, `blobs`: the seam's traits. They prepare a write and queue it, and read for themselves.
//! - `queue`, `writer`: the one thread that writes; commits what is queued as one group and answers each afterwards.
//!   `group`: what one such transaction knows. `dedupe`: the ids of the last 30 s. `stream`, `scan`, `parked`, `row`: the statements.
//! - `tail`: what was just committed, handed to the bucket's reader. `inbox`: that reader.
//! - `readers`: connections for reading. `checkpoint`: moves the journal into the database, off the writer.
//! - `check`: looks over and copies a store that nobody has open.
//!
//! Invariant: only the writer's connection writes rows. Why SQLite, and why so set up: `docs/decisions`.

mod blobs;
mod check;
mod checkpoint;
mod dedupe;
mod error;
mod group;
mod inbox;
mod log;
mod open;
mod parked;
mod queue;
mod readers;
mod row;
mod scan;
mod schema;
mod store;
mod stream;
mod table;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

pub use check::{Report, StreamReport, backup, check};
pub use error::Error;
pub use open::{Embedded, exists, open, open_with_clock};
