//! A fresh server and a connection to it, as a host has one.

use hydra::backend::nats::{self, Nats};
use hydra::config::{self, Store};
use hydra_tests::nats::NatsServer;

/// A server with empty streams.
pub(crate) struct World {
    /// The streams and tables.
    pub(crate) nats: Nats,
    /// Ends with this.
    pub(crate) server: NatsServer,
}

impl World {
    /// A server of its own, synced as it comes.
    pub(crate) async fn start() -> Self {
        let server = NatsServer::start().unwrap();
        let config = config::Nats { urls: vec![server.url()], ..config::Nats::default() };
        Self { nats: nats::open(&config, &Store::default()).await.unwrap(), server }
    }
}
