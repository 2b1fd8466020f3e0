//! Hydra: an actor host. Sandboxed WebAssembly handlers, durable mailboxes, exactly-once effects.
//!
//! Read it in the order of a message's way, numbered in each module's header.

pub mod backend;
pub mod client;
pub mod clock;
pub mod config;
pub mod deadletter;
pub mod digest;
pub mod effects;
pub mod events;
pub mod id;
pub mod manifest;
pub mod message;
pub mod names;
pub mod node;
pub mod record;
pub mod registry;
pub mod telemetry;
pub mod wasm;
