//! The sandbox: a component goes in, turns come out. Step (5) of a message's way.
//!
//! `handler` is the border that `turn` sees; everything else here knows wasmtime and nobody outside does.
//! A component is deployed through [`Sandbox::load`]: `admission` (what it says about itself), `compile` and `cache`,
//! `component` (linked, a handler) and `probe` (started once); `anatomy` tells what it is made of. A message is handled by `instance`, which calls the guest;
//! the guest calls `imports` and `wasi`, which fill `guest` and `lines` within `budget`; `fault` says what went wrong.
//! Never does I/O for a guest: host functions collect effects and return.

mod admission;
mod anatomy;
mod bindings;
mod budget;
mod cache;
mod compile;
mod component;
mod engine;
mod fault;
mod guest;
mod handler;
mod imports;
mod instance;
mod lines;
mod probe;
mod refusal;
mod sandbox;
mod ticker;
mod waiting;
mod wasi;

pub use anatomy::Anatomy;
pub use handler::{Handled, Handler, Input, Instance};
pub use refusal::{Refusal, code};
pub use sandbox::{Error, Loaded, Sandbox};
