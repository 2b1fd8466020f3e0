//! The sandbox: a component goes in, turns come out. Step (5) of a message's way.
//! `handler` is the border that `turn` sees; everything else here knows wasmtime and nobody outside does.
//! Never does I/O for a guest: host functions collect effects and return.

mod handler;

pub use handler::{Handled, Handler, Input, Instance};
