//! What a host tells of itself while it works: log lines (`logs`), metrics (`metrics`, `table`), traces (`traces`), and how
//! these reach an OTLP collector (`export`, `buffer`).
//! Started once by the binary, before anything else. Ground floor: the rest of the host tells, and knows nobody who listens.
//! Never carries a body, state or a secret; never writes to standard output, which belongs to results; nobody waits for it.
//!
//! # Names
//! Spans are nouns; they nest as listed. Names are settled: dashboards and alerts may rely on them.
//!
//! | span | fields | around |
//! |---|---|---|
//! | `call` | `actor.kind`, `actor.id`, `subject` | a message from outside, until it is stored, or answered if somebody waits; its parent is the caller's `traceparent` |
//! | `turn` | `actor.kind`, `actor.id`, `subject`, `bucket`, `seq`, `attempt`, `outcome` | one message of one actor, until it is committed; its parent is the message's `traceparent`, and that of what it sends is the turn |
//! | `handle` | | the handler's own time |
//! | `commit` | | the write of the record, for each of the turns that it stores |
//! | `flush` | | handing over the outbox and the answers of all these turns |
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

mod buffer;
mod export;
mod logs;
mod metrics;
pub mod table;
mod traces;

pub use export::{Error as ExportError, Exports};
pub use logs::{Error, filter, start};
pub(crate) use metrics::TurnEnd;
pub use metrics::{Error as MetricsError, Metrics};
pub(crate) use traces::{Traced, Traces, checked_trace};
