//! `hydra dev`: a host for the developer's own machine.
//! `verb` starts it and prints what happens; `reload` deploys what was built; `watch` notices that something was.
//! Never builds anything: a build tool does.

mod reload;
mod verb;
mod watch;

pub(super) use verb::Dev;
