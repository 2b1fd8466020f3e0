//! The command line: one file per verb, and what they share.
//!
//! `arguments` parses and dispatches. `api` is the only way to a host: every verb but `host`, `dev`, `build`, `test`, `new` and `store`
//! talks to it over HTTP. `output` prints: results to standard output, the rest to standard error.
//! Nothing here is part of the library, and nothing but `host.rs` starts one.

mod actor;
mod anatomy_line;
mod api;
mod arguments;
mod bench;
mod build;
mod completions;
mod component;
mod config;
mod deploy;
mod dev;
mod dlq;
mod doctor;
mod doctor_folder;
mod doctor_host;
mod doctor_nats;
mod endpoint;
mod event_lines;
mod grouped_help;
mod history;
mod host;
mod input;
mod kind;
mod language;
mod nats;
mod new;
mod output;
mod problem;
mod rollback;
mod send;
mod settings;
mod signals;
mod source;
mod state;
mod store;
mod tail;
mod test;
mod timer;
mod top;
mod transfer;

pub(crate) use arguments::Cli;
pub(crate) use output::report;
