//! Hydra: an actor host. Sandboxed WebAssembly handlers, durable mailboxes, exactly-once effects.
//!
//! The reading tour follows one message; each module's header carries its number.
//!
//! 1. [`node`] takes up buckets of the store and serves them; `cluster` says which, when hosts share it.
//! 2. `inbox` pulls one bucket's messages and routes each to its actor; `mailbox` is its bookkeeping.
//! 3. `activation` is one awake actor: its record, its messages in order.
//! 4. `turn` handles one message: admitted, handled, settled.
//! 5. [`wasm`] is the sandbox in which a guest handles it.
//! 6. `commit` writes the record by compare-and-swap and hands over its outbox.
//!
//! What a turn needs besides: [`failure`] decides what follows a fault, `late` recognises late copies, `operator` applies
//! what a human wants, [`keys`] remembers idempotency keys, [`record`] and [`outbox`] are what is persisted.

pub mod archive;
pub mod backend;
pub mod client;
pub mod clock;
pub mod config;
pub mod connector;
pub mod crash;
pub mod deadletter;
pub mod description;
pub mod digest;
pub mod effects;
pub mod events;
pub mod failure;
pub mod history;
pub mod http;
pub mod id;
pub mod incarnations;
pub mod ingress;
pub mod inquiry;
pub mod keys;
pub mod manifest;
pub mod message;
pub mod names;
pub mod node;
pub mod operation;
pub mod outbox;
pub mod random;
pub mod record;
pub mod registry;
pub mod reply;
pub mod scenario;
pub mod source;
pub mod telemetry;
pub mod timer;
pub mod wasm;

mod activation;
mod alarms;
mod bucket;
mod callers;
mod cluster;
mod commit;
mod guard;
mod inbox;
mod late;
mod mailbox;
mod operator;
mod parking;
mod tombstone;
mod turn;
mod wake;
