//! `hydra bench`: how fast a running host answers, in units of this machine's disk.
//!
//! `verb` runs and reports; `load` makes callers, `connection` is one caller's socket, `disk` is the yardstick.
//! The load shares the machine with the host, so a caller costs as little as it can.

mod connection;
mod disk;
mod load;
mod verb;

pub(super) use verb::Bench;
