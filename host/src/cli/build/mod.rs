//! `hydra build`, and the building that `hydra dev` does.
//!
//! `verb` runs the author's own build command; `componentize` makes a component of what it left, if that is a core module;
//! `sources` knows of what a component was built. Never deploys.

mod componentize;
mod sources;
mod verb;

pub(super) use sources::{Sources, is_core_module};
pub(super) use verb::{Build, make};
