//! A host's way to its store: sees every message and record, and brings the mishap of a run.
//! Implements the seam over another store. A host that crashed is cut off here: nothing it still does has an effect.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;

use crate::backend::{
    Appended, Backend, Delivery, Entry, Error, Expect, Follow, History, Inbox, Log, NewMessage, Notice, Put, Queue,
    Standing, Table, Watch as RowWatch,
};
use crate::clock::Time;
use crate::id::{ActorId, BucketId, Epoch, Revision, Seq};
use crate::message::{Headers, header};
use crate::names::MessageId;
use crate::random::Random;
use crate::record::{self, Record};
use crate::scenario::variant::Variant;
use crate::scenario::watch::Watch;

/// Longest time that a delayed message takes to be stored, in milliseconds.
pub(super) const DELAY_MS_MAX: u64 = 200;

/// One way to the store: a host's, or that of whoever sends from outside.
pub(super) struct Link {
    store: Backend,
    pub(super) watch: Arc<Watch>,
    variant: Variant,
    /// What delays are drawn from: one for all links of a run.
    delays: Arc<Random>,
    is_dead: AtomicBool,
    crashed: Notify,
}

impl Link {
    /// A way to this store.
    pub(super) fn new(store: Backend, watch: Arc<Watch>, variant: Variant, delays: Arc<Random>) -> Arc<Self> {
        Arc::new(Self { store, watch, variant, delays, is_dead: AtomicBool::new(false), crashed: Notify::new() })
    }

    /// The store as seen from here.
    pub(super) fn backend(self: &Arc<Self>) -> Backend {
        Backend { log: Arc::new(Way(self.clone())), actors: Arc::new(Way(self.clone())), ..self.store.clone() }
    }

    /// From now on nothing gets through.
    pub(super) fn die(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
        self.crashed.notify_one();
    }

    /// Waits until the host has crashed.
    pub(super) async fn crashed(&self) {
        self.crashed.notified().await;
    }

    /// Goes on at once, or never.
    pub(super) async fn alive(&self) {
        if self.is_dead.load(Ordering::Relaxed) || self.watch.is_flooded() {
            pending().await
        }
    }

    async fn store(&self, messages: Vec<NewMessage>) -> Result<Vec<Appended>, Error> {
        let appended = self.store.log.append(messages.clone()).await?;
        for (message, appended) in messages.iter().zip(&appended) {
            self.watch.stored(self.store.log.bucket_of(&message.to), message, *appended);
        }
        if self.variant == Variant::Duplicates {
            self.store.log.append(messages.clone()).await?;
            messages
                .into_iter()
                .filter(|message| message.queue == Queue::Inbox)
                .for_each(|copy| self.watch.keep_copy(copy));
        }
        Ok(appended)
    }

    async fn delay(&self) -> Result<(), Error> {
        let drawn = u64::from_le_bytes(self.delays.bytes()?);
        tokio::time::sleep(Duration::from_millis(1 + drawn % DELAY_MS_MAX)).await;
        self.alive().await;
        Ok(())
    }
}

/// The seam's end of a link.
struct Way(Arc<Link>);

#[async_trait]
impl Log for Way {
    fn now(&self) -> Result<Time, Error> {
        self.0.store.log.now()
    }

    fn due_time(&self) -> Result<Time, Error> {
        Ok(self.0.watch.now())
    }

    fn buckets(&self) -> Vec<BucketId> {
        self.0.store.log.buckets()
    }

    fn bucket_of(&self, actor: &ActorId) -> BucketId {
        self.0.store.log.bucket_of(actor)
    }

    async fn begin_incarnation(&self, incarnation: u32) -> Result<(), Error> {
        self.0.alive().await;
        self.0.store.log.begin_incarnation(incarnation).await
    }

    async fn standing(&self, bucket: BucketId) -> Result<Standing, Error> {
        self.0.alive().await;
        self.0.store.log.standing(bucket).await
    }

    async fn append(&self, messages: Vec<NewMessage>) -> Result<Vec<Appended>, Error> {
        self.0.alive().await;
        if self.0.variant != Variant::Delays {
            return self.0.store(messages).await;
        }
        let mut appended = Vec::with_capacity(messages.len());
        for message in messages {
            self.0.delay().await?;
            appended.extend(self.0.store(vec![message]).await?);
        }
        Ok(appended)
    }

    async fn inbox(&self, bucket: BucketId, epoch: Epoch) -> Result<Box<dyn Inbox>, Error> {
        self.0.alive().await;
        let inbox = self.0.store.log.inbox(bucket, epoch).await?;
        Ok(Box::new(Reader { link: self.0.clone(), bucket, inbox }))
    }

    async fn read(
        &self,
        queue: Queue,
        actor: Option<&ActorId>,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        self.0.alive().await;
        self.0.store.log.read(queue, actor, after, limit).await
    }

    async fn remove_dead_letter(&self, seq: Seq) -> Result<bool, Error> {
        self.0.alive().await;
        self.0.store.log.remove_dead_letter(seq).await
    }

    async fn trim_parked(&self, actor: &ActorId, up_to: Seq) -> Result<(), Error> {
        self.0.alive().await;
        self.0.store.log.trim_parked(actor, up_to).await
    }

    async fn parked_actors(&self, bucket: BucketId) -> Result<Vec<ActorId>, Error> {
        self.0.alive().await;
        self.0.store.log.parked_actors(bucket).await
    }

    async fn find(&self, actor: &ActorId, since: Time, before: Seq, ids: &[MessageId]) -> Result<History, Error> {
        self.0.alive().await;
        self.0.store.log.find(actor, since, before, ids).await
    }

    fn notify(&self, notice: Notice) {
        if !self.0.is_dead.load(Ordering::Relaxed) {
            self.0.store.log.notify(notice);
        }
    }

    fn is_followed(&self, channel: &str) -> bool {
        self.0.store.log.is_followed(channel)
    }

    async fn follow(&self, prefix: &str) -> Result<Follow, Error> {
        self.0.alive().await;
        self.0.store.log.follow(prefix).await
    }
}

#[async_trait]
impl Table for Way {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        self.0.alive().await;
        self.0.store.actors.get(key).await
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        headers: Headers,
        expect: Expect,
        expires_after: Option<Duration>,
    ) -> Result<Put, Error> {
        let link = &self.0;
        link.alive().await;
        let Some(actor) = record::actor_of(key) else {
            return link.store.actors.put(key, value, headers, expect, expires_after).await;
        };
        let number = link.watch.commits();
        if link.variant == Variant::CrashBeforeCommit(number) {
            link.watch.note(|| format!("the host dies before commit {number}, of {actor}"));
            link.die();
        }
        link.alive().await;
        link.watch.note(|| format!("commit {number}: {actor}"));
        let written = Entry { value: value.clone(), headers: headers.clone(), revision: Revision(0) };
        let put = link.store.actors.put(key, value, headers, expect, expires_after).await;
        if let (Ok(Put::Written(_)), Ok(record)) = (&put, Record::decode(&written)) {
            link.watch.waits(&actor, &record.waits);
        }
        if link.variant == Variant::CrashAfterCommit(number) {
            link.watch.note(|| format!("the host dies after commit {number}, of {actor}"));
            link.die();
        }
        link.alive().await;
        put
    }

    async fn delete(&self, key: &str, expect: Expect) -> Result<Put, Error> {
        self.0.alive().await;
        self.0.store.actors.delete(key, expect).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, Error> {
        self.0.alive().await;
        self.0.store.actors.list(prefix, after, limit).await
    }

    async fn watch(&self, prefix: &str) -> Result<RowWatch, Error> {
        self.0.alive().await;
        self.0.store.actors.watch(prefix).await
    }
}

/// The reading end of one bucket, as seen through a link.
struct Reader {
    link: Arc<Link>,
    bucket: BucketId,
    inbox: Box<dyn Inbox>,
}

#[async_trait]
impl Inbox for Reader {
    fn floor(&self) -> Seq {
        self.inbox.floor()
    }

    async fn settle(&mut self) -> Result<(), Error> {
        self.link.alive().await;
        self.inbox.settle().await
    }

    async fn next(&mut self) -> Result<Delivery, Error> {
        // Dropped while it waits it has lost nothing; a host that is dead needs nothing more.
        let mut delivery = self.inbox.next().await?;
        self.link.alive().await;
        // How late it is told is a matter of the scenario's time.
        if delivery.headers.get(header::TIMER).is_some() {
            delivery.time = self.link.watch.name_of(&delivery.id).accepted;
        }
        Ok(delivery)
    }

    async fn ack(&mut self, seq: Seq) -> Result<(), Error> {
        self.link.alive().await;
        self.inbox.ack(seq).await?;
        self.link.watch.done(self.bucket, seq);
        Ok(())
    }

    async fn trim(&mut self, seq: Seq) -> Result<(), Error> {
        self.link.alive().await;
        self.inbox.trim(seq).await
    }
}
