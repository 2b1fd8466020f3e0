//! `hydra dev` itself: starts a host, deploys, reloads, and prints turns and log lines as they happen.
//! The host is the same as under `hydra host`; only defaults and output differ.
//! Never writes outside the store's folder.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use hydra::config::Config;
use hydra::events::{self, Events};
use hydra::id::Kind;
use hydra::telemetry::Metrics;

use super::reload::Projects;
use super::watch::Watch;
use crate::cli::host::{self, Running};
use crate::cli::settings::{Settings, given};
use crate::cli::{deploy, event_lines, output};

/// How long Ctrl-C waits for what is in work: nobody likes to wait for a prompt.
const DRAIN_LIMIT: Duration = Duration::from_millis(500);
/// Where a host is, unless told otherwise: no --url needed.
const DEFAULT_PORT: u16 = 8420;
/// Where the settings of this verb come from that nobody gave.
const ORIGIN: &str = "hydra dev";

/// Run a host that builds, deploys and reloads what you write
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hydra dev .                              builds and reloads this folder\n  \
                  hydra dev sample-actors/counter sample-actors/echo\n  hydra dev target/wasm32-wasip2/release/counter.wasm\n\n\
                  The store is .hydra in the working folder and stays: delete it to begin anew.\n\
                  State, timers and mailboxes survive a reload. Ctrl-C finishes what is in work and exits 0.")]
pub(in crate::cli) struct Dev {
    /// A folder with an actor.toml, which is built whenever its sources change; or a .wasm, which you build
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Whose messages it handles, for a single path [default: as the manifest says, else the file's name]
    #[arg(long, value_parser = deploy::parse_kind)]
    kind: Option<Kind>,
    #[command(flatten)]
    settings: Settings,
}

impl Dev {
    /// The settings in force: a developer's machine need not survive power loss, and turns are printed, not logged.
    ///
    /// # Errors
    /// Every mistake in them.
    pub(in crate::cli) fn config(&self) -> Result<Config> {
        let defaults = vec![given("store.durability", "os", ORIGIN), given("telemetry.log", "warn", ORIGIN)];
        let mut config = self.settings.load(defaults)?.config;
        // Needs nothing but this machine, whatever the settings of a host say.
        config.nats.urls.clear();
        Ok(config)
    }

    /// Runs until a signal.
    ///
    /// # Errors
    /// There is nothing to deploy, or the host cannot start.
    pub(in crate::cli) fn run(self, config: Config, metrics: Arc<Metrics>) -> Result<()> {
        if self.kind.is_some() && self.paths.len() > 1 {
            bail!("--kind names one kind, but there are {} paths: name kinds in their actor.toml", self.paths.len());
        }
        let projects = Projects::find(&self.paths, self.kind.as_ref())?;
        host::run(config, metrics, DRAIN_LIMIT, |running| follow(running, projects))
    }
}

/// Deploys, reloads and prints, for as long as the host runs.
fn follow(running: &Running, mut projects: Projects) -> impl Future<Output = Result<()>> + use<> {
    let registry = running.registry.clone();
    let backend = running.backend.clone();
    let address = running.address;
    async move {
        let events = events::follow(backend.log.as_ref()).await?;
        let mut watch = Watch::new()?;
        let flags = flags(address);
        output::text(&greeting(address, &flags))?;
        let reload = async {
            loop {
                projects.deploy_new(&registry, &flags).await?;
                // A folder that is watched from now on may have got its file just before: look again.
                if !watch.set(&projects.places())? {
                    watch.changed().await;
                }
            }
        };
        // Neither branch ends but with an error, and then the host ends; a dropped deploy did not happen.
        tokio::select! {
            biased;
            ended = print(events) => ended,
            ended = reload => ended,
        }
    }
}

async fn print(mut events: Events) -> Result<()> {
    while let Some(event) = events.next().await {
        output::text(&event_lines::line(&event))?;
    }
    // The store ends its followers when it closes; the signal that closes it ends us too.
    std::future::pending().await
}

/// What a command needs to reach this very host.
fn flags(address: SocketAddr) -> String {
    if address.port() == DEFAULT_PORT { String::new() } else { format!(" --url http://{address}") }
}

/// What to try; what an actor understands follows with its deploy.
fn greeting(address: SocketAddr, flags: &str) -> String {
    format!("hydra dev at http://{address}; in another terminal, try\n  hydra actor ls{flags}\n  hydra dlq ls{flags}\n")
}
