//! What a host counts and measures: one instrument for each row of `table`, read by `/metrics` and by the OTLP exporter.
//! Owned by a node: two in one process do not mix. Told by `activation`, `turn`, `commit`, `inbox` and `client`, each in one place.
//! Never waits, and never fails its caller: what cannot be recorded is lost.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::{AsyncInstrument, Counter, Histogram, Meter, MeterProvider};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use prometheus::TextEncoder;

use super::buffer::Buffer;
use super::table::{self, Row};
use crate::id::Kind;

/// The label of actors whose kind this host does not know: a foreign publisher may name any.
const UNKNOWN: &str = "unknown";
/// Upper bounds of histograms, in seconds: a fresh instance starts within the first, a turn's longest wall time is the last.
const SECONDS: [f64; 16] =
    [0.00002, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0];

/// Why the instruments could not be made: a mistake of this program.
#[derive(Debug, thiserror::Error)]
#[error("cannot tell metrics: {reason}")]
pub struct Error {
    /// What the library says.
    reason: String,
}

/// The instruments of one host.
pub struct Metrics {
    provider: SdkMeterProvider,
    registry: prometheus::Registry,
    meter: Meter,
    turns: Counter<u64>,
    retries: Counter<u64>,
    turn: Histogram<f64>,
    wasm: Histogram<f64>,
    queue: Histogram<f64>,
    commit: Histogram<f64>,
    flush: Histogram<f64>,
    accepted: Counter<u64>,
    sent: Counter<u64>,
    dropped: Counter<u64>,
    dead_letters: Counter<u64>,
    timers_fired: Counter<u64>,
    begun: Counter<u64>,
}

/// How a turn went, for those who count.
#[derive(Debug)]
pub(crate) struct TurnEnd<'a> {
    /// One that is deployed here.
    pub(crate) kind: &'a Kind,
    /// As in [`crate::telemetry`]'s table.
    pub(crate) outcome: &'static str,
    /// How long the message waited for its first turn; none: this is a later try.
    pub(crate) queued: Option<Duration>,
    /// Wall time in the handler.
    pub(crate) wall: Duration,
    /// For which it ran.
    pub(crate) running: Duration,
    /// A timer was due.
    pub(crate) is_tick: bool,
}

impl Metrics {
    /// Instruments that start at zero; `/metrics` reads them.
    ///
    /// # Errors
    /// A mistake of this program: the host does not start.
    pub fn new() -> Result<Self, Error> {
        Self::build(SdkMeterProvider::builder())
    }

    /// Instruments that an exporter reads too, every so often.
    ///
    /// # Errors
    /// As [`Metrics::new`].
    pub(super) fn exported<E: PushMetricExporter>(exporter: E, every: Duration, host: Resource) -> Result<Self, Error> {
        let reader = PeriodicReader::builder(exporter).with_interval(every).build();
        Self::build(SdkMeterProvider::builder().with_reader(reader).with_resource(host))
    }

    fn build(builder: opentelemetry_sdk::metrics::MeterProviderBuilder) -> Result<Self, Error> {
        let registry = prometheus::Registry::new();
        // The table's names are whole: the exporter adds nothing to them.
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_counter_suffixes()
            .without_units()
            .without_target_info()
            .scope_info_enabled(false)
            .build()
            .map_err(|error| Error { reason: error.to_string() })?;
        let provider = builder.with_reader(reader).build();
        let meter = provider.meter_with_scope(InstrumentationScope::builder(env!("CARGO_PKG_NAME")).build());
        let counter = |row: &Row| meter.u64_counter(row.name).with_description(row.means).build();
        let seconds = |row: &Row| {
            let histogram = meter.f64_histogram(row.name).with_description(row.means).with_unit("s");
            histogram.with_boundaries(SECONDS.to_vec()).build()
        };
        let version = KeyValue::new("version", env!("CARGO_PKG_VERSION"));
        meter.u64_gauge(table::BUILD.name).with_description(table::BUILD.means).build().record(1, &[version]);
        Ok(Self {
            turns: counter(&table::TURNS),
            retries: counter(&table::RETRIES),
            turn: seconds(&table::TURN),
            wasm: seconds(&table::WASM),
            queue: seconds(&table::QUEUE),
            commit: seconds(&table::COMMIT),
            flush: seconds(&table::FLUSH),
            accepted: counter(&table::ACCEPTED),
            sent: counter(&table::SENT),
            dropped: counter(&table::DROPPED),
            dead_letters: counter(&table::DEAD_LETTERS),
            timers_fired: counter(&table::TIMERS_FIRED),
            begun: counter(&table::BEGUN),
            provider,
            registry,
            meter,
        })
    }

    /// All of them as Prometheus text.
    #[must_use]
    pub fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_else(|error| {
            tracing::error!(%error, "the metrics cannot be written as text");
            String::new()
        })
    }

    /// Sends what was measured since the last time, and ends the exporter. Blocks, for five seconds at the most.
    pub(super) fn end(&self) {
        // The collector may be gone: that was told when it went.
        let _ = self.provider.shutdown();
    }

    /// Has it shown how much was lost on its way to a collector.
    pub(super) fn lost<const N: usize>(&self, buffers: [Arc<Buffer>; N]) {
        let row = table::TELEMETRY_DROPPED;
        let show = move |counter: &dyn AsyncInstrument<u64>| {
            for buffer in &buffers {
                counter.observe(buffer.dropped(), &[KeyValue::new("signal", buffer.signal())]);
            }
        };
        let _kept = self.meter.u64_observable_counter(row.name).with_description(row.means).with_callback(show).build();
    }

    /// A value that is asked for whenever somebody reads. None: there is none now.
    pub(crate) fn gauge(&self, row: &Row, read: impl Fn() -> Option<usize> + Send + Sync + 'static) {
        let gauge = self.meter.u64_observable_gauge(row.name).with_description(row.means);
        let told = move || read().map(|value| u64::try_from(value).unwrap_or(u64::MAX));
        // The provider keeps the callback: the instrument itself need not live.
        let _kept =
            gauge.with_callback(move |gauge| told().into_iter().for_each(|value| gauge.observe(value, &[]))).build();
    }

    /// A turn ended.
    pub(crate) fn turn(&self, ended: &TurnEnd<'_>) {
        let kind = of_kind(Some(ended.kind));
        let labels = [kind.clone(), KeyValue::new("outcome", ended.outcome)];
        self.turns.add(1, &labels);
        let kind = [kind];
        self.turn.record(ended.wall.as_secs_f64(), &kind);
        self.wasm.record(ended.running.as_secs_f64(), &kind);
        if let Some(queued) = ended.queued {
            self.queue.record(queued.as_secs_f64(), &kind);
            if ended.is_tick {
                self.timers_fired.add(1, &kind);
            }
        }
    }

    /// There was no code for a turn: its message waits.
    pub(crate) fn no_code(&self, kind: Option<&Kind>) {
        self.turns.add(1, &[of_kind(kind), KeyValue::new("outcome", "waiting")]);
    }

    /// The same message will be tried again.
    pub(crate) fn retry(&self, kind: Option<&Kind>) {
        self.retries.add(1, &[of_kind(kind)]);
    }

    /// A record was to be written.
    pub(crate) fn commit(&self, outcome: &'static str, took: Duration) {
        self.commit.record(took.as_secs_f64(), &[KeyValue::new("outcome", outcome)]);
    }

    /// An outbox was handed over.
    pub(crate) fn flush(&self, took: Duration) {
        self.flush.record(took.as_secs_f64(), &[]);
    }

    /// What a stored record hands over: messages, and messages that become dead letters.
    pub(crate) fn sent(&self, kind: Option<&Kind>, messages: usize, dead_letters: usize) {
        for (counter, count) in [(&self.sent, messages), (&self.dead_letters, dead_letters)] {
            if count > 0 {
                counter.add(u64::try_from(count).unwrap_or(u64::MAX), &[of_kind(kind)]);
            }
        }
    }

    /// A message from outside was stored. Its kind is one that is deployed.
    pub(crate) fn accepted(&self, kind: &Kind) {
        self.accepted.add(1, &[of_kind(Some(kind))]);
    }

    /// A message came and has no effect.
    pub(crate) fn dropped(&self, reason: &'static str) {
        self.dropped.add(1, &[KeyValue::new("reason", reason)]);
    }

    /// An actor woke up.
    pub(crate) fn begun(&self) {
        self.begun.add(1, &[]);
    }
}

fn of_kind(kind: Option<&Kind>) -> KeyValue {
    KeyValue::new("kind", kind.map_or(Value::from(UNKNOWN), |kind| Value::from(kind.shared())))
}
