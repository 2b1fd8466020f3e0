//! Hostile and friendly components against the sandbox, each written by hand in a few lines of WebAssembly text.

mod admission;
mod cache;
mod effects;
mod hostile;
mod lifecycle;
mod sharing;
mod wasi;
