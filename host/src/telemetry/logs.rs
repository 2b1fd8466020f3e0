//! Starts all that a host tells of itself, once for the process: log lines to standard error, and what `export` takes.
//! Part of `telemetry`; the rest of the host only uses `tracing`. Never carries a body, state or a secret.

use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing_subscriber::filter::{FilterExt as _, FilterFn, filter_fn};
use tracing_subscriber::layer::{Filter, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use super::export::{self, Exports};
use crate::config::{LogFormat, Telemetry};

/// The library whose `debug` and `trace` show message bodies.
const TALKATIVE: &str = "async_nats";
/// The libraries that say with each batch what `buffer` says once: that the collector does not take it.
const REPEATING: &str = "opentelemetry";
/// What speaks to the collector: its lines would be sent by itself, and so never end.
const EXPORTING: [&str; 3] = ["hyper", "reqwest", "rustls"];

/// Why telemetry could not be started. The settings are to be corrected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a level and not directives.
    #[error(transparent)]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Nothing can be exported.
    #[error(transparent)]
    Export(#[from] export::Error),
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

/// Starts logging to standard error, and exporting if the settings name a collector, for the whole process. `host`: its name
/// among others. `color`: whether standard error is a terminal which wants colour.
///
/// # Errors
/// `Error::Filter`, `Error::Export`: the settings are wrong. `Error::Started`: a mistake of the caller.
pub fn start(settings: &Telemetry, host: &str, color: bool) -> Result<Exports, Error> {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match settings.format {
        LogFormat::Text => lines.with_ansi(color).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let mut layers = vec![lines.with_filter(wanted(&settings.log)?).boxed()];
    let exports = Exports::start(settings, host)?;
    if let Some(lines) = &exports.lines {
        let is_others = filter_fn(|of| !is_exporting(of.target())).with_max_level_hint(Level::TRACE);
        let wanted = wanted(&settings.log)?.and(is_others);
        layers.push(OpenTelemetryTracingBridge::new(lines).with_filter(wanted).boxed());
    }
    layers.extend(exports.spans.as_ref().map(of_spans));
    let started = tracing_subscriber::registry().with(layers).try_init();
    started.map_err(|error| Error::Started(error.to_string()))?;
    Ok(exports)
}

/// What becomes a line. It names the highest level that it lets through: otherwise every `trace!` of every library, and the
/// compiler of guests has millions, is made and looked at before it is thrown away.
fn wanted(directives: &str) -> Result<impl Filter<Registry> + Send + Sync + use<>, Error> {
    let is_discreet = filter_fn(|of| is_discreet(of.target(), *of.level()));
    Ok(filter(directives)?.and(is_discreet.with_max_level_hint(Level::TRACE)))
}

/// Takes the host's own spans, and no lines: these go as log lines, if at all.
fn of_spans(spans: &SdkTracerProvider) -> Box<dyn Layer<Registry> + Send + Sync> {
    let layer = tracing_opentelemetry::layer().with_tracer(spans.tracer(env!("CARGO_PKG_NAME")));
    let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_target(false);
    let is_ours: FilterFn = filter_fn(|of| of.is_span() && of.target().starts_with(env!("CARGO_PKG_NAME")));
    layer.with_filter(is_ours.with_max_level_hint(Level::DEBUG)).boxed()
}

/// Whether a line of this origin cannot hold what is between an actor and its callers, and says what nobody else does.
fn is_discreet(target: &str, level: Level) -> bool {
    !target.starts_with(REPEATING) && (level <= Level::INFO || !target.starts_with(TALKATIVE))
}

fn is_exporting(target: &str) -> bool {
    EXPORTING.iter().any(|begins| target.starts_with(begins))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_not_logged_however_much_is_asked_for() {
        assert!(!is_discreet("async_nats::connection", Level::DEBUG));
        assert!(is_discreet("async_nats", Level::WARN) && is_discreet("hydra::turn", Level::TRACE));
        assert!(!is_discreet("opentelemetry_sdk", Level::ERROR));
    }

    #[test]
    fn what_nobody_wants_is_known_before_it_is_made() {
        for (directives, level) in [("info", Level::INFO), ("warn,hydra::turn=debug", Level::DEBUG)] {
            assert_eq!(wanted(directives).unwrap().max_level_hint(), Some(level.into()), "{directives}");
        }
    }

    #[test]
    fn levels_and_directives_are_read() {
        for text in ["info", "warn,hydra::turn=debug", "off"] {
            assert!(filter(text).is_ok(), "{text}");
        }
        assert!(filter("hydra=loud").is_err());
    }
}
