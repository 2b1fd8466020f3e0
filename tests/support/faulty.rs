//! A store between one node and the real one that does what stores and networks do on a bad day.
//! The simulation's only lever: it fails before and after the effect, loses answers, holds calls back, brings copies, reads
//! stale, stops a node. `faults` chooses; this does it.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hydra::backend::{
    Appended, Backend, Delivery, Entry, Error, Expect, Follow, History, Inbox, Log, NewMessage, Notice, Put, Queue,
    Standing, Table, Watch,
};
use hydra::clock::Time;
use hydra::id::{ActorId, BucketId, Epoch, Revision, Seq};
use hydra::message::Headers;
use hydra::names::MessageId;
use tokio::time::Instant;

use crate::faults::{Fate, Faults, Rule, pass};

/// Earlier entries of one row that a stale read may bring.
const EARLIER_MAX: usize = 4;

/// One node's way to the store.
pub struct Link {
    /// The node's name in what the witness tells.
    pub name: u32,
    faults: Arc<Faults>,
    /// What it adds to the log's time when it estimates it, in milliseconds.
    offset_ms: i64,
    paused_until: Mutex<Instant>,
    is_dead: AtomicBool,
    /// Its own latest write of each row: it never reads an older one.
    written: Mutex<BTreeMap<String, Revision>>,
}

impl Link {
    /// A node that estimates the log's time wrong by `offset_ms`.
    pub fn new(faults: &Arc<Faults>, name: u32, offset_ms: i64) -> Arc<Self> {
        Arc::new(Self {
            name,
            faults: faults.clone(),
            offset_ms,
            paused_until: Mutex::new(Instant::now()),
            is_dead: AtomicBool::new(false),
            written: Mutex::default(),
        })
    }

    /// The store as this node sees it.
    pub fn backend(self: &Arc<Self>) -> Backend {
        let store = &self.faults.store;
        let (log, actors) = (Arc::new(Faulty(self.clone())), Arc::new(Faulty(self.clone())));
        Backend { log, actors, exclusive: false, ..store.clone() }
    }

    /// The node stands still for this long: what it asks for waits until then.
    pub fn pause(&self, span: Duration) {
        *self.paused_until.lock().expect("a moment") = Instant::now() + span;
    }

    /// The node is gone: whatever it would still ask for never happens.
    pub fn die(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
    }

    async fn awake(&self) {
        loop {
            let until = *self.paused_until.lock().expect("a moment");
            if self.is_dead.load(Ordering::Relaxed) {
                return pending().await;
            }
            if until <= Instant::now() {
                return;
            }
            pass(until - Instant::now()).await;
        }
    }

    /// Asks the store for what changes nothing.
    async fn ask<T>(&self, what: &str, asked: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.awake().await;
        let Fate::Done { before, after } = self.faults.fate() else {
            self.faults.note(&format!("node {}: cannot {what}", self.name));
            return Err(unavailable());
        };
        pass(before).await;
        let answer = asked.await;
        pass(after).await;
        self.awake().await;
        answer
    }

    /// Has the store change something: what is on its way arrives, even when the node is gone.
    async fn change<T: Send + 'static>(
        &self,
        what: &str,
        change: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.awake().await;
        let fate = self.faults.fate();
        let note = |how: &str| self.faults.note(&format!("node {}: {what}: {how}", self.name));
        let (before, after) = match fate {
            Fate::Unavailable => {
                note("refused");
                return Err(unavailable());
            }
            Fate::Late(span) => {
                note(&format!("surfaces {} ms later", span.as_millis()));
                self.faults.surfacing.spawn(async move {
                    pass(span).await;
                    drop(change.await);
                });
                pass(self.faults.up_to(Duration::from_secs(5))).await;
                return Err(unknown());
            }
            Fate::Lost => (Duration::ZERO, None),
            Fate::Done { before, after } => (before, Some(after)),
        };
        let arrives = self.faults.surfacing.spawn(async move {
            pass(before).await;
            change.await
        });
        let answer = arrives.await.map_err(|_| unknown())?;
        if after.is_none() {
            note("the answer is lost");
        }
        pass(after.unwrap_or_default()).await;
        self.awake().await;
        if after.is_some() { answer } else { Err(unknown()) }
    }

    /// An earlier entry of a row, no older than what this node wrote itself.
    fn earlier(&self, key: &str) -> Option<Entry> {
        if !self.faults.happens(|rates| rates.stale) {
            return None;
        }
        let own = self.written.lock().expect("revisions").get(key).copied().unwrap_or_default();
        let earlier = self.faults.earlier.lock().expect("entries");
        let allowed: Vec<&Entry> = earlier.get(key)?.iter().filter(|entry| entry.revision >= own).collect();
        let entry = (*allowed.get(self.faults.draw(|random| random.usize(..allowed.len().max(1))))?).clone();
        drop(earlier);
        self.faults.note(&format!("node {}: reads {key} as it was at {}", self.name, entry.revision.0));
        Some(entry)
    }
}

fn unavailable() -> Error {
    Error::Unavailable { reason: "simulated".into() }
}

fn unknown() -> Error {
    Error::Unknown { reason: "simulated".into() }
}

struct Faulty(Arc<Link>);

#[async_trait]
impl Log for Faulty {
    fn now(&self) -> Result<Time, Error> {
        if self.0.faults.happens(|rates| rates.unavailable / 4) {
            return Err(unavailable());
        }
        Ok(Time(self.0.faults.now().0.saturating_add_signed(self.0.offset_ms)))
    }

    fn buckets(&self) -> Vec<BucketId> {
        self.0.faults.store.log.buckets()
    }

    fn bucket_of(&self, actor: &ActorId) -> BucketId {
        self.0.faults.store.log.bucket_of(actor)
    }

    async fn begin_incarnation(&self, incarnation: u32) -> Result<(), Error> {
        self.0.ask("begin an incarnation", self.0.faults.store.log.begin_incarnation(incarnation)).await
    }

    async fn standing(&self, bucket: BucketId) -> Result<Standing, Error> {
        self.0.ask("look where a bucket stands", self.0.faults.store.log.standing(bucket)).await
    }

    async fn append(&self, mut messages: Vec<NewMessage>) -> Result<Vec<Appended>, Error> {
        let (faults, who) = (self.0.faults.clone(), self.0.name);
        if faults.happens(|rates| rates.copies) {
            faults.copy_later(who, &messages);
        }
        let is_partial = messages.len() > 1 && faults.happens(|rates| rates.partial);
        if is_partial {
            messages.truncate(faults.draw(|random| random.usize(1..messages.len())));
        }
        let appended = self.0.change("append", async move { faults.store(who, messages).await }).await?;
        if is_partial { Err(unknown()) } else { Ok(appended) }
    }

    async fn inbox(&self, bucket: BucketId, epoch: Epoch) -> Result<Box<dyn Inbox>, Error> {
        let link = self.0.clone();
        let inner = link.ask("open an inbox", link.faults.store.log.inbox(bucket, epoch)).await?;
        let mut floor = inner.floor();
        if link.faults.is_broken(Rule::Floor) {
            floor = link.faults.witness().last.get(&bucket).copied().unwrap_or_default();
        }
        link.faults.note(&format!("node {}: takes up {bucket} under {epoch} behind {}", link.name, floor.0));
        Ok(Box::new(Reader { link, bucket, inner, floor, delivered: floor }))
    }

    async fn read(
        &self,
        queue: Queue,
        actor: Option<&ActorId>,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        self.0.ask("read", self.0.faults.store.log.read(queue, actor, after, limit)).await
    }

    async fn remove_dead_letter(&self, seq: Seq) -> Result<bool, Error> {
        let store = self.0.faults.store.log.clone();
        self.0.change("remove a dead letter", async move { store.remove_dead_letter(seq).await }).await
    }

    async fn trim_parked(&self, actor: &ActorId, up_to: Seq) -> Result<(), Error> {
        let (store, actor) = (self.0.faults.store.log.clone(), actor.clone());
        self.0.change("trim parked messages", async move { store.trim_parked(&actor, up_to).await }).await
    }

    async fn parked_actors(&self, bucket: BucketId) -> Result<Vec<ActorId>, Error> {
        self.0.ask("list parked actors", self.0.faults.store.log.parked_actors(bucket)).await
    }

    async fn find(&self, actor: &ActorId, since: Time, before: Seq, ids: &[MessageId]) -> Result<History, Error> {
        let faults = &self.0.faults;
        let mut history = self.0.ask("look up", faults.store.log.find(actor, since, before, ids)).await?;
        if faults.is_broken(Rule::LookUp) {
            history = History { found: Vec::new(), complete: true };
        }
        history.complete |= faults.is_broken(Rule::Completeness);
        let (found, complete) = (history.found.len(), history.complete);
        faults.note(&format!("node {}: finds {found} of {} for {actor}, complete: {complete}", self.0.name, ids.len()));
        Ok(history)
    }

    fn notify(&self, notice: Notice) {
        if !self.0.is_dead.load(Ordering::Relaxed) && !self.0.faults.happens(|rates| rates.lost) {
            self.0.faults.store.log.notify(notice);
        }
    }

    fn is_followed(&self, channel: &str) -> bool {
        self.0.faults.store.log.is_followed(channel)
    }

    async fn follow(&self, prefix: &str) -> Result<Follow, Error> {
        self.0.ask("follow", self.0.faults.store.log.follow(prefix)).await
    }
}

struct Reader {
    link: Arc<Link>,
    bucket: BucketId,
    inner: Box<dyn Inbox>,
    floor: Seq,
    delivered: Seq,
}

#[async_trait]
impl Inbox for Reader {
    fn floor(&self) -> Seq {
        self.floor
    }

    async fn settle(&mut self) -> Result<(), Error> {
        self.link.awake().await;
        self.inner.settle().await
    }

    async fn next(&mut self) -> Result<Delivery, Error> {
        // Only the last step takes a message, so dropping the call loses nothing.
        self.link.awake().await;
        if self.link.faults.happens(|rates| rates.unavailable / 2) {
            pass(self.link.faults.up_to(Duration::from_millis(500))).await;
            return Err(unavailable());
        }
        loop {
            let delivery = self.inner.next().await?;
            self.delivered = delivery.seq;
            if delivery.seq > self.floor {
                return Ok(delivery);
            }
        }
    }

    async fn ack(&mut self, seq: Seq) -> Result<(), Error> {
        self.link.awake().await;
        let fate = self.link.faults.fate();
        if matches!(fate, Fate::Unavailable | Fate::Late(_)) {
            return Err(unavailable());
        }
        let seq = if self.link.faults.is_broken(Rule::Watermark) { self.delivered } else { seq };
        self.inner.ack(seq).await?;
        let faults = &self.link.faults;
        faults.witness().acknowledged(faults.now(), self.link.name, self.bucket, seq);
        if matches!(fate, Fate::Lost) { Err(unknown()) } else { Ok(()) }
    }

    async fn trim(&mut self, seq: Seq) -> Result<(), Error> {
        self.link.awake().await;
        let fate = self.link.faults.fate();
        if matches!(fate, Fate::Unavailable | Fate::Late(_)) {
            return Err(unavailable());
        }
        self.inner.trim(seq).await?;
        let faults = &self.link.faults;
        faults.witness().trimmed(faults.now(), self.link.name, self.bucket, seq);
        if matches!(fate, Fate::Lost) { Err(unknown()) } else { Ok(()) }
    }
}

#[async_trait]
impl Table for Faulty {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        let faults = &self.0.faults;
        let mut entry = self.0.ask("read a row", faults.store.actors.get(key)).await?;
        if entry.is_some()
            && let Some(earlier) = self.0.earlier(key)
        {
            entry = Some(earlier);
        }
        if let Some(entry) = &mut entry {
            // As a store may that keeps headers in an order of its own.
            entry.headers.0.sort_by(|(one, _), (other, _)| other.cmp(one));
        }
        let hidden = match faults.broken {
            Some(Rule::Cursor) => "Hydra-Cursor",
            Some(Rule::Outbox) => "Hydra-Outbox",
            _ => return Ok(entry),
        };
        Ok(entry.map(|entry| {
            let headers = entry.headers.0.into_iter().filter(|(name, _)| name != hidden).collect();
            Entry { headers: Headers(headers), ..entry }
        }))
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        headers: Headers,
        mut expect: Expect,
        mut expires_after: Option<Duration>,
    ) -> Result<Put, Error> {
        let (link, key) = (self.0.clone(), key.to_owned());
        if link.faults.is_broken(Rule::CompareAndSwap) && key.ends_with(".state") {
            expect = Expect::Any;
        }
        if link.faults.is_broken(Rule::Tombstone) {
            expires_after = expires_after.map(|_| Duration::ZERO);
        }
        self.0
            .change("write", async move {
                let table = &link.faults.store.actors;
                let before = table.get(&key).await?;
                let put = table.put(&key, value.clone(), headers.clone(), expect, expires_after).await?;
                let Put::Written(revision) = put else {
                    link.faults.note(&format!("node {}: may not write {key}", link.name));
                    return Ok(put);
                };
                link.faults.witness().wrote(link.faults.now(), link.name, &key, &Entry { value, headers, revision });
                link.written.lock().expect("revisions").insert(key.clone(), revision);
                let mut earlier = link.faults.earlier.lock().expect("entries");
                let entries = earlier.entry(key).or_default();
                entries.extend(before);
                let surplus = entries.len().saturating_sub(EARLIER_MAX);
                drop(entries.drain(..surplus));
                Ok(put)
            })
            .await
    }

    async fn delete(&self, key: &str, expect: Expect) -> Result<Put, Error> {
        let (store, key) = (self.0.faults.store.actors.clone(), key.to_owned());
        self.0.change("delete", async move { store.delete(&key, expect).await }).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, Error> {
        self.0.ask("list", self.0.faults.store.actors.list(prefix, after, limit)).await
    }

    async fn watch(&self, prefix: &str) -> Result<Watch, Error> {
        self.0.ask("watch", self.0.faults.store.actors.watch(prefix)).await
    }
}
