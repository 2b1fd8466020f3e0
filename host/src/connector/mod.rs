//! The way out: connectors, actors of the host's own that talk to the outside for others.
//!
//! `sys-http` calls endpoints over HTTP. An actor sends a request to `sys-http/NAME/LANE`; NAME is a `[[endpoint]]` of the
//! settings, LANE anything: one lane makes one call at a time, different lanes do not wait for each other. A lane has a mailbox,
//! tries again and has dead letters like any actor; it keeps no state, so nothing of it stays in the store.
//!
//! `sys-nats` publishes on subjects of NATS that are not Hydra's own, in the same way: `sink`.
//!
//! A call's way: `handler` → `gate` (who asks, and may they?) → `call` (what they ask, as HTTP) → `exchange` (one try, on the endpoint's
//! client, whose `resolver` lets only public `address`es pass) → `verdict` (the answer, or again?). `endpoint` is what all
//! lanes of one endpoint share: its secrets, its `breaker`, and how many calls it takes at once.
//!
//! A call has happened before its turn is committed: a crash in between makes it once more, with the same `Idempotency-Key`.

mod address;
mod breaker;
mod call;
mod endpoint;
mod exchange;
mod gate;
mod handler;
mod rehearsal;
mod resolver;
mod sink;
mod verdict;

pub use breaker::State;
pub use endpoint::{Endpoints, Error, Status};
pub(crate) use handler::install;
pub(crate) use rehearsal::Rehearsal;
