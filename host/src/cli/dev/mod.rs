//! `hydra dev`: a host for the developer's own machine.
//! `verb` starts it and prints what happens; `reload` builds what changed and deploys what was built; `watch` notices both.

mod reload;
mod verb;
mod watch;

pub(super) use verb::Dev;
