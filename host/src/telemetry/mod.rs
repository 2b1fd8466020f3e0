//! What a host tells of itself while it works: log lines (`logs`), metrics (`metrics`, `table`) and traces.
//! Started once by the binary, before anything else. Ground floor: the rest of the host tells, and knows nobody who listens.
//! Never carries a body, state or a secret; never writes to standard output, which belongs to results; nobody waits for it.
//!
//! # Names
//! Spans are nouns; they nest as listed. Names are settled: dashboards and alerts may rely on them.
//!
//! | span | fields | around |
//! |---|---|---|
//! | [`TURN`](span::TURN) | `actor.kind`, `actor.id`, `bucket`, `seq`, `attempt` | one message of one actor; its parent is the message's `traceparent` |
//! | [`HANDLE`](span::HANDLE) | | the handler's own time |
//! | [`COMMIT`](span::COMMIT) | | the write of the record |
//! | [`FLUSH`](span::FLUSH) | | the outbox and the answer |
//!
//! | field | means |
//! |---|---|
//! | `actor.kind`, `actor.id` | the actor; the id never becomes a metric's label |
//! | `bucket` | the bucket's incarnation, for example `3a.1` |
//! | `seq` | the message's position in its bucket |
//! | `attempt` | 1 for the first try |
//! | `kind` | a kind, where no actor is meant |
//! | `digest` | a component |
//! | `outcome` | how a turn ended, as in [`crate::events::Event::Turn`] |
//! | `error` | why; logged once, where it is handled |
//!
//! Levels: `error` = a human must act; `warn` = degraded, heals itself; `info` = lifecycle; `debug` = per turn.
//! Libraries that would log message bodies are held to `info`, whatever the setting says.

mod logs;
mod metrics;
pub mod span;
pub mod table;

pub use logs::{Error, filter, start};
pub(crate) use metrics::TurnEnd;
pub use metrics::{Error as MetricsError, Metrics};
