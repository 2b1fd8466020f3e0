//! Write actors for Hydra in Rust. An actor is a type with state; a message goes in, an outcome comes out:
//!
//! ```
//! use hydra_sdk::*;
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Counter { value: i64 }
//!
//! impl Actor for Counter {
//!     fn handle(&mut self, _ctx: &Context, msg: &Message) -> Outcome {
//!         match msg.subject() {
//!             "add" => { self.value += msg.json::<i64>()?; reply(self.value) }
//!             "get" => reply(self.value),
//!             other => refuse("unknown-subject", format!("{other}: try add, get")),
//!         }
//!     }
//! }
//! export_actor!(Counter);
//!
//! let mut harness = test::Harness::<Counter>::new("counter/alice");
//! assert_eq!(harness.send("add", &5).outcome, reply(5));
//! ```
//!
//! The host decodes the state before a turn and stores it after: what is not in the state is gone. A turn that fails,
//! panics or runs out of time leaves nothing behind: no state, no message sent.
//!
//! Reading order, a message's way: `export` (the component's exports) → `turn` (one message: decode, handle, encode) →
//! `actor` (what an author implements) with `message`, `context`, `call` and `outcome` → `host` (the imports; simulated natively).
//! Whatever the host refuses in this version (topics) is not here.

mod actor;
mod call;
mod context;
mod describe;
mod export;
mod host;
mod message;
mod outcome;
mod timer;
mod turn;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    clippy::panic,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "generated: checked by tests/bindings.rs against the WIT"
)]
#[rustfmt::skip]
pub mod bindings;
#[cfg(not(target_family = "wasm"))]
pub mod test;

pub use actor::{Actor, Codec};
pub use call::Call;
pub use context::{Context, Level};
pub use describe::{Description, Subject};
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use export::Exported;
pub use message::{ActorId, Answer, Ending, Headers, Message};
pub use outcome::{
    Failure, Fault, Outcome, Payload, Success, done, fail, later, refuse, reply, reply_with, retry, retry_after,
    suspend,
};
pub use serde::{Deserialize, Serialize};
pub use timer::Timer;
