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

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Telemetry};

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
    let lines = tracing_subscriber::fmt().with_env_filter(filter(&settings.log)?).with_writer(std::io::stderr);
    let started = match settings.format {
        LogFormat::Text => lines.with_ansi(color).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Error::Started(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_read() {
        for text in ["info", "warn,hydra::turn=debug", "off"] {
            assert!(filter(text).is_ok(), "{text}");
        }
        assert!(filter("hydra=loud").is_err());
    }
}
