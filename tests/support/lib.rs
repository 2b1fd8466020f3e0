//! What the tests share. Sees only the public API, like any embedder.

pub mod scripted;
//! What tests share: the binary and how to run it.

pub mod binary;
