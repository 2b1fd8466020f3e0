//! Log lines of the host: where they go and how they look.
//! Part of `telemetry`; the rest of the host only uses `tracing`. Never carries a body, state or a secret.

use tracing::Level;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{LogFormat, Telemetry};

/// The library whose `debug` and `trace` show message bodies.
const TALKATIVE: &str = "async_nats";

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
