//! What several tests need.

pub mod guest;
pub mod turns;
