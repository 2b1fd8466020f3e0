//! The real binary with real components, driven as users drive it: by command line, HTTP and signals.
//! One module for each thing that people come for. Never looks behind what a user sees.

mod commands;
mod dev;
mod hostile;
mod project;
mod refusing;
mod samples;
mod store;
mod versions;
