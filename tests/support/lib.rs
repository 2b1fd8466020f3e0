//! What the tests share. Sees only the public API, like any embedder.

pub mod scripted;
