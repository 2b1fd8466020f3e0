//! `hydra host`: a host in the foreground, until a signal ends it; and how a host is put together, for `dev` too.
//! Starts the two runtimes: guests on one, network and control on the other, so that neither waits for the other.
//! Never prints a result: a host only logs.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use hydra::backend::Backend;
use hydra::backend::embedded::{self, Embedded};
use hydra::backend::nats::{self, Nats};
use hydra::config::Config;
use hydra::connector::Endpoints;
#[cfg(debug_assertions)]
use hydra::crash;
use hydra::http;
use hydra::ingress;
use hydra::node::{Node, Parts};
use hydra::random::Random;
use hydra::registry::Registry;
use hydra::telemetry::Metrics;
use hydra::wasm::Sandbox;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::nats::NatsSettings;
use super::settings::Settings;
use super::signals::Signals;

/// How long a host that was asked to end finishes what is in work.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// How long threads that compile may go on once everything else has ended.
const THREADS_LIMIT: Duration = Duration::from_millis(100);

/// Folder of compiled code in the store's folder.
const COMPILED: &str = "compiled";
/// The same in the user's cache folder, for a host whose store is no folder.
const COMPILED_OF_USER: &str = "hydra/compiled";

/// Run a host in the foreground
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hydra host --data /var/lib/hydra --http 127.0.0.1:8420\n  \
                  HYDRA_HTTP_TOKEN=… hydra host --data /var/lib/hydra --http 0.0.0.0:8420\n  \
                  hydra host --nats nats://127.0.0.1:4222\n  \
                  hydra host --nats tls://nats-1:4222,tls://nats-2:4222 --nats-creds hydra.creds --nats-replicas 3\n\n\
                  SIGTERM or Ctrl-C finishes what is in work and exits 0; a second one exits at once.")]
pub(super) struct Host {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    nats: NatsSettings,
}

impl Host {
    /// The settings in force.
    ///
    /// # Errors
    /// Every mistake in them.
    pub(super) fn config(&self) -> Result<Config> {
        Ok(self.settings.load_with(Vec::new(), self.nats.flags())?.config)
    }

    /// Runs until a signal.
    ///
    /// # Errors
    /// The host cannot start: the text says why.
    pub(super) fn run(self, config: Config, metrics: Arc<Metrics>) -> Result<()> {
        run(config, metrics, DRAIN_LIMIT, |_| std::future::pending())
    }
}

/// A running host, as `dev` uses it.
pub(super) struct Running {
    /// Serves the actors.
    node: Arc<Node>,
    /// Deploys go here.
    pub(super) registry: Arc<Registry>,
    /// Events are followed here.
    pub(super) backend: Backend,
    /// Where it listens.
    pub(super) address: SocketAddr,
    api: JoinHandle<Result<(), http::Error>>,
    /// Ends the API.
    stop_api: CancellationToken,
    /// Closed last: nothing may write behind it.
    store: Store,
}

/// What a host keeps everything in.
pub(super) enum Store {
    /// A folder of this machine.
    Embedded(Embedded),
    /// Streams and tables of NATS servers.
    Nats(Box<Nats>),
}

impl Store {
    /// Whether the one that the settings name is there. Nothing is made.
    ///
    /// # Errors
    /// Something else is in its place, or the servers are not reached.
    pub(super) async fn exists(config: &Config) -> Result<bool> {
        if config.nats.urls.is_empty() {
            return Ok(embedded::exists(&config.store.dir)?);
        }
        Ok(nats::exists(&config.nats).await?)
    }

    /// Opens the one that the settings name, or makes it.
    ///
    /// # Errors
    /// It is held by another process, not reached, …: the text says what to do.
    pub(super) async fn open(config: &Config) -> Result<Self> {
        if config.nats.urls.is_empty() {
            return Ok(Self::Embedded(embedded::open(&config.store)?));
        }
        Ok(Self::Nats(Box::new(nats::open(&config.nats, &config.store).await?)))
    }

    /// The store behind the seam.
    pub(super) fn backend(&self) -> Backend {
        match self {
            Self::Embedded(store) => store.backend(),
            Self::Nats(store) => store.backend(),
        }
    }

    /// Closes it; what is on its way is stored.
    pub(super) async fn close(self) {
        match self {
            Self::Embedded(store) => store.close(),
            Self::Nats(store) => store.close().await,
        }
    }
}

/// Where the store is, for people.
pub(super) fn place(config: &Config) -> String {
    if config.nats.urls.is_empty() { config.store.dir.display().to_string() } else { config.nats.urls.join(",") }
}

/// Where compiled code is kept: as set, else in the store's folder, else in the user's cache. None: it is compiled at each start.
fn compiled(config: &Config) -> Option<PathBuf> {
    if config.sandbox.cache_dir.is_some() {
        return config.sandbox.cache_dir.clone();
    }
    if config.nats.urls.is_empty() {
        return Some(config.store.dir.join(COMPILED));
    }
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join(COMPILED_OF_USER))
}

/// Puts a host together: the port, store, kinds, node, HTTP API, in this order. The one place that names a backend.
///
/// # Errors
/// The store is held by another process, the address is taken, …: the text says what to do.
async fn start(config: &Config, metrics: Arc<Metrics>, guests: &Handle) -> Result<Running> {
    let listener = http::bind(&config.http).await?;
    let address = listener.local_addr().context("ask for the address")?;
    // Before anything is opened: a secret that is missing is a mistake in the settings.
    let endpoints = Endpoints::open(&config.endpoint)?;
    let store = Store::open(config).await?;
    let backend = store.backend();
    let sandbox = Sandbox::new(&config.sandbox, compiled(config), config.http.component_bytes_max)?;
    let registry = Arc::new(Registry::open(backend.clone(), sandbox).await.context("load the kinds")?);
    let parts = Parts {
        config: config.clone(),
        backend: backend.clone(),
        registry: registry.clone(),
        endpoints: endpoints.clone(),
        guests: guests.clone(),
        random: Random::of_system(),
        metrics: metrics.clone(),
    };
    let node = Arc::new(Node::start(parts).await.context("take up the buckets")?);
    let stop_api = CancellationToken::new();
    let readiness = node.clone();
    let api = http::Api {
        client: node.client(),
        registry: registry.clone(),
        backend: backend.clone(),
        inquiry: node.inquiry(),
        config: config.http.clone(),
        sources: config.source.clone(),
        endpoints,
        ready: Arc::new(move || readiness.ready()),
        metrics,
    };
    let api = Handle::current().spawn(http::serve(listener, api, stop_api.clone()));
    if let Store::Nats(store) = &store {
        let calls = store.calls().await?;
        Handle::current().spawn(ingress::serve(calls, node.client(), backend.log.clone(), stop_api.clone()));
    }
    Ok(Running { node, registry, backend, address, api, stop_api, store })
}

impl Running {
    /// Refuses new requests, finishes what is in work, and ends, at the latest after `limit`.
    async fn drain(self, limit: Duration) {
        self.stop_api.cancel();
        // The API first: asks that are in work get their answers.
        match self.api.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the HTTP API ended"),
            Err(error) => tracing::error!(%error, "the HTTP API panicked"),
        }
        self.node.drain(limit).await;
        self.store.close().await;
    }
}

/// Runs a host until a signal, with `beside` going on as long as it does.
///
/// # Errors
/// The host cannot start, or `beside` cannot go on.
pub(super) fn run<F>(
    config: Config,
    metrics: Arc<Metrics>,
    drain_limit: Duration,
    beside: impl FnOnce(&Running) -> F,
) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    #[cfg(debug_assertions)]
    if let Some(wish) = std::env::var_os(crash::VARIABLE) {
        crash::arm(&wish.to_string_lossy())?;
    }
    // Each connection holds a descriptor: as many as the system allows this user.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "cannot raise the limit of open files: fewer connections are possible");
    }
    let guests = guest_runtime(&config)?;
    let network = Builder::new_multi_thread().thread_name("hydra-network").enable_all().build()?;
    let ended = network.block_on(serve(&config, metrics, guests.handle(), drain_limit, beside));
    // A compilation cannot be stopped and nothing of it is lost: it does not hold up the end.
    guests.shutdown_timeout(THREADS_LIMIT);
    network.shutdown_timeout(THREADS_LIMIT);
    ended
}

/// Both intervals at 1: a guest that yields lets everybody else run first, wake-ups from outside included.
fn guest_runtime(config: &Config) -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if config.node.guest_threads > 0 {
        builder.worker_threads(config.node.guest_threads);
    }
    builder.thread_name("hydra-guests").global_queue_interval(1).event_interval(1).enable_all();
    builder.build().context("start the threads that run guests")
}

async fn serve<F>(
    config: &Config,
    metrics: Arc<Metrics>,
    guests: &Handle,
    drain_limit: Duration,
    beside: impl FnOnce(&Running) -> F,
) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let mut signals = Signals::listen()?;
    // Dropping `start` is safe: whatever it opened closes, and a store survives worse.
    let running = tokio::select! {
        biased;
        () = signals.next() => return Ok(()),
        running = start(config, metrics, guests) => running?,
    };
    tracing::info!(address = %running.address, store = place(config), "the host serves");
    // Dropping `beside` is safe: it only watches files, deploys and prints. A deploy that was cut off did not happen.
    let ended = tokio::select! {
        biased;
        () = signals.next() => Ok(()),
        ended = beside(&running) => ended,
    };
    tracing::info!("the host drains");
    // Dropping the drain is what a second signal asks for: the process ends, and the next start goes on from the log.
    tokio::select! {
        biased;
        () = signals.next() => process::exit(1),
        () = running.drain(drain_limit) => {}
    }
    tracing::info!("the host has ended");
    ended
}
