//! The stores that are measured: a folder, synced by the system, and a nats-server of the benchmark's own, as it comes.

use hydra::backend::Backend;
use hydra::backend::embedded::{self, Embedded};
use hydra::backend::nats::{self, Nats};
use hydra::config::{self, Durability};
use hydra_tests::nats::NatsServer;
use tempfile::TempDir;

/// Where a store is: removed when it is dropped.
pub(crate) enum Place {
    Folder(TempDir),
    Server(NatsServer),
}

impl Place {
    pub(crate) fn folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn server() -> Self {
        Self::Server(NatsServer::start().unwrap())
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Folder(_) => "embedded, `os`",
            Self::Server(_) => "NATS",
        }
    }

    /// What [`Store::open`] takes, also in another process.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Folder(folder) => folder.path().join("store").display().to_string(),
            Self::Server(server) => server.url(),
        }
    }
}

/// An open store.
pub(crate) enum Store {
    Embedded(Embedded),
    Nats(Box<Nats>),
}

impl Store {
    pub(crate) async fn open(address: &str) -> Self {
        let store = config::Store { dir: address.into(), durability: Durability::Os, ..config::Store::default() };
        if address.starts_with("nats://") {
            let nats = config::Nats { urls: vec![address.into()], ..config::Nats::default() };
            Self::Nats(Box::new(nats::open(&nats, &store).await.unwrap()))
        } else {
            Self::Embedded(embedded::open(&store).unwrap())
        }
    }

    pub(crate) fn backend(&self) -> Backend {
        match self {
            Self::Embedded(store) => store.backend(),
            Self::Nats(store) => store.backend(),
        }
    }

    pub(crate) async fn close(self) {
        match self {
            Self::Embedded(store) => store.close(),
            Self::Nats(store) => store.close().await,
        }
    }
}
