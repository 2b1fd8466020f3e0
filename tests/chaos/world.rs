//! Hosts under load on one store, and what is done to them: the processes, the NATS server and the way to it, the
//! clients, and the clock that measures recovery. Performs one fault after the other; each ends when every client is
//! answered again.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use async_nats::jetstream::{self, stream};
use fastrand::Rng;
use hydra_tests::host::sample;
use hydra_tests::nats::NatsServer;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::block_in_place;

use crate::caller::Caller;
use crate::fault::{BUCKETS, Fault};
use crate::filler::Filler;
use crate::journals;
use crate::load::Load;
use crate::machine::{Machine, deploy};
use crate::proxy::{Proxy, Way};
use crate::report::{Progress, Report};

/// Compiled code of all worlds and runs.
const COMPILED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/chaos-compiled");
const SAMPLES: [&str; 3] = ["transfer", "counter", "poison"];

/// What a world begins with.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// The hosts' settings, as TOML.
    pub(crate) settings: String,
    /// None: one host on a folder.
    pub(crate) on_nats: Option<Nats>,
    /// Between one message of a client and its next.
    pub(crate) pace: Duration,
}

/// Hosts on one server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nats {
    pub(crate) hosts: usize,
    /// The server's configuration.
    pub(crate) server: &'static str,
    /// The duplicate window of the buckets' streams, if not as hosts make them.
    pub(crate) window: Option<Duration>,
}

/// Hosts, their store, and their clients.
pub(crate) struct World {
    hosts: Vec<Machine>,
    server: Option<NatsServer>,
    /// Each host's way to the server.
    proxies: Vec<Proxy>,
    urls: watch::Sender<Vec<String>>,
    random: Rng,
    load: Load,
    progress: Arc<Progress>,
    report: Report,
    /// Holds the hosts' folders.
    _folder: TempDir,
}

impl World {
    /// Hosts on a new store with all kinds deployed, and clients that wait to be started.
    ///
    /// # Errors
    /// It cannot be set up.
    pub(crate) async fn new(setup: &Setup, seed: u64, progress: Arc<Progress>) -> Result<Self> {
        let Setup { settings, on_nats, pace } = setup;
        let folder = tempfile::tempdir()?;
        let token = format!("of {}", folder.path().display()).replace([' ', '/'], "-");
        let settings =
            format!("http.token = {token:?}\nsandbox.cache_dir = {COMPILED:?}\nstore.buckets = {BUCKETS}\n{settings}");
        let (mut hosts, mut proxies, mut server) = (Vec::new(), Vec::new(), None);
        match on_nats {
            None => hosts.push(Machine::new(folder.path().join("host"), &settings)?),
            Some(nats) => {
                let started = block_in_place(|| NatsServer::start_with(nats.server))?;
                for number in 0..nats.hosts {
                    let proxy = Proxy::to(started.port()).await?;
                    let more = format!("node.name = \"host-{number}\"\nnats.urls = [{:?}]\n", proxy.url());
                    let place = folder.path().join(format!("host-{number}"));
                    hosts.push(Machine::new(place, &format!("{more}{settings}"))?);
                    proxies.push(proxy);
                }
                server = Some(started);
            }
        }
        hosts.iter_mut().try_for_each(Machine::start)?;
        if let (Some(Nats { window: Some(window), .. }), Some(server)) = (on_nats, &server) {
            set_window(&server.url(), *window).await?;
        }
        let journal = folder.path().join("journal.wasm");
        std::fs::write(&journal, journals::component())?;
        let url = hosts.first().and_then(Machine::url).context("a host")?;
        deploy(url, &token, "journal", &journal)?;
        SAMPLES.iter().try_for_each(|name| deploy(url, &token, name, &sample(name)?))?;
        let (urls, served) = watch::channel(hosts.iter().filter_map(Machine::url).map(Into::into).collect());
        let load = Load::new(Caller::new(served, token, *pace)?).await?;
        let (random, report) = (Rng::with_seed(seed), Report::default());
        Ok(Self { hosts, server, proxies, urls, random, load, progress, report, _folder: folder })
    }

    /// Lets clients work while one fault follows the other; at the end, all must be as promised.
    ///
    /// # Errors
    /// It is not, or something never comes to an end.
    pub(crate) async fn suffer(&mut self, faults: impl IntoIterator<Item = Fault>) -> Result<()> {
        self.load.start(&mut self.random);
        for fault in faults {
            let began = self.perform(fault).await.with_context(|| format!("{fault:?}"))?;
            self.load.caller.wait_for_everybody().await.with_context(|| format!("after {fault:?}"))?;
            self.report.note(fault.kind(), began.elapsed());
            self.progress.survived();
        }
        for proxy in &self.proxies {
            proxy.nothing_late().await;
        }
        self.load.stop().await?;
        self.report.tally = self.load.check().await?;
        self.report.tally.check()
    }

    /// Ends the hosts as a user would.
    ///
    /// # Errors
    /// One does not end well.
    pub(crate) fn end(self) -> Result<Report> {
        self.hosts.into_iter().try_for_each(Machine::end)?;
        Ok(self.report)
    }

    /// Does it, and puts everything right again. Since when clients should be answered again.
    async fn perform(&mut self, fault: Fault) -> Result<Instant> {
        self.moment().await?;
        let which = self.random.usize(..self.hosts.len());
        let mut began = Instant::now();
        match fault {
            Fault::Kill => {
                self.hosts[which].kill()?;
                self.tell();
                self.hosts[which].start()?;
            }
            Fault::KillTwice { after } => {
                self.hosts[which].kill()?;
                self.tell();
                self.hosts[which].launch(None)?;
                wait(after).await;
                self.hosts[which].kill()?;
                self.hosts[which].start()?;
            }
            Fault::TakeOver { host } => {
                self.hosts[host].kill()?;
                self.tell();
                self.load.caller.wait_for_everybody().await.context("the other host does not go on")?;
                self.hosts[host].start()?;
            }
            Fault::CrashAt { step, nth } => {
                self.crash(which, &format!("{}:{nth}", step.name()), fault.needs_a_drain()).await?;
                began = Instant::now();
                self.hosts.iter_mut().try_for_each(Machine::start)?;
            }
            Fault::KillServer { away } => {
                self.server()?.kill()?;
                wait(away).await;
                self.restart_server()?;
            }
            Fault::KillAll { away } => {
                self.server()?.kill()?;
                self.hosts.iter_mut().try_for_each(Machine::kill)?;
                self.tell();
                wait(away).await;
                self.restart_server()?;
                self.hosts.iter_mut().try_for_each(Machine::start)?;
            }
            Fault::Stop { span } => {
                let url = self.hosts[which].stop()?;
                self.tell();
                began = wait(span).await;
                self.hosts[which].resume(url)?;
            }
            Fault::Cut | Fault::Silence { .. } | Fault::Unheard { .. } | Fault::Slow { .. } | Fault::Late { .. } => {
                began = break_connection(&self.proxies[which], fault).await;
            }
            Fault::Fill { span } => {
                let filler = Filler::fill(&self.server()?.url()).await?;
                began = wait(span).await;
                filler.free().await?;
            }
        }
        self.tell();
        Ok(began)
    }

    /// Some moment later, while clients are answered.
    async fn moment(&mut self) -> Result<()> {
        let (outcomes, then) = (self.random.u64(1..=60), Duration::from_micros(self.random.u64(..5_000)));
        self.load.caller.wait_for(outcomes).await?;
        wait(then).await;
        Ok(())
    }

    /// Tells clients where hosts serve.
    fn tell(&self) {
        self.urls.send_replace(self.hosts.iter().filter_map(Machine::url).map(Into::into).collect());
    }

    /// Kills all hosts and runs one, alone, that ends itself.
    async fn crash(&mut self, which: usize, wish: &str, drains: bool) -> Result<()> {
        self.hosts.iter_mut().try_for_each(Machine::kill)?;
        self.hosts[which].start_armed(wish)?;
        self.tell();
        if drains {
            self.moment().await?;
            self.hosts[which].signal("TERM")?;
        }
        self.hosts[which].has_crashed().with_context(|| format!("it never comes to {wish}"))?;
        self.tell();
        Ok(())
    }

    fn server(&mut self) -> Result<&mut NatsServer> {
        self.server.as_mut().context("a world on NATS")
    }

    fn restart_server(&mut self) -> Result<()> {
        let server = self.server()?;
        block_in_place(|| server.restart())
    }
}

/// Does it to all connections of one host. Since when all is right again.
async fn break_connection(proxy: &Proxy, fault: Fault) -> Instant {
    match fault {
        Fault::Silence { way, span } => {
            proxy.silence(way);
            wait(span).await;
        }
        Fault::Unheard { span } => {
            proxy.silence(Way::FromServer);
            wait(span).await;
            proxy.cut();
        }
        Fault::Slow { delay, span } => {
            proxy.slow(delay);
            wait(span).await;
        }
        Fault::Late { after } => proxy.delay_the_last(after),
        _ => proxy.cut(),
    }
    proxy.open();
    Instant::now()
}

/// Gives the buckets' streams another duplicate window. Hosts leave a stream as it is.
async fn set_window(url: &str, window: Duration) -> Result<()> {
    let context = jetstream::new(async_nats::connect(url).await?);
    for bucket in 0..BUCKETS {
        let stream = context.get_stream(format!("hydra_local_B_{bucket:02x}")).await?;
        let config = stream::Config { duplicate_window: window, ..stream.cached_info().config.clone() };
        context.update_stream(config).await?;
    }
    Ok(())
}

/// Lets time pass, and tells when it has. Not a wait for anything: how long it lasts is what a fault is about, or chance
/// decides it.
async fn wait(span: Duration) -> Instant {
    let _ = tokio::time::timeout(span, pending::<()>()).await;
    Instant::now()
}
