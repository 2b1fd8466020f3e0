//! What the loop and the activations of one owned bucket share: its claim, its mailboxes, its way of waiting for the store.
//! Made by `inbox` for each claim; an activation belongs to one bucket under one epoch and never outlives them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use quick_cache::sync::Cache;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alarms::Alarms;
use crate::backend::{Backend, Delivery, Error};
use crate::clock::Time;
use crate::commit::Loaded;
use crate::config;
use crate::crash::{self, Step};
use crate::guard::lock;
use crate::history::Histories;
use crate::id::{ActorId, BucketId, Epoch, Kind, Seq};
use crate::mailbox::{Mailboxes, Share};
use crate::registry::Registry;
use crate::telemetry::{Metrics, Traces};

/// One actor's messages take at most this part of the mailboxes' memory.
const SHARES: usize = 16;
/// Waits between tries while the store does not serve.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

/// What every bucket of a node works with.
pub(crate) struct Context {
    pub(crate) backend: Backend,
    pub(crate) registry: Arc<Registry>,
    pub(crate) settings: config::Node,
    pub(crate) retention: Duration,
    /// Until then the store was another one: it was filled from an export. Whatever is older may have been handled there.
    pub(crate) retired: Option<Time>,
    /// Keys all randomness that guests see.
    pub(crate) secret: [u8; 32],
    /// Records of actors that were active lately. May be stale: the compare-and-swap finds out.
    pub(crate) records: Cache<ActorId, Loaded, RecordSize>,
    /// The last turns of actors that were awake lately.
    pub(crate) histories: Histories,
    /// Memory for waiting messages, in KiB.
    pub(crate) memory: Arc<Semaphore>,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) traces: Traces,
    /// Trimming never goes past what an unfinished message of any bucket may still need.
    pub(crate) oldest: Oldest,
    pub(crate) tasks: TaskTracker,
    /// Where activations run.
    pub(crate) guests: tokio::runtime::Handle,
    /// Finish what is in work and take nothing new.
    pub(crate) draining: CancellationToken,
    /// End now.
    pub(crate) ended: CancellationToken,
}

/// Weighs cached records by their size.
#[derive(Debug, Clone)]
pub(crate) struct RecordSize;

impl quick_cache::Weighter<ActorId, Loaded> for RecordSize {
    fn weight(&self, _: &ActorId, loaded: &Loaded) -> u64 {
        u64::try_from(loaded.record.size()).unwrap_or(u64::MAX)
    }
}

impl Context {
    /// Whether messages are being handled, otherwise why not.
    pub(crate) fn ready(&self) -> Result<(), String> {
        if self.draining.is_cancelled() {
            return Err("the host is draining".into());
        }
        self.vitals.trouble().map_or(Ok(()), Err)
    }

    /// Memory of messages that wait or are in work, in bytes.
    pub(crate) fn mailbox_bytes(&self) -> usize {
        self.settings.mailbox_bytes_max.saturating_sub(self.memory.available_permits().saturating_mul(1024))
    }

    /// The kind, if it is deployed here: others may be anybody's invention, and become no label.
    pub(crate) fn known<'k>(&self, kind: &'k Kind) -> Option<&'k Kind> {
        self.registry.knows(kind).then_some(kind)
    }

    /// What waiting messages cost of the mailboxes' memory, in KiB: never more than there is.
    pub(crate) fn weight(&self, deliveries: &[Delivery]) -> u32 {
        let headers = |delivery: &Delivery| -> usize {
            delivery.headers.0.iter().map(|(name, value)| name.len() + value.len()).sum()
        };
        let kib: usize = deliveries.iter().map(|delivery| 1 + (delivery.body.len() + headers(delivery)) / 1024).sum();
        u32::try_from(kib.min(self.settings.mailbox_bytes_max / 1024)).unwrap_or(u32::MAX)
    }
}

/// For each bucket, when its oldest unfinished message was stored. Its actors' outboxes may be handed over again, however
/// old they are, and whoever receives such a copy must still find the first one.
#[derive(Debug, Default)]
pub(crate) struct Oldest {
    /// By claim: one that is over may end after the next one of the same bucket has begun.
    here: Mutex<BTreeMap<(BucketId, Epoch), Option<Time>>>,
    /// Of the other hosts' buckets. None: not known, and then it may be any.
    elsewhere: Mutex<Option<Option<Time>>>,
}

impl Oldest {
    /// Notes it for one claim of this host; none: all messages of the bucket are done.
    pub(crate) fn note(&self, bucket: BucketId, epoch: Epoch, oldest: Option<Time>) {
        lock(&self.here).insert((bucket, epoch), oldest);
    }

    /// A claim is over.
    pub(crate) fn forget(&self, bucket: BucketId, epoch: Epoch) {
        lock(&self.here).remove(&(bucket, epoch));
    }

    /// Whether this host serves a bucket.
    pub(crate) fn is_here(&self, bucket: BucketId) -> bool {
        lock(&self.here).keys().any(|(here, _)| *here == bucket)
    }

    /// The buckets that are served here.
    pub(crate) fn buckets(&self) -> BTreeSet<BucketId> {
        lock(&self.here).keys().map(|(bucket, _)| *bucket).collect()
    }

    /// Notes what the other hosts have told; none: not all buckets have a living owner.
    pub(crate) fn set_elsewhere(&self, oldest: Option<Option<Time>>) {
        *lock(&self.elsewhere) = oldest;
    }

    /// The oldest of this host's buckets.
    pub(crate) fn here(&self) -> Option<Time> {
        lock(&self.here).values().flatten().min().copied()
    }

    /// The oldest of all buckets. None: not known.
    pub(crate) fn anywhere(&self) -> Option<Option<Time>> {
        let elsewhere = (*lock(&self.elsewhere))?;
        Some(self.here().into_iter().chain(elsewhere).min())
    }
}

/// Where a bucket's claim is kept. Its row is rewritten only when the owner changes: its revision is the epoch.
pub(crate) fn claim_key(bucket: BucketId) -> String {
    format!("own.{:02x}", bucket.number)
}

/// How the node feels: what readiness tells.
#[derive(Debug, Default)]
pub(crate) struct Vitals {
    /// Calls that wait for the store to serve again.
    waiting: AtomicUsize,
    /// Buckets that this host should serve and does not: its store is closed.
    away: AtomicUsize,
    /// Buckets that no living host serves.
    vacant: AtomicUsize,
    trouble: Mutex<Option<String>>,
}

impl Vitals {
    /// Why the node does not serve, if it does not.
    pub(crate) fn trouble(&self) -> Option<String> {
        let stopped = lock(&self.trouble).clone();
        let waits = || (self.waiting.load(Ordering::Relaxed) > 0).then(|| "the store does not serve".to_owned());
        let away = Some(self.away.load(Ordering::Relaxed)).filter(|away| *away > 0);
        let away = || away.map(|away| format!("the store is closed, or another host took up {away} buckets"));
        let vacant = Some(self.vacant.load(Ordering::Relaxed)).filter(|vacant| *vacant > 0);
        let vacant = || vacant.map(|vacant| format!("{vacant} buckets wait for a host to take them"));
        stopped.or_else(waits).or_else(away).or_else(vacant)
    }

    /// Calls that wait for the store.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// So many buckets have no living owner.
    pub(crate) fn set_vacant(&self, vacant: usize) {
        self.vacant.store(vacant, Ordering::Relaxed);
    }

    /// A bucket cannot go on: a human must act.
    pub(crate) fn stop(&self, why: String) {
        tracing::error!(why, "a bucket stopped");
        lock(&self.trouble).get_or_insert(why);
    }
}

/// One bucket under one claim.
pub(crate) struct Bucket {
    pub(crate) id: BucketId,
    pub(crate) epoch: Epoch,
    pub(crate) context: Arc<Context>,
    mailboxes: Mutex<Mailboxes>,
    alarms: Mutex<Alarms>,
    /// Another alarm is the first.
    pub(crate) set_earlier: Notify,
    floor: AtomicU64,
    /// Messages were done: the watermark may have moved.
    pub(crate) moved: Notify,
    /// Deleted actors whose tombstone is given an end once the floor has passed it.
    tombstones: Mutex<BTreeMap<Seq, ActorId>>,
    /// The claim is over: stand down.
    pub(crate) lost: CancellationToken,
    /// A human must act before anybody serves it again.
    stopped: AtomicBool,
}

impl Bucket {
    /// A bucket that was acknowledged up to `floor` when it was claimed.
    pub(crate) fn new(id: BucketId, epoch: Epoch, floor: Seq, context: Arc<Context>) -> Self {
        let settings = &context.settings;
        let share = Share { messages: settings.mailbox_messages_max, bytes: settings.mailbox_bytes_max / SHARES };
        let mailboxes = Mutex::new(Mailboxes::new(floor, share));
        let lost = context.ended.child_token();
        Self {
            id,
            epoch,
            context,
            mailboxes,
            alarms: Mutex::default(),
            set_earlier: Notify::new(),
            floor: AtomicU64::new(floor.0),
            moved: Notify::new(),
            tombstones: Mutex::default(),
            lost,
            stopped: AtomicBool::new(false),
        }
    }

    /// The mailboxes. Held for moments only, never across a wait.
    pub(crate) fn mailboxes(&self) -> MutexGuard<'_, Mailboxes> {
        lock(&self.mailboxes)
    }

    /// When which actor is to be woken. Held for moments only, never across a wait.
    pub(crate) fn alarms(&self) -> MutexGuard<'_, Alarms> {
        lock(&self.alarms)
    }

    /// Everything up to here is acknowledged: outboxes up to here were handed over.
    pub(crate) fn floor(&self) -> Seq {
        Seq(self.floor.load(Ordering::Acquire))
    }

    /// The floor moved up.
    pub(crate) fn set_floor(&self, floor: Seq) {
        self.floor.fetch_max(floor.0, Ordering::AcqRel);
    }

    /// Messages are done: their effects are stored and handed over.
    pub(crate) fn done(&self, seqs: impl Iterator<Item = Seq>) {
        crash::at(Step::TurnsDone);
        let mut mailboxes = self.mailboxes();
        seqs.for_each(|seq| mailboxes.done(seq));
        self.moved.notify_one();
    }

    /// Memory for messages that wait. Waits for it.
    ///
    /// # Errors
    /// `Closed`: the claim is over.
    pub(crate) async fn memory(&self, deliveries: &[Delivery]) -> Result<OwnedSemaphorePermit, Error> {
        let weight = self.context.weight(deliveries);
        tokio::select! {
            biased;
            // Dropping the acquisition is safe: it loses a place in the queue and nothing else.
            () = self.lost.cancelled() => Err(Error::Closed),
            permit = self.context.memory.clone().acquire_many_owned(weight) => {
                permit.map_err(|_| Error::Closed)
            }
        }
    }

    /// The log's time. Waits while the log cannot tell it.
    ///
    /// # Errors
    /// `Closed`: the claim is over.
    pub(crate) async fn now(&self) -> Result<Time, Error> {
        // Nearly always it is known, and every turn asks more than once.
        match self.context.backend.log.now() {
            Ok(now) if !self.lost.is_cancelled() => Ok(now),
            _ => Box::pin(self.patiently("time", || async { self.context.backend.log.now() })).await,
        }
    }

    /// Looks whether the claim still stands, after a record was written by somebody else.
    ///
    /// # Errors
    /// `Closed`: it does not; the bucket stands down.
    pub(crate) async fn check_claim(&self) -> Result<(), Error> {
        let (table, key) = (&self.context.backend.actors, claim_key(self.id));
        let row = self.patiently("claim", || table.get(&key)).await?;
        if row.is_some_and(|row| row.revision.0 == self.epoch.0) {
            return Ok(());
        }
        self.stand_down();
        Err(Error::Closed)
    }

    /// A deleted actor's record is given an end once the floor has passed its position.
    pub(crate) fn remember_tombstone(&self, position: Seq, actor: ActorId) {
        lock(&self.tombstones).insert(position, actor);
    }

    /// Deleted actors whose tombstones the floor has passed.
    pub(crate) fn passed_tombstones(&self) -> BTreeMap<Seq, ActorId> {
        let mut tombstones = lock(&self.tombstones);
        let later = tombstones.split_off(&Seq(self.floor().0 + 1));
        std::mem::replace(&mut tombstones, later)
    }

    /// The claim is over, or the store is closed: nothing more is done under it.
    pub(crate) fn stand_down(&self) {
        if !self.lost.is_cancelled() {
            tracing::warn!(bucket = %self.id, epoch = %self.epoch, "the claim is over: standing down");
            if self.context.backend.exclusive {
                self.context.vitals.away.fetch_add(1, Ordering::Relaxed);
            }
            self.lost.cancel();
        }
    }

    /// Whether the bucket is not served any more, for no reason that needs a human.
    pub(crate) fn is_over(&self) -> bool {
        self.lost.is_cancelled() && !self.stopped.load(Ordering::Relaxed)
    }

    /// The bucket cannot go on. It stays stopped until the host is started again.
    pub(crate) fn stop(&self, why: String) {
        self.context.vitals.stop(format!("bucket {}: {why}", self.id));
        self.stopped.store(true, Ordering::Relaxed);
        self.lost.cancel();
    }

    /// Calls the store until it answers, in growing intervals, for as long as it takes.
    ///
    /// # Errors
    /// What trying again cannot help, and `Closed` when the claim is over.
    pub(crate) async fn patiently<T, Call, Answer>(&self, what: &'static str, call: Call) -> Result<T, Error>
    where
        Call: FnMut() -> Answer,
        Answer: Future<Output = Result<T, Error>>,
    {
        let mut waits: Option<Waits> = None;
        let pace = ExponentialBuilder::new().with_min_delay(PATIENCE.0).with_max_delay(PATIENCE.1).without_max_times();
        let answer = call.retry(pace).when(Error::is_retryable).notify(|error, _| {
            if waits.is_none() {
                tracing::warn!(%error, what, bucket = %self.id, "waiting for the store");
                waits = Some(Waits::begin(self.context.vitals.clone()));
            }
        });
        tokio::select! {
            biased;
            // Dropping the call is safe: an unanswered write is unknown, and whoever comes next reads the record first.
            () = self.lost.cancelled() => Err(Error::Closed),
            answer = answer => answer,
        }
    }
}

/// Counts a call that waits for the store, as long as it lives.
pub(crate) struct Waits(Arc<Vitals>);

impl Waits {
    /// A call begins to wait.
    pub(crate) fn begin(vitals: Arc<Vitals>) -> Self {
        vitals.waiting.fetch_add(1, Ordering::Relaxed);
        Self(vitals)
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_that_ends_late_forgets_nothing_of_the_next_one() {
        let (oldest, bucket) = (Oldest::default(), BucketId { number: 1, incarnation: 1 });
        oldest.note(bucket, Epoch(1), Some(Time(5)));
        oldest.note(bucket, Epoch(2), Some(Time(7)));
        oldest.forget(bucket, Epoch(1));
        assert_eq!((oldest.here(), oldest.buckets().len()), (Some(Time(7)), 1));
    }
}
