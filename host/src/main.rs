//! Hydra.
fn main() {}
