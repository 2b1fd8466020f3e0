//! (1) A running host: takes up buckets, serves them, drains.
//! Started by the binary and by tests, with the runtimes and the store handed to it.
//! Never parses configuration and never listens: the edges do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backend::{Backend, Error, Expect, Put};
use crate::bucket::{Context, Oldest, RecordSize};
use crate::client::Client;
use crate::cluster::{self, Member, Membership, Ownership};
use crate::config::Config;
use crate::connector::{self, Endpoints};
use crate::crash::{self, Step};
use crate::history::Histories;
use crate::id::BucketId;
use crate::incarnations;
use crate::inquiry::Inquiry;
use crate::message::Headers;
use crate::random::Random;
use crate::registry::Registry;
use crate::source;
use crate::telemetry::{Metrics, Traces, table};

/// Where the system's secret is kept: it keys all randomness that guests see, so nobody outside can foretell it.
const SECRET_KEY: &str = "secret";
/// How long the store may take to hear that this host has gone.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);
/// Records that the cache expects: it grows with what is there, up to its bytes.
const RECORDS_EXPECTED: usize = 10_000;

/// What a node runs on: handed in, so that the simulation can use one runtime for all.
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// The store.
    pub backend: Backend,
    /// The kinds.
    pub registry: Arc<Registry>,
    /// Where calls to the outside go.
    pub endpoints: Endpoints,
    /// Where guests run.
    pub guests: tokio::runtime::Handle,
    /// What message ids and the system's secret are drawn from.
    pub random: Random,
    /// Where this host counts: its own, or those of several add up.
    pub metrics: Arc<Metrics>,
}

/// A running host.
pub struct Node {
    context: Arc<Context>,
    client: Client,
    /// The buckets' loops and the client's receiver; activations are in the context's.
    loops: TaskTracker,
    /// As the other hosts on this store see it.
    me: Member,
    inquiry: Inquiry,
}

impl Node {
    /// Takes up the buckets and serves them: all of them if only this process has the store open, otherwise as many as
    /// have no living owner, from soon after.
    ///
    /// # Errors
    /// The store's: it cannot be served.
    pub async fn start(parts: Parts) -> Result<Self, Error> {
        let Parts { config, backend, registry, endpoints, guests, random, metrics } = parts;
        let traces = Traces::of(&config.telemetry);
        let (loops, ended) = (TaskTracker::new(), CancellationToken::new());
        let retired = incarnations::whole(&*backend.actors).await?.until();
        let secret = secret(&backend, &random).await?;
        let boot = data_encoding::HEXLOWER.encode(&random.bytes::<8>()?);
        let me = Member { node: config.node.name.clone(), boot };
        let client =
            Client::open(backend.clone(), registry.clone(), random, metrics.clone(), traces, &loops, ended.clone())
                .await?;
        let unnamed = |error: crate::id::Error| Error::Unavailable { reason: error.to_string() };
        source::install(&config.source, &backend, &registry).map_err(unnamed)?;
        let (log, ending) = (backend.log.clone(), ended.clone());
        connector::install(endpoints, &config.sink, log, &registry, &secret, ending).map_err(unnamed)?;
        let context = Arc::new(Context {
            secret,
            retired,
            retention: Duration::from_secs(config.store.retention_s),
            records: Cache::with_weighter(RECORDS_EXPECTED, config.node.record_cache_bytes, RecordSize),
            histories: Histories::default(),
            memory: Arc::new(Semaphore::new((config.node.mailbox_bytes_max / 1024).min(Semaphore::MAX_PERMITS))),
            vitals: Arc::default(),
            metrics,
            traces,
            oldest: Oldest::default(),
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            settings: config.node,
            backend,
            registry,
            guests,
            ended,
        });
        show_gauges(&context);
        // Nobody else can have anything unfinished.
        if context.backend.exclusive {
            context.oldest.set_elsewhere(Some(None));
        }
        let inquiry = Inquiry::new(context.backend.clone(), context.histories.clone(), me.clone());
        let lease = Duration::from_secs(context.settings.lease_s);
        let membership = Membership::new(me.clone(), context.backend.liveness.clone(), lease);
        let mut ownership = Ownership::new(context.clone(), membership, loops.clone());
        if context.backend.exclusive {
            ownership.take_all().await?;
        } else {
            loops.spawn(ownership.run());
            loops.spawn(context.registry.clone().keep_up(context.ended.clone()));
            loops.spawn(inquiry.clone().answer(context.ended.clone()));
        }
        for binding in config.source {
            loops.spawn(source::watch(binding, context.clone(), client.clone()));
        }
        Ok(Self { context, client, loops, me, inquiry })
    }

    /// Sends and asks.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Asks what this host and the others remember.
    #[must_use]
    pub fn inquiry(&self) -> Inquiry {
        self.inquiry.clone()
    }

    /// Whether messages are being handled: the buckets are owned and the store answers. Otherwise why not.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn ready(&self) -> Result<(), String> {
        self.context.ready()
    }

    /// The buckets that this host serves, as far as it knows.
    #[must_use]
    pub fn serves(&self) -> BTreeSet<BucketId> {
        self.context.oldest.buckets()
    }

    /// Stops taking messages, finishes what is in work, acknowledges, and ends; at the latest after `limit`.
    /// What could not be finished is done by the next host.
    pub async fn drain(&self, limit: Duration) {
        self.context.draining.cancel();
        crash::at(Step::DrainBegun);
        self.context.tasks.close();
        if tokio::time::timeout(limit, self.context.tasks.wait()).await.is_err() {
            tracing::warn!(unfinished = self.context.tasks.len(), "draining took too long: the next host goes on");
        }
        crash::at(Step::Drained);
        self.kill();
        self.loops.close();
        self.loops.wait().await;
        self.context.tasks.wait().await;
        let leave = cluster::leave(&*self.context.backend.liveness, &self.me);
        if !matches!(tokio::time::timeout(LEAVE_LIMIT, leave).await, Ok(Ok(()))) {
            tracing::warn!("could not say that this host has gone: the others see it within its lease");
        }
    }

    /// Ends at once, as if the process had been killed: for tests.
    pub fn kill(&self) {
        self.context.ended.cancel();
    }
}

/// Has this host's state shown among the metrics for as long as it lives.
fn show_gauges(context: &Arc<Context>) {
    let show = |row: &table::Row, read: fn(&Context) -> usize| {
        let context_of_gauge = Arc::downgrade(context);
        context.metrics.gauge(row, move || context_of_gauge.upgrade().map(|context| read(&context)));
    };
    show(&table::ALIVE, |context| context.tasks.len());
    show(&table::MAILBOX_BYTES, Context::mailbox_bytes);
    show(&table::MAILBOX_BYTES_MAX, |context| context.settings.mailbox_bytes_max);
    show(&table::SLOTS, |context| context.registry.pool_usage().0);
    show(&table::SLOTS_MAX, |context| context.registry.pool_usage().1);
    show(&table::READY, |context| usize::from(context.ready().is_ok()));
    show(&table::STORE_WAITS, |context| context.vitals.waiting());
    show(&table::BUCKETS, |context| context.oldest.buckets().len());
}

/// The system's secret; made once.
async fn secret(backend: &Backend, random: &Random) -> Result<[u8; 32], Error> {
    loop {
        if let Some(row) = backend.registry.get(SECRET_KEY).await? {
            let damaged = |_| Error::Damaged { reason: format!("registry row {SECRET_KEY} is not 32 bytes") };
            return row.value.as_ref().try_into().map_err(damaged);
        }
        let secret: [u8; 32] = random.bytes()?;
        let value = Bytes::copy_from_slice(&secret);
        if let Put::Written(_) =
            backend.registry.put(SECRET_KEY, value, Headers::default(), Expect::Absent, None).await?
        {
            return Ok(secret);
        }
    }
}
