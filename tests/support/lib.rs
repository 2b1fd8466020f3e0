//! What tests share: the binary and how to run it.

pub mod binary;
