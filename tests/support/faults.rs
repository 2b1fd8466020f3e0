//! What goes wrong in a simulation, by one seeded choice per call, and what all its nodes share: the store and the witness.
//! Asked by `faulty`, which stands between each node and the store. Never breaks a law of the seam, unless it is told to
//! break one rule on purpose (`Rule`).

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use hydra::backend::{Appended, Backend, Entry, Error, Expect, NewMessage, Queue};
use hydra::clock::Time;
use hydra::id::Seq;
use hydra::names::MessageId;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::witness::Witness;

/// How often something goes wrong, in thousandths of the calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rates {
    /// Nothing is stored or read, and the caller is told so.
    pub unavailable: u32,
    /// It is stored, and the caller does not hear of it.
    pub lost: u32,
    /// The caller hears nothing; it is stored seconds or minutes later, whatever happened meanwhile.
    pub late: u32,
    /// Of several messages only the first are stored, and the caller hears nothing.
    pub partial: u32,
    /// It takes up to 20 ms, before and after the effect.
    pub slow: u32,
    /// A row is read as it was before.
    pub stale: u32,
    /// A copy of an appended message comes again, seconds or minutes later.
    pub copies: u32,
    /// A node hears seconds late that another took its bucket up: of so many thousand take-overs.
    pub late_news: u32,
}

/// A rule of the protocol, switched off to see that its absence is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A record is written only over the one that was read.
    CompareAndSwap,
    /// A copy has the id of the first.
    SameId,
    /// A copy has the T of the first.
    SameTime,
    /// Late copies are looked for.
    LookUp,
    /// A look-up says when history is gone.
    Completeness,
    /// A deleted actor's cursor is kept.
    Tombstone,
    /// What is at or before the record's cursor is done.
    Cursor,
    /// An outbox that is found pending is handed over.
    Outbox,
    /// A claim begins at the floor.
    Floor,
    /// Only what is done is acknowledged.
    Watermark,
    /// Whoever is refused a write, or has time, reads again who owns the bucket. (That its inbox is closed is not heard
    /// either, or that alone would tell.)
    Claim,
    /// What is at or before the record's position in the parked queue is done.
    ParkedPosition,
    /// Messages are parked one after the other.
    ParkedOrder,
    /// A tick counts only if it is of the timer's next time.
    Tick,
}

/// What all nodes of one simulation share: the store, the choices, the witness.
pub struct Faults {
    pub(crate) store: Backend,
    pub(crate) broken: Option<Rule>,
    random: Mutex<Rng>,
    rates: Mutex<Rates>,
    witness: Mutex<Witness>,
    /// What rows were before, for stale reads.
    pub(crate) earlier: Mutex<BTreeMap<String, Vec<Entry>>>,
    ids: Mutex<BTreeSet<MessageId>>,
    /// Until when the rows of living nodes end before they should.
    early_until: Mutex<Option<Instant>>,
    /// What is on its way to the store, whether or not anybody still waits for it.
    pub surfacing: TaskTracker,
}

/// What happens to one call.
pub(crate) enum Fate {
    Done { before: Duration, after: Duration },
    Unavailable,
    Lost,
    Late(Duration),
}

impl Faults {
    /// A store on which nothing goes wrong yet.
    pub fn new(store: Backend, seed: u64, broken: Option<Rule>) -> Arc<Self> {
        Arc::new(Self {
            store,
            broken,
            random: Mutex::new(Rng::with_seed(seed)),
            rates: Mutex::default(),
            witness: Mutex::default(),
            earlier: Mutex::default(),
            ids: Mutex::default(),
            early_until: Mutex::default(),
            surfacing: TaskTracker::new(),
        })
    }

    /// From now on this much goes wrong.
    pub fn set(&self, rates: Rates) {
        *self.rates.lock().expect("rates") = rates;
    }

    /// What was seen so far.
    pub fn witness(&self) -> MutexGuard<'_, Witness> {
        self.witness.lock().expect("witness")
    }

    /// Notes that something happened.
    pub fn note(&self, what: &str) {
        self.witness().note(self.now(), what);
    }

    /// One of the simulation's choices.
    pub fn draw<T>(&self, choose: impl FnOnce(&mut Rng) -> T) -> T {
        choose(&mut self.random.lock().expect("random"))
    }

    pub(crate) fn now(&self) -> Time {
        self.store.log.now().expect("the memory store tells the time")
    }

    pub(crate) fn is_broken(&self, rule: Rule) -> bool {
        self.broken == Some(rule)
    }

    pub(crate) fn happens(&self, rate: fn(&Rates) -> u32) -> bool {
        let rate = rate(&self.rates.lock().expect("rates"));
        rate > 0 && self.draw(|random| random.u32(..1_000)) < rate
    }

    pub(crate) fn fate(&self) -> Fate {
        let rates = *self.rates.lock().expect("rates");
        let (choice, slow) = self.draw(|random| (random.u32(..1_000), random.u32(..1_000) < rates.slow));
        let span = || if slow { self.up_to(Duration::from_millis(20)) } else { Duration::ZERO };
        let (lost, late) = (rates.unavailable + rates.lost, rates.unavailable + rates.lost + rates.late);
        match choice {
            _ if choice < rates.unavailable => Fate::Unavailable,
            _ if choice < lost => Fate::Lost,
            _ if choice < late => Fate::Late(self.soon_or_minutes_later()),
            _ => Fate::Done { before: span(), after: span() },
        }
    }

    /// What happens to a call that changes something, if its node is cut off for so long.
    pub(crate) fn fate_of_change(&self, cut: Option<Duration>) -> Fate {
        match (self.fate(), cut) {
            (fate, None) => fate,
            // What a client has buffered goes out when its connection is back, whether or not anybody still waits.
            (_, Some(span)) if self.draw(Rng::bool) => Fate::Late(span + self.up_to(Duration::from_secs(2))),
            _ => Fate::Unavailable,
        }
    }

    /// For this long the rows of living nodes end before they are written again.
    pub fn end_rows_early(&self, span: Duration) {
        *self.early_until.lock().expect("a moment") = Some(Instant::now() + span);
    }

    pub(crate) fn rows_end_early(&self) -> bool {
        self.early_until.lock().expect("a moment").is_some_and(|until| until > Instant::now())
    }

    /// The server is started again: it has forgotten who lives.
    pub async fn forget_the_living(&self) {
        let table = &self.store.liveness;
        for key in table.list("", None, usize::MAX).await.expect("rows") {
            table.delete(&key, Expect::Any).await.expect("a row is forgotten");
        }
    }

    pub(crate) fn up_to(&self, longest: Duration) -> Duration {
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.draw(|random| random.u64(1..=longest)))
    }

    fn soon_or_minutes_later(&self) -> Duration {
        let longest = self.draw(|random| [2, 20, 60, 300][random.usize(..4)]);
        self.up_to(Duration::from_secs(longest))
    }

    /// Stores messages as the log is asked to, and tells the witness.
    pub(crate) async fn store(&self, who: u32, mut messages: Vec<NewMessage>) -> Result<Vec<Appended>, Error> {
        let seen = messages.clone();
        messages.iter_mut().for_each(|message| self.disguise(message));
        let appended = self.store.log.append(messages).await?;
        for (message, appended) in seen.iter().zip(&appended) {
            let bucket = self.store.log.bucket_of(&message.to);
            self.witness().arrived(self.now(), who, bucket, message, *appended);
        }
        Ok(appended)
    }

    /// Gives a copy another id or another T, if those rules are switched off.
    fn disguise(&self, message: &mut NewMessage) {
        let mut ids = self.ids.lock().expect("ids");
        if message.queue != Queue::Inbox || ids.insert(message.id.clone()) {
            return;
        }
        if self.is_broken(Rule::SameId) {
            message.id = MessageId::stored(&format!("{}-{}", message.id, ids.len()));
            ids.insert(message.id.clone());
        }
        if self.is_broken(Rule::SameTime) {
            message.committed = Some(self.now());
        }
    }

    /// Has the next messages overtake these, now and then; says at once that they are stored.
    pub(crate) fn overtake(self: &Arc<Self>, who: u32, messages: Vec<NewMessage>, by: Duration) -> Vec<Appended> {
        let told = Appended { seq: Seq(0), duplicate: false };
        let (count, span, faults) = (messages.len(), self.draw(Rng::bool), self.clone());
        self.surfacing.spawn(async move {
            pass(if span { by } else { Duration::ZERO }).await;
            faults.store(who, messages).await
        });
        vec![told; count]
    }

    /// A publisher's buffer brings messages again, long after they were sent.
    pub(crate) fn copy_later(self: &Arc<Self>, who: u32, messages: &[NewMessage]) {
        let longest = self.draw(|random| [5, 60, 600, 1_200][random.usize(..4)]);
        let (span, messages, faults) = (self.up_to(Duration::from_secs(longest)), messages.to_vec(), self.clone());
        self.surfacing.spawn(async move {
            pass(span).await;
            faults.store(who, messages).await
        });
    }
}

/// Lets the simulation's time go on.
pub async fn pass(span: Duration) {
    if !span.is_zero() {
        let _ = tokio::time::timeout(span, pending::<()>()).await;
    }
}
