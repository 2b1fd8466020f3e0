//! The host of one run: the node of production on a store in memory, killed and started again at will.
//! Driven by `run`. The one place of the library that names a store: a scenario's lives as long as its run, so nobody else
//! could choose it.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backend::{Backend, memory};
use crate::client::Client;
use crate::clock::Clock;
use crate::config::Config;
use crate::connector::Endpoints;
use crate::id::Kind;
use crate::node::{Node, Parts};
use crate::random::Random;
use crate::registry::Registry;
use crate::scenario::link::{DELAY_MS_MAX, Link};
use crate::scenario::stage::Error;
use crate::scenario::stand_in::{self, StandIn};
use crate::scenario::variant::Variant;
use crate::scenario::watch::{MESSAGES_MAX, START, Watch};
use crate::scenario::watched::Watched;
use crate::telemetry::{Metrics, Traces};
use crate::wasm::{Handler, Sandbox};

/// Buckets of the store: more than one, so that actors do not share all they could share.
const BUCKETS: u16 = 4;
/// How often it is looked whether everything is done.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What is done stays done when nothing has happened for so long: nothing takes longer to be stored.
const DONE_AFTER: Duration = Duration::from_millis(DELAY_MS_MAX + 50);
/// When nothing has happened for so long, nothing will until time passes: a message waits for a human, or to be tried again.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest time that one step is given to come to rest.
const REST_MAX: Duration = Duration::from_secs(3_600);
/// When it is time, a host has noticed after so long at the latest: `inbox` looks at the time so often.
const ALARM_AFTER: Duration = Duration::from_secs(10);
/// When the second copy of a message comes: the log has forgotten its id by then.
const COPY_AFTER: Duration = Duration::from_secs(31);

/// What is the same for all runs of a scenario.
pub(super) struct Setting {
    pub(super) sandbox: Sandbox,
    pub(super) cast: Vec<(Kind, Arc<dyn Handler>)>,
    pub(super) stand_ins: Vec<StandIn>,
    pub(super) seed: u64,
    /// Turns are kept for a recording.
    pub(super) keeps: bool,
}

/// A host and its store.
pub(super) struct Host<'s> {
    setting: &'s Setting,
    variant: Variant,
    pub(super) watch: Arc<Watch>,
    /// The store itself.
    pub(super) store: Backend,
    delays: Arc<Random>,
    link: Arc<Link>,
    node: Node,
    /// How often it was started.
    starts: u64,
}

impl<'s> Host<'s> {
    /// Starts a host on an empty store, and a client that outlives it.
    pub(super) async fn start(setting: &'s Setting, variant: Variant) -> Result<(Self, Client), Error> {
        let watch = Arc::new(Watch::new(setting.keeps));
        let store = memory::open(Arc::new(Clock::of_runtime(START)), BUCKETS);
        let delays = Arc::new(Random::of_seed(setting.seed));
        let callers = Link::new(store.clone(), watch.clone(), variant, delays.clone());
        let registry = registry(setting, &callers).await?;
        let (tasks, random) = (TaskTracker::new(), Random::of_seed(setting.seed));
        let traces = Traces::of(&Config::default().telemetry);
        let client =
            Client::open(callers.backend(), registry, random, metrics()?, traces, &tasks, CancellationToken::new())
                .await?;
        let link = Link::new(store.clone(), watch.clone(), variant, delays.clone());
        let node = serve(setting, &link, 1).await?;
        Ok((Self { setting, variant, watch, store, delays, link, node, starts: 1 }, client))
    }

    /// Kills the host and starts it again on the same store.
    pub(super) async fn restart(&mut self) -> Result<(), Error> {
        self.link.die();
        self.node.kill();
        self.starts += 1;
        self.watch.note(|| "the host starts again".into());
        self.link = Link::new(self.store.clone(), self.watch.clone(), self.variant, self.delays.clone());
        self.node = serve(self.setting, &self.link, self.starts).await?;
        Ok(())
    }

    /// Does something from outside; should the host crash meanwhile, it is started again.
    pub(super) async fn through<T>(&mut self, act: impl Future<Output = T>) -> Result<T, Error> {
        let mut act = Box::pin(act);
        loop {
            let link = self.link.clone();
            // Dropping the wait for a crash is safe: one that comes is kept by the link.
            tokio::select! {
                biased;
                () = link.crashed() => self.restart().await?,
                done = &mut act => return Ok(done),
            }
        }
    }

    /// Waits until everything is done that can be done before time passes.
    pub(super) async fn rest(&mut self) -> Result<(), Error> {
        let watch = self.watch.clone();
        self.through(rest(&watch)).await
    }

    /// Moves the scenario's time on, from one time at which something is due to the next: each is told and handled before.
    pub(super) async fn advance(&mut self, span: Duration) -> Result<(), Error> {
        let end = self.watch.now().plus(span);
        loop {
            let due = self.watch.next_due().filter(|due| *due <= end);
            let step = due.unwrap_or(end).distance(self.watch.now());
            // The host's time goes first: what it stamps is never far behind what is told of the scenario's.
            let last = step.min(ALARM_AFTER);
            self.pass(step.saturating_sub(last)).await?;
            self.watch.advance(step);
            self.pass(last).await?;
            if due.is_none() || self.watch.is_flooded() {
                return Ok(());
            }
            self.rest().await?;
        }
    }

    /// Lets the host's time pass; what comes a second time comes in between.
    pub(super) async fn pass(&mut self, span: Duration) -> Result<(), Error> {
        let until = Instant::now() + span;
        while let Some(due) = self.watch.next_copy(COPY_AFTER).filter(|due| *due <= until) {
            self.through(tokio::time::sleep_until(due)).await?;
            while let Some(copy) = self.watch.take_copy(COPY_AFTER) {
                let (bucket, again) = (self.store.log.bucket_of(&copy.to), vec![copy.clone()]);
                for appended in self.store.log.append(again).await? {
                    self.watch.stored(bucket, &copy, appended);
                }
            }
            self.rest().await?;
        }
        self.through(tokio::time::sleep_until(until)).await
    }
}

/// Waits until every message is done, or nothing has happened for long.
pub(super) async fn rest(watch: &Watch) {
    let (begun, mut quiet_since, mut before) = (Instant::now(), Instant::now(), watch.activity());
    loop {
        sleep(LOOK_EVERY).await;
        let now = watch.activity();
        if now != before {
            (before, quiet_since) = (now, Instant::now());
        }
        let enough = if watch.is_done() { DONE_AFTER } else { PATIENCE };
        if quiet_since.elapsed() >= enough || watch.is_flooded() || begun.elapsed() > REST_MAX {
            return;
        }
    }
}

/// Why a step cannot go on, if it cannot.
pub(super) fn trouble(watch: &Watch) -> Option<String> {
    let text = || format!("more than {MESSAGES_MAX} messages in one step: do actors send to each other for ever?");
    watch.is_flooded().then(text)
}

async fn registry(setting: &Setting, link: &Arc<Link>) -> Result<Arc<Registry>, Error> {
    let registry =
        Registry::open(link.backend(), setting.sandbox.clone()).await.map_err(|error| Error::host(&error))?;
    let registry = Arc::new(registry);
    for (kind, handler) in setting.cast.iter().cloned().chain(stand_in::kinds(&setting.stand_ins, &registry)) {
        let handler = Watched::new(handler, link.clone(), setting.seed);
        registry.install_native(kind, Arc::new(handler));
    }
    Ok(registry)
}

async fn serve(setting: &Setting, link: &Arc<Link>, start: u64) -> Result<Node, Error> {
    let registry = registry(setting, link).await?;
    let mut config = Config::default();
    // A day, so that copies are recognised however far a scenario lets time pass.
    config.store.retention_s = 86_400;
    let random = Random::of_seed(setting.seed.wrapping_add(start));
    let (guests, endpoints, metrics) = (Handle::current(), Endpoints::default(), metrics()?);
    let backend = link.backend();
    Ok(Node::start(Parts { config, backend, registry, endpoints, guests, random, metrics }).await?)
}

/// Counts of which nobody asks.
fn metrics() -> Result<Arc<Metrics>, Error> {
    Metrics::new().map(Arc::new).map_err(|error| Error::host(&error))
}
