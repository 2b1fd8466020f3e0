//! A host under load, and what is done to it: the store, the process, the clients, and the clock that measures recovery.
//! Performs one fault after the other; each ends when clients are answered again. Knows hosts as a user does.

use std::future::pending;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use hydra_tests::binary;
use hydra_tests::host::sample;
use hydra_tests::process::Process;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::block_in_place;

use crate::caller::Caller;
use crate::fault::Fault;
use crate::journals;
use crate::load::{CLIENTS, Load};
use crate::report::Report;

const SAMPLES: [&str; 3] = ["transfer", "counter", "poison"];
/// The signal of `kill -9`.
const SIGKILL: i32 = 9;

/// One host, its store, and its clients.
pub(crate) struct World {
    folder: TempDir,
    host: Option<Process>,
    urls: watch::Sender<Vec<String>>,
    random: Rng,
    load: Load,
    pub(crate) report: Report,
}

/// What a world begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup<'a> {
    /// The host's settings, as TOML.
    pub(crate) settings: &'a str,
    /// Between one message of a client and its next.
    pub(crate) pace: Duration,
    pub(crate) seed: u64,
}

/// How a host that was started came to be.
enum Started {
    Serves(String),
    Ended(ExitStatus),
}

impl World {
    /// A host on a new store with all kinds deployed, and clients that wait to be started.
    ///
    /// # Errors
    /// It cannot be set up.
    pub(crate) async fn new(setup: Setup<'_>) -> Result<Self> {
        let Setup { settings, pace, seed } = setup;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("hydra.toml"), settings)?;
        let (urls, url) = watch::channel(Vec::new());
        let (mut host, started) = start(folder.path(), None)?;
        let Started::Serves(address) = started else { bail!("the host ended: {:?}", host.end()?) };
        block_in_place(|| deploy(folder.path(), &address))?;
        urls.send_replace(vec![address]);
        let load = Load::new(Arc::new(Caller::new(url, pace)?)).await?;
        let (random, report) = (Rng::with_seed(seed), Report::default());
        Ok(Self { folder, host: Some(host), urls, random, load, report })
    }

    /// Lets clients work while one fault follows the other; at the end, all must be as promised.
    ///
    /// # Errors
    /// It is not, or something never comes to an end.
    pub(crate) async fn suffer(&mut self, faults: impl IntoIterator<Item = Fault>) -> Result<()> {
        self.load.start(&mut self.random);
        for fault in faults {
            let began = self.perform(fault).await.with_context(|| format!("{fault:?}"))?;
            // Each client may still hear of one outcome from before; the next one is from afterwards.
            self.load.caller.wait_for(CLIENTS + 1).await.with_context(|| format!("after {fault:?}"))?;
            self.report.note(fault.kind(), began.elapsed());
        }
        self.load.stop().await?;
        self.report.tally = self.load.check().await?;
        self.report.tally.check()
    }

    /// Ends the host as a user would.
    ///
    /// # Errors
    /// It does not end well.
    pub(crate) fn end(mut self) -> Result<Report> {
        let mut host = self.host.take().context("a host")?;
        host.signal("TERM")?;
        let status = block_in_place(|| host.end())?;
        ensure!(status.code() == Some(0), "SIGTERM ends a host with 0, not {status}");
        Ok(self.report)
    }

    /// Does it, and puts everything right again. When clients were left alone by it.
    async fn perform(&mut self, fault: Fault) -> Result<Instant> {
        match fault {
            Fault::Kill => {
                self.moment().await?;
                let began = Instant::now();
                self.kill()?;
                self.serve()?;
                Ok(began)
            }
            Fault::KillTwice { after } => {
                self.moment().await?;
                let began = Instant::now();
                self.kill()?;
                let mut starting = Process::start(&mut command(self.folder.path())?)?;
                let _ = tokio::time::timeout(after, pending::<()>()).await;
                starting.kill()?;
                self.serve()?;
                Ok(began)
            }
            Fault::CrashAt { step, nth } => {
                self.kill()?;
                self.crash(&format!("{}:{nth}", step.name()), fault.needs_a_drain()).await?;
                let began = Instant::now();
                self.serve()?;
                Ok(began)
            }
        }
    }

    /// Some moment later, while clients are answered.
    async fn moment(&mut self) -> Result<()> {
        let (outcomes, then) = (self.random.u64(1..=60), Duration::from_micros(self.random.u64(..5_000)));
        self.load.caller.wait_for(outcomes).await?;
        // Not a wait for anything: which instruction is hit is what chance decides here.
        let _ = tokio::time::timeout(then, pending::<()>()).await;
        Ok(())
    }

    fn kill(&mut self) -> Result<()> {
        self.urls.send_replace(Vec::new());
        self.host.take().map_or(Ok(()), |mut host| block_in_place(|| host.kill()))
    }

    fn serve(&mut self) -> Result<()> {
        let (mut host, started) = start(self.folder.path(), None)?;
        let Started::Serves(address) = started else { bail!("the host ended: {:?}", host.end()?) };
        self.host = Some(host);
        self.urls.send_replace(vec![address]);
        Ok(())
    }

    /// Runs a host that ends itself.
    async fn crash(&mut self, wish: &str, drains: bool) -> Result<()> {
        let (mut host, started) = start(self.folder.path(), Some(wish))?;
        let status = match started {
            Started::Ended(status) => status,
            Started::Serves(address) => {
                self.urls.send_replace(vec![address]);
                if drains {
                    self.moment().await?;
                    host.signal("TERM")?;
                }
                // Trimming comes later than the patience that a process is treated with.
                let ended = block_in_place(|| host.end().or_else(|_| host.end()));
                ended.with_context(|| format!("it never comes to {wish}"))?
            }
        };
        self.urls.send_replace(Vec::new());
        ensure!(status.signal() == Some(SIGKILL), "a host that was to crash at {wish} ended with {status}");
        Ok(())
    }
}

fn command(folder: &Path) -> Result<std::process::Command> {
    let mut command = binary::command()?;
    command.args(["host", "--http", "127.0.0.1:0", "--data"]).arg(folder.join("store"));
    command.current_dir(folder);
    Ok(command)
}

/// Starts a host and waits until it serves or has ended.
fn start(folder: &Path, crash_at: Option<&str>) -> Result<(Process, Started)> {
    let mut command = command(folder)?;
    command.envs(crash_at.map(|wish| ("HYDRA_CRASH_AT", wish)));
    let mut host = Process::start(&mut command)?;
    let line = match block_in_place(|| host.note_with("address=")) {
        Ok(line) => line,
        Err(why) => {
            let status = block_in_place(|| host.end())?;
            ensure!(status.signal() == Some(SIGKILL), "{status}: {why}");
            return Ok((host, Started::Ended(status)));
        }
    };
    let told = line.split_once("address=").and_then(|(_, rest)| rest.split_whitespace().next());
    let address = format!("http://{}", told.context("an address")?);
    Ok((host, Started::Serves(address)))
}

fn deploy(folder: &Path, address: &str) -> Result<()> {
    let journal = folder.join("journal.wasm");
    std::fs::write(&journal, journals::component())?;
    let components = SAMPLES.iter().map(|name| Ok((*name, sample(name)?))).collect::<Result<Vec<_>>>()?;
    for (kind, component) in components.into_iter().chain([("journal", journal)]) {
        let mut deploy = binary::command()?;
        deploy.args(["deploy", "--kind", kind]).arg(component).env("HYDRA_URL", address);
        let ran = binary::run(&mut deploy)?;
        ensure!(ran.code == Some(0), "{kind} was not deployed: {}", ran.stderr);
    }
    Ok(())
}
