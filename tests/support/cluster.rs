//! Three nats-servers of one test's own that keep copies of each other's streams: each on ports and a folder of its own, so
//! that one can be killed as `kill -9` does while the others go on. Made of `nats`. Never servers that somebody else started.

use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::jetstream::{self, stream};
use reqwest::StatusCode;

use crate::http;
use crate::nats::{CONFIGURATION, NatsServer, free_port};

/// As many as JetStream needs to go on without any one of them.
pub const SERVERS: usize = 3;
/// They choose a leader, and catch up with each other, within this.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How often they are asked whether they have.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// A stream that is made and removed to see whether all of them take part.
const PROBE: &str = "PROBE";

/// Three running servers. Killed when it is dropped, with their folders.
pub struct NatsCluster {
    /// The servers: each can be killed and started again.
    pub servers: Vec<NatsServer>,
    /// Where each tells how it is.
    monitors: Vec<u16>,
}

impl NatsCluster {
    /// Servers with JetStream and a payload of 2 MB, once they take streams with three copies.
    ///
    /// # Errors
    /// There is no nats-server here (`./just setup` installs one), or they do not come to a leader.
    pub async fn start() -> Result<Self> {
        Self::start_with(CONFIGURATION).await
    }

    /// Servers with this configuration; name, addresses, routes and store folder are added.
    ///
    /// # Errors
    /// As [`NatsCluster::start`].
    pub async fn start_with(configuration: &str) -> Result<Self> {
        let ports = || (0..SERVERS).map(|_| free_port()).collect::<Result<Vec<u16>>>();
        let (ports, monitors) = (ports()?, ports()?);
        let routes: Vec<String> = ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let mut servers = Vec::new();
        for (number, (port, monitor)) in ports.iter().zip(&monitors).enumerate() {
            let place = format!("listen: \"127.0.0.1:{port}\", routes: {routes:?}");
            let names = format!("server_name: nats-{number}\nhttp: \"127.0.0.1:{monitor}\"\n");
            let member = format!("{names}cluster {{ name: tests, {place} }}\n");
            servers.push(NatsServer::start_with(&format!("{configuration}{member}"))?);
        }
        let cluster = Self { servers, monitors };
        cluster.ready().await?;
        Ok(cluster)
    }

    /// Their addresses.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(NatsServer::url).collect()
    }

    /// The server of this name: `nats-0` to `nats-2`.
    ///
    /// # Errors
    /// There is none.
    pub fn server(&self, name: &str) -> Result<&NatsServer> {
        let number: usize = name.rsplit('-').next().unwrap_or_default().parse().with_context(|| name.to_owned())?;
        self.servers.get(number).with_context(|| format!("there is no server {name}"))
    }

    /// Waits until each server has all that the others have: before that, none of them may go. What was made a moment ago
    /// counts: the servers choose no leader from those that have an empty log, as long as one of them is away.
    ///
    /// # Errors
    /// They have not in time.
    pub async fn caught_up(&self) -> Result<()> {
        let client = http::client()?;
        for (number, monitor) in self.monitors.iter().enumerate() {
            let url = format!("http://127.0.0.1:{monitor}/healthz");
            let is_well =
                || async { client.get(&url).send().await.is_ok_and(|answer| answer.status() == StatusCode::OK) };
            until(is_well).await.with_context(|| format!("nats-{number} does not catch up"))?;
        }
        Ok(())
    }

    /// Waits until a stream with three copies can be made.
    async fn ready(&self) -> Result<()> {
        until(|| async { self.probe().await.is_ok() }).await.context("the servers do not come to a leader")
    }

    async fn probe(&self) -> Result<()> {
        let context = jetstream::new(async_nats::connect(self.urls()).await?);
        let config = stream::Config { name: PROBE.into(), num_replicas: SERVERS, ..Default::default() };
        context.get_or_create_stream(config).await?;
        context.delete_stream(PROBE).await?;
        Ok(())
    }
}

async fn until<F: Future<Output = bool>>(holds: impl Fn() -> F) -> Result<()> {
    let asked = async {
        let mut asks = tokio::time::interval(ASK_EVERY);
        while !holds().await {
            asks.tick().await;
        }
    };
    Ok(tokio::time::timeout(READY_LIMIT, asked).await?)
}
