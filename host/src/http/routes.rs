//! Which path leads where, and what all handlers share.
//! Behind `guard`, before the files of the single resources. Paths below an actor belong to subjects: what operators do is below `/v1/admin`.
//! Never decides anything about a request.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Uri};
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::problem::{METHOD_NOT_ALLOWED, NO_SUCH_ROUTE, NOT_READY, Problem};
use super::view::{About, Health};
use super::{actors, ask, buckets, dashboard, dead_letters, endpoints, events, kinds, sources, timers, turns};
use crate::backend::Backend;
use crate::client::Client;
use crate::config;
use crate::connector::Endpoints;
use crate::inquiry::Inquiry;
use crate::registry::Registry;
use crate::telemetry::Metrics;

/// When to ask again whether the host is ready, in seconds.
const NOT_READY_RETRY_S: u32 = 1;

/// Whether messages are being handled, otherwise why not: `Node::ready`.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What the API serves.
pub struct Api {
    /// Sends, asks and operates.
    pub client: Client,
    /// The kinds.
    pub registry: Arc<Registry>,
    /// The store: records, dead letters and events are read from it.
    pub backend: Backend,
    /// Asks all hosts for what they remember.
    pub inquiry: Inquiry,
    /// The settings.
    pub config: config::Http,
    /// The streams of others that this host binds to actors.
    pub sources: Vec<config::Binding>,
    /// The places outside that its actors may call.
    pub endpoints: Endpoints,
    /// Whether the host serves.
    pub ready: Readiness,
    /// What the host counts and measures.
    pub metrics: Arc<Metrics>,
}

/// What all handlers share.
pub(super) struct Shared {
    pub(super) api: Api,
    /// The host stops: streams end.
    pub(super) shutdown: CancellationToken,
    /// Places for deploys: each holds a component in memory.
    pub(super) deploys: Semaphore,
    /// Places for those who follow events.
    pub(super) followers: Arc<Semaphore>,
}

/// How handlers get at it.
pub(super) type Host = State<Arc<Shared>>;

/// All routes.
pub(super) fn routes(api: Api, shutdown: CancellationToken) -> Router {
    let upload = DefaultBodyLimit::max(kinds::upload_bytes_max(api.config.component_bytes_max));
    let shared = Shared {
        api,
        shutdown,
        deploys: Semaphore::new(kinds::DEPLOYS_MAX),
        followers: Arc::new(Semaphore::new(events::FOLLOWERS_MAX)),
    };
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .route(dashboard::PATH, get(dashboard::show))
        .route("/metrics", get(metrics))
        .route("/v1/actors", get(actors::list))
        .route("/v1/actors/{kind}/{id}", get(actors::show).delete(actors::delete))
        .route("/v1/actors/{kind}/{id}/{subject}", post(ask::ask).get(actors::below))
        .route("/v1/admin/actors/{kind}/{id}/suspend", post(actors::suspend))
        .route("/v1/admin/actors/{kind}/{id}/resume", post(actors::resume))
        .route("/v1/admin/actors/{kind}/{id}/skip", post(actors::skip))
        .route("/v1/admin/actors/{kind}/{id}/state", put(actors::set_state))
        .route("/v1/buckets", get(buckets::list))
        .route("/v1/turns", get(turns::rank))
        .route("/v1/kinds", get(kinds::list))
        .route("/v1/kinds/{kind}", get(kinds::show))
        .route("/v1/kinds/{kind}/versions", get(kinds::versions).post(kinds::deploy).layer(upload))
        .route("/v1/kinds/{kind}/rollback", post(kinds::rollback))
        .route("/v1/dead-letters", get(dead_letters::list))
        .route("/v1/dead-letters/{id}", get(dead_letters::show).delete(dead_letters::drop))
        .route("/v1/dead-letters/{id}/body", get(dead_letters::body))
        .route("/v1/dead-letters/{id}/replay", post(dead_letters::replay))
        .route("/v1/sources", get(sources::list))
        .route("/v1/endpoints", get(endpoints::list))
        .route("/v1/timers", get(timers::list))
        .route("/v1/timers/{kind}/{id}", get(timers::show_all))
        .route("/v1/timers/{kind}/{id}/{name}", get(timers::show).delete(timers::cancel))
        .route("/v1/events", get(events::follow))
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Arc::new(shared))
}

async fn healthz() -> Json<Health> {
    Json(Health { status: Cow::Borrowed("alive") })
}

async fn readyz(State(shared): Host) -> Result<Json<Health>, Problem> {
    let ready = if shared.shutdown.is_cancelled() { Err("it is stopping".to_owned()) } else { (shared.api.ready)() };
    ready.map_err(|reason| Problem::new(NOT_READY, reason).retry_after(NOT_READY_RETRY_S))?;
    Ok(Json(Health { status: Cow::Borrowed("ready") }))
}

/// For Prometheus, in its text format.
async fn metrics(State(shared): Host) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], shared.api.metrics.text())
}

async fn version() -> Json<About> {
    Json(About {
        name: Cow::Borrowed(env!("CARGO_PKG_NAME")),
        version: Cow::Borrowed(env!("CARGO_PKG_VERSION")),
        api: Cow::Borrowed("v1"),
    })
}

async fn no_such_route(uri: Uri) -> Problem {
    let path = crate::id::shown(uri.path());
    let cure = "a slash within an id is written %2F; all routes are in docs/reference/http.md";
    Problem::new(NO_SUCH_ROUTE, format!("{path} leads nowhere: {cure}"))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let (method, path) = (crate::id::shown(method.as_str()), crate::id::shown(uri.path()));
    let cure = "messages are sent with POST; all routes are in docs/reference/http.md";
    Problem::new(METHOD_NOT_ALLOWED, format!("{path} has no {method}: {cure}"))
}
