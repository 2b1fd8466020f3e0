//! What the tests share. Sees only the public API, like any embedder.

pub mod binary;
pub mod http;
pub mod scripted;
