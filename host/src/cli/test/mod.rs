//! `hydra test`: runs a component's scenarios in a host of their own.
//! `verb` finds what is to be run and lets `hydra::scenario` run it; `build` builds it first; `text` says what came of it.
//! Talks to no host and writes nothing but compiled code and recordings.

mod build;
mod text;
mod verb;

pub(super) use verb::{Test, config};
