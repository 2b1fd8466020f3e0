//! A whole host in this process, as the binary starts one, with native handlers in place of WebAssembly.

use std::sync::Arc;
use std::time::Duration;

use hydra::backend::Backend;
use hydra::config::Config;
use hydra::connector::Endpoints;
use hydra::id::Kind;
use hydra::node::{Node, Parts};
use hydra::random::Random;
use hydra::registry::Registry;
use hydra::telemetry::Metrics;
use hydra::wasm::{Handler, Sandbox};
use tokio::runtime::{Builder, Runtime};

/// How often a host is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// A node and the threads that its guests run on.
pub(crate) struct Host {
    pub(crate) node: Node,
    guests: Runtime,
}

impl Host {
    pub(crate) async fn start(backend: Backend, kinds: Vec<(&str, Arc<dyn Handler>)>) -> Self {
        let guests =
            Builder::new_multi_thread().global_queue_interval(1).event_interval(1).enable_all().build().unwrap();
        let config = Config::default();
        let sandbox = Sandbox::new(&config.sandbox, None, config.http.component_bytes_max).unwrap();
        let registry = Registry::open(backend.clone(), sandbox).await.unwrap();
        for (kind, handler) in kinds {
            registry.install_native(Kind::new(kind).unwrap(), handler);
        }
        let parts = Parts {
            config,
            backend,
            registry: Arc::new(registry),
            endpoints: Endpoints::default(),
            guests: guests.handle().clone(),
            random: Random::of_system(),
            metrics: Arc::new(Metrics::new().unwrap()),
        };
        Self { node: Node::start(parts).await.unwrap(), guests }
    }

    /// Waits until it serves.
    pub(crate) async fn ready(&self) {
        let mut asks = tokio::time::interval(ASK_EVERY);
        while self.node.ready().is_err() {
            asks.tick().await;
        }
    }

    pub(crate) async fn end(self) {
        self.node.drain(Duration::from_secs(10)).await;
        self.guests.shutdown_background();
    }
}
