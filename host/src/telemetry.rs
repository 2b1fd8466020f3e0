//! Log lines of the host: where they go, how they look, and what spans and fields are called.
//! Started once by the binary, before anything else. Ground floor: the rest of the host only uses `tracing`.
//! Never carries a body, state or a secret; never writes to standard output, which belongs to results.
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

use tracing::Level;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{LogFormat, Telemetry};

/// The library whose `debug` and `trace` show message bodies.
const TALKATIVE: &str = "async_nats";

/// Names of spans, as in the table above.
pub mod span {
    /// One message of one actor.
    pub const TURN: &str = "turn";
    /// The handler's own time within a turn.
    pub const HANDLE: &str = "handle";
    /// The write of an actor's record.
    pub const COMMIT: &str = "commit";
    /// The outbox and the answer of a commit.
    pub const FLUSH: &str = "flush";
}

/// Why logging could not be started. The settings are to be corrected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a level and not directives.
    #[error(transparent)]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something in this process logs already.
    #[error("logging was started before: {0}")]
    Started(String),
}

/// Reads `telemetry.log`.
///
/// # Errors
/// `Error::Filter`: show it with the setting's name.
pub fn filter(directives: &str) -> Result<EnvFilter, Error> {
    Ok(EnvFilter::builder().parse(directives)?)
}

/// Starts logging to standard error, for the whole process. `color`: whether that is a terminal which wants colour.
///
/// # Errors
/// `Error::Filter`: the settings are wrong. `Error::Started`: a mistake of the caller.
pub fn start(settings: &Telemetry, color: bool) -> Result<(), Error> {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match settings.format {
        LogFormat::Text => lines.with_ansi(color).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let wanted = filter(&settings.log)?.and(filter_fn(|of| is_discreet(of.target(), *of.level())));
    let started = tracing_subscriber::registry().with(lines.with_filter(wanted)).try_init();
    started.map_err(|error| Error::Started(error.to_string()))
}

/// Whether a line of this origin cannot hold what is between an actor and its callers.
fn is_discreet(target: &str, level: Level) -> bool {
    level <= Level::INFO || !target.starts_with(TALKATIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_not_logged_however_much_is_asked_for() {
        assert!(!is_discreet("async_nats::connection", Level::DEBUG));
        assert!(is_discreet("async_nats", Level::WARN) && is_discreet("hydra::turn", Level::TRACE));
    }

    #[test]
    fn levels_and_directives_are_read() {
        for text in ["info", "warn,hydra::turn=debug", "off"] {
            assert!(filter(text).is_ok(), "{text}");
        }
        assert!(filter("hydra=loud").is_err());
    }
}
