//! (1) A running host: takes up the buckets, serves them, drains.
//! Started by the binary and by tests, with the runtimes and the store handed to it.
//! Never parses configuration and never listens: the edges do.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::client::Client;
use crate::config::Config;
use crate::registry::Registry;

/// What a node runs on: handed in, so that the simulation can use one runtime for all.
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// The store.
    pub backend: Backend,
    /// The kinds.
    pub registry: Arc<Registry>,
    /// Where guests run.
    pub guests: tokio::runtime::Handle,
}

/// A running host.
pub struct Node {}

impl Node {
    /// Takes up all buckets and serves them.
    ///
    /// # Errors
    /// The store's: it cannot be served.
    pub async fn start(parts: Parts) -> Result<Self, crate::backend::Error> {
        let _ = parts.guests;
        Ok(Self {})
    }

    /// Sends and asks.
    #[must_use]
    pub fn client(&self) -> Client {
        Client {}
    }

    /// Whether messages are being handled: the buckets are owned and the store answers. Otherwise why not.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// Stops taking messages, finishes what is in work, acknowledges, and ends; at the latest after `limit`.
    pub async fn drain(self, limit: Duration) {
        let _ = limit;
    }
}
