//! What the tests share. Sees only the public API, like any embedder, and the binary, like any user.

pub mod binary;
pub mod cluster;
pub mod collector;
pub mod faults;
pub mod faulty;
pub mod guest;
pub mod host;
pub mod http;
pub mod link;
pub mod metrics;
pub mod nats;
pub mod origin;
pub mod process;
pub mod scripted;
mod tables;
pub mod turns;
pub mod witness;
