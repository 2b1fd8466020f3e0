//! An OTLP collector in the test's own process: takes spans, metrics and log lines over HTTP, and tells what came.
//! Or one that refuses, or hangs. Knows the protocol's own types only, nothing of the host's.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;

/// What does not come within this time does not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a collector does with what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Takes it.
    Takes,
    /// Answers 503.
    Refuses,
    /// Never answers.
    Hangs,
}

/// A collector on a port of its own. Ends when it is dropped.
pub struct Collector {
    /// What the setting `telemetry.otlp` says.
    pub url: String,
    came: Arc<Came>,
    runtime: Option<Runtime>,
}

struct Came {
    mood: Mood,
    /// Signal and body of each request.
    requests: Mutex<Vec<(String, Bytes)>>,
}

impl Collector {
    /// Listens, on a thread of its own.
    ///
    /// # Errors
    /// The system gives no port or thread.
    pub fn start(mood: Mood) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let came = Arc::new(Came { mood, requests: Mutex::default() });
        let routes = Router::new().route("/v1/{signal}", post(take)).with_state(came.clone());
        let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let url = format!("http://{}", socket.local_addr()?);
        let handle = runtime.handle().clone();
        let _inside = handle.enter();
        let listener = TcpListener::from_std(socket)?;
        TaskTracker::new().spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { url, came, runtime: Some(runtime) })
    }

    /// Requests that came, whatever became of them.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.came.requests.lock().expect("requests").len()
    }

    /// Whether these bytes are anywhere in what came.
    #[must_use]
    pub fn has_bytes(&self, bytes: &[u8]) -> bool {
        let requests = self.came.requests.lock().expect("requests");
        requests.iter().any(|(_, body)| body.windows(bytes.len()).any(|window| window == bytes))
    }

    /// All spans that came.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.decoded("traces", ExportTraceServiceRequest::decode);
        let scopes = requests.into_iter().flat_map(|request| request.resource_spans).flat_map(|of| of.scope_spans);
        scopes.flat_map(|of| of.spans).collect()
    }

    /// All log lines that came, as text.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let requests = self.decoded("logs", ExportLogsServiceRequest::decode);
        let scopes = requests.into_iter().flat_map(|request| request.resource_logs).flat_map(|of| of.scope_logs);
        scopes.flat_map(|of| of.log_records).map(|line| text(&line)).collect()
    }

    /// All metrics that came, each as often as it did.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metric> {
        let requests = self.decoded("metrics", ExportMetricsServiceRequest::decode);
        let scopes = requests.into_iter().flat_map(|request| request.resource_metrics).flat_map(|of| of.scope_metrics);
        scopes.flat_map(|of| of.metrics).collect()
    }

    /// The last value of a counter with these labels.
    #[must_use]
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> Option<i64> {
        let sums =
            self.metrics().into_iter().filter(|metric| metric.name == name).filter_map(|metric| match metric.data {
                Some(metric::Data::Sum(sum)) => Some(sum),
                _ => None,
            });
        let has = |attributes: &[KeyValue], (label, value): &(&str, &str)| {
            attribute(attributes, label).as_deref() == Some(*value)
        };
        let points = sums.flat_map(|sum| sum.data_points);
        let mut points = points.filter(|point| labels.iter().all(|label| has(&point.attributes, label)));
        points.next_back().and_then(|point| match point.value {
            Some(number_data_point::Value::AsInt(count)) => Some(count),
            _ => None,
        })
    }

    /// Looks until something is there.
    ///
    /// # Errors
    /// It does not come in time.
    pub fn wait<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> Result<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return Ok(found);
            }
            anyhow::ensure!(Instant::now() < end, "{what} did not come: {} requests did", self.requests());
            std::thread::yield_now();
        }
    }

    fn decoded<T>(&self, signal: &str, decode: impl Fn(Bytes) -> Result<T, prost::DecodeError>) -> Vec<T> {
        let requests = self.came.requests.lock().expect("requests");
        let own = requests.iter().filter(|(of, _)| of == signal);
        own.map(|(_, body)| decode(body.clone()).expect("what OTLP says")).collect()
    }
}

impl Drop for Collector {
    /// Does not wait for requests that hang.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn take(State(came): State<Arc<Came>>, Path(signal): Path<String>, body: Bytes) -> StatusCode {
    came.requests.lock().expect("requests").push((signal, body));
    match came.mood {
        Mood::Takes => StatusCode::OK,
        Mood::Refuses => StatusCode::SERVICE_UNAVAILABLE,
        Mood::Hangs => std::future::pending().await,
    }
}

/// A text attribute's value, or a number's as text.
#[must_use]
pub fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == name)?.value.as_ref()?.value.as_ref()?;
    match value {
        any_value::Value::StringValue(text) => Some(text.clone()),
        any_value::Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Finds a span of this name among those of a trace.
///
/// # Errors
/// There is none.
pub fn span<'s>(spans: &'s [Span], name: &str, kind: &str) -> Result<&'s Span> {
    let is_it = |span: &&Span| span.name == name && attribute(&span.attributes, "actor.kind").as_deref() == Some(kind);
    spans.iter().find(is_it).with_context(|| format!("no span {name} of {kind}"))
}

fn text(line: &LogRecord) -> String {
    match line.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}
