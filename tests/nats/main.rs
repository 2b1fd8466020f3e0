//! The NATS backend against real servers: what is refused and how it is said, what is made and what is left alone.
//! Needs a nats-server (`./just setup`), the binary and the samples. What every backend must do is in `conformance`.

// So that the lints know: everything here is a test.
#![cfg(test)]

use hydra::backend::nats::{Nats, OpenError, open};
use hydra::config;
use hydra_tests::nats::NatsServer;

mod calls;
mod cluster;
mod doctor;
mod foreign;
mod host;
mod hostile;
mod leaf;
mod mailboxes;
mod moving;
mod opening;
mod provisioning;
mod server;
mod sinks;
mod sources;
mod tls;
mod trouble;

/// Settings that lead to a server.
fn settings(server: &NatsServer) -> config::Nats {
    config::Nats { urls: vec![server.url()], ..config::Nats::default() }
}

/// Opens a store with few buckets.
async fn open_with(nats: &config::Nats) -> Result<Nats, OpenError> {
    open(nats, &config::Store { buckets: 2, ..config::Store::default() }).await
}

/// Why it does not open.
async fn refused(nats: &config::Nats) -> String {
    match open_with(nats).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

/// All of these stand in the text.
fn assert_told(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}
