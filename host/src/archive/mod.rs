//! Carries a whole store that is at rest into an empty one, of the same or another backend, by way of one file.
//!
//! `format` says what stands in the file, `writer` writes it, `reader` checks and reads it: one of each. `export` reads a
//! store, `import` fills one; `rest` is what both check first: nobody serves it, nothing is half done, nothing is in the way.
//!
//! What depends on a place in a log stays behind: cursors, floors, tombstones, outboxes, who owns what. The target's buckets
//! get an incarnation that no store in its past had, and it remembers until when it was another one: an old copy of a message
//! that surfaces later may have been handled there, and `turn` has it looked up.
//!
//! Invariant: everything goes through the seam; no backend is named here.
//! Invariant: nothing is written into a target before all of the file was checked.

mod error;
mod export;
mod format;
mod import;
mod reader;
mod rest;
mod writer;

pub use error::Error;
pub use export::export;
pub use format::{Counts, Summary};
pub use import::import;
pub use reader::{Checked, check};
