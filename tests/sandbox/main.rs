//! Hostile and friendly components against the sandbox, each written by hand in a few lines of WebAssembly text.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is tests"
)]

mod admission;
mod cache;
mod effects;
mod hostile;
mod lifecycle;
mod sharing;
mod waiting;
mod wasi;
