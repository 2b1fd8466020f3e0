//! Between the host and an exporter that may be slow, deaf or gone: bounded, counted, and never waited for.
//! Part of `telemetry`: `export` puts one before each exporter. What does not fit, and what the collector does not take, is
//! dropped and counted. Never blocks whoever tells something.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter, LogProcessor, SdkLogRecord};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};

/// Spans, and log lines, that wait for the collector.
pub(super) const WAITING_MAX: usize = 4_096;

/// What is on its way to a collector, of one signal.
#[derive(Debug)]
pub(super) struct Buffer {
    signal: &'static str,
    waiting: AtomicUsize,
    dropped: AtomicU64,
    /// The collector did not take the last batch.
    failing: AtomicBool,
}

impl Buffer {
    pub(super) fn new(signal: &'static str) -> Arc<Self> {
        let (waiting, dropped, failing) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Self { signal, waiting, dropped, failing })
    }

    pub(super) fn signal(&self) -> &'static str {
        self.signal
    }

    /// How many were lost since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether there is room for one more.
    fn enter(&self) -> bool {
        let has_room = self.waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX;
        if !has_room {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        has_room
    }

    /// A batch has left, for the collector or for good.
    fn leave(&self, count: usize, exported: &OTelSdkResult) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        if exported.is_err() {
            self.dropped.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        self.tell(exported);
    }

    /// Says once that the collector does not take anything, and once that it does again.
    fn tell(&self, exported: &OTelSdkResult) {
        let was_failing = self.failing.swap(exported.is_err(), Ordering::Relaxed);
        match exported {
            Err(error) if !was_failing => {
                tracing::warn!(signal = self.signal, %error, "the collector takes nothing: dropping and counting");
            }
            Ok(()) if was_failing => tracing::info!(signal = self.signal, "the collector takes again"),
            Ok(()) | Err(_) => {}
        }
    }
}

/// A processor or exporter behind a buffer.
#[derive(Debug)]
pub(super) struct Buffered<T> {
    pub(super) inner: T,
    pub(super) buffer: Arc<Buffer>,
}

impl<P: SpanProcessor> SpanProcessor for Buffered<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.buffer.enter() {
            self.inner.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, limit: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(limit)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<P: LogProcessor> LogProcessor for Buffered<P> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.buffer.enter() {
            self.inner.emit(record, scope);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, limit: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(limit)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: SpanExporter> SpanExporter for Buffered<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let exported = self.inner.export(batch).await;
        self.buffer.leave(count, &exported);
        exported
    }

    fn shutdown_with_timeout(&self, limit: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(limit)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for Buffered<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let count = batch.iter().count();
        let exported = self.inner.export(batch).await;
        self.buffer.leave(count, &exported);
        exported
    }

    fn shutdown_with_timeout(&self, limit: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(limit)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Metrics are never lost for good: the next ones hold the same counts.
impl<E: PushMetricExporter> PushMetricExporter for Buffered<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let exported = self.inner.export(metrics).await;
        self.buffer.tell(&exported);
        exported
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, limit: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(limit)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}
