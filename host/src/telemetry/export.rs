//! Sends spans, metrics and log lines to an OTLP collector: HTTP with protobuf, in batches, from threads of its own.
//! Made by `logs::start` if the settings name a collector. Whatever the collector does, nobody in the host waits for it:
//! see `buffer`. Never sends a body, a state or a secret, since nobody tells one.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{ExporterBuildError, LogExporter, MetricExporter, SpanExporter};
use opentelemetry_otlp::{RetryPolicy, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{self, BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::trace::{self, BatchSpanProcessor, Sampler, SdkTracerProvider};

use super::buffer::{Buffer, Buffered, WAITING_MAX};
use super::metrics::Metrics;
use crate::config::{Signal, Telemetry};

/// How often metrics are sent.
const METRICS_EVERY: Duration = Duration::from_secs(15);
/// How long spans and log lines are gathered, unless there are enough for a batch before.
const GATHER_FOR: Duration = Duration::from_secs(1);
/// Spans or log lines of one request.
const BATCH_MAX: usize = 512;
/// A collector that does not answer a request within this time did not take it.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// Why the host cannot export. The settings are to be corrected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not an address, or an environment variable of OpenTelemetry is wrong.
    #[error("telemetry.otlp: {0}")]
    Collector(#[from] ExporterBuildError),
    /// The instruments.
    #[error(transparent)]
    Metrics(#[from] super::metrics::Error),
}

/// What goes to the collector, as long as it lives.
pub struct Exports {
    pub(super) spans: Option<SdkTracerProvider>,
    pub(super) lines: Option<SdkLoggerProvider>,
    metrics: Arc<Metrics>,
}

impl Exports {
    /// Begins to export what the settings name. `host`: the host's name among others.
    ///
    /// # Errors
    /// The settings are wrong: show them.
    pub(super) fn start(settings: &Telemetry, host: &str) -> Result<Self, Error> {
        let Some(collector) = settings.otlp.as_deref() else {
            return Ok(Self { spans: None, lines: None, metrics: Arc::new(Metrics::new()?) });
        };
        // The client insists on a TLS provider, also for plain HTTP; a second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let target = Target { collector, resource: resource(host) };
        let wants = |signal| settings.signals.contains(&signal);
        let (of_spans, of_lines) = (Buffer::new("traces"), Buffer::new("logs"));
        let spans = wants(Signal::Traces).then(|| target.spans(of_spans.clone())).transpose()?;
        let lines = wants(Signal::Logs).then(|| target.lines(of_lines.clone())).transpose()?;
        let metrics = if wants(Signal::Metrics) { target.metrics()? } else { Metrics::new()? };
        metrics.lost([of_spans, of_lines]);
        Ok(Self { spans, lines, metrics: Arc::new(metrics) })
    }

    /// The host's instruments. Also without a collector: `/metrics` reads them.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// Sends what is left and ends, within this time: then what is left is lost. Blocks; call it when nothing else runs.
    pub fn end(self, limit: Duration) {
        let (ended, wait) = mpsc::channel();
        let end = move || {
            let spans = self.spans.map(|spans| spans.shutdown_with_timeout(limit));
            let lines = self.lines.map(|lines| lines.shutdown_with_timeout(limit));
            self.metrics.end();
            // Nobody waits any more if that took too long.
            let _ = ended.send((spans, lines));
        };
        // A thread of its own: not all of it keeps to a limit.
        if thread::Builder::new().name("hydra-telemetry".into()).spawn(end).is_ok() {
            let _ = wait.recv_timeout(limit);
        }
    }
}

/// Where everything goes, and as whose.
struct Target<'a> {
    collector: &'a str,
    resource: Resource,
}

impl Target<'_> {
    fn spans(&self, buffer: Arc<Buffer>) -> Result<SdkTracerProvider, Error> {
        let inner = self.to(SpanExporter::builder().with_http(), "traces").build()?;
        let batches = trace::BatchConfigBuilder::default()
            .with_max_queue_size(WAITING_MAX)
            .with_max_export_batch_size(BATCH_MAX)
            .with_scheduled_delay(GATHER_FOR);
        let exporter = Buffered { inner, buffer: buffer.clone() };
        let inner = BatchSpanProcessor::builder(exporter).with_batch_config(batches.build()).build();
        // What is not to be kept is no span at all: see `traces`.
        let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
        let provider = SdkTracerProvider::builder().with_sampler(sampler).with_resource(self.resource.clone());
        Ok(provider.with_span_processor(Buffered { inner, buffer }).build())
    }

    fn lines(&self, buffer: Arc<Buffer>) -> Result<SdkLoggerProvider, Error> {
        let inner = self.to(LogExporter::builder().with_http(), "logs").build()?;
        let batches = logs::BatchConfigBuilder::default()
            .with_max_queue_size(WAITING_MAX)
            .with_max_export_batch_size(BATCH_MAX)
            .with_scheduled_delay(GATHER_FOR);
        let exporter = Buffered { inner, buffer: buffer.clone() };
        let inner = BatchLogProcessor::builder(exporter).with_batch_config(batches.build()).build();
        let provider = SdkLoggerProvider::builder().with_resource(self.resource.clone());
        Ok(provider.with_log_processor(Buffered { inner, buffer }).build())
    }

    fn metrics(&self) -> Result<Metrics, Error> {
        let inner = self.to(MetricExporter::builder().with_http(), "metrics").build()?;
        let exporter = Buffered { inner, buffer: Buffer::new("metrics") };
        Ok(Metrics::exported(exporter, METRICS_EVERY, self.resource.clone())?)
    }

    /// A batch is tried once: what comes behind it matters more.
    fn to<B: WithExportConfig + WithHttpConfig>(&self, builder: B, signal: &str) -> B {
        let endpoint = format!("{}/v1/{signal}", self.collector.trim_end_matches('/'));
        builder.with_endpoint(endpoint).with_timeout(REQUEST_LIMIT).with_retry_policy(RetryPolicy::disabled())
    }
}

/// Who tells all this.
fn resource(host: &str) -> Resource {
    Resource::builder_empty()
        .with_service_name(env!("CARGO_PKG_NAME"))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", host.to_owned()))
        .build()
}
