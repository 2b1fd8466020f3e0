//! The HTTP API of a host: the one way in for the command line, scripts and browsers on the same machine.
//! Stands before `client`, where a message's way begins, and beside it for everything that people ask about.
//! Never opens the store's files, never runs a guest, and never trusts a header.
//!
//! A request's way: `serve` (sockets, drain) → `guard` (who may, how many) → `routes` → one file per resource
//! (`ask`, `actors`, `buckets`, `kinds`, `dead_letters`, `endpoints`, `events`, `sources`, `timers`, `turns`), which read with `input` and fail with `problem`.
//! `dashboard` is a page that asks the others. The JSON of all answers is in `view`. Every route, header and problem is listed in `docs/reference/http.md`.

mod actors;
mod ask;
mod buckets;
mod dashboard;
mod dead_letters;
mod endpoints;
mod events;
mod guard;
mod input;
mod kinds;
mod problem;
mod routes;
mod serve;
mod sources;
mod timers;
mod turns;
pub mod view;

pub use routes::{Api, Readiness};
pub use serve::{Error, bind, serve};
