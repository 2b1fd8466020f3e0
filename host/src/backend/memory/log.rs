//! The seam's `Log` in memory: a map per stream, and whoever waits for it to change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::backend::bounds::check_messages;
use crate::backend::followers::Followers;
use crate::backend::{
    Appended, DEDUPE_WINDOW, Delivery, Error, Follow, History, Inbox, Log, NewMessage, Notice, Queue, Standing,
};
use crate::clock::{Clock, Time};
use crate::guard::lock;
use crate::id::{ActorId, BucketId, Epoch, Seq};
use crate::names::MessageId;

/// The streams of one store.
pub(super) struct Streams {
    shared: Arc<Shared>,
}

impl Streams {
    pub(super) fn new(clock: Arc<Clock>, buckets: u16) -> Self {
        let inboxes = (0..buckets).map(|_| Stream::default()).collect();
        let (dead_letters, parked, followers) = (Stream::default(), Stream::default(), Followers::new());
        let incarnation = AtomicU32::new(1);
        Self { shared: Arc::new(Shared { clock, incarnation, inboxes, dead_letters, parked, followers }) }
    }
}

struct Shared {
    clock: Arc<Clock>,
    /// Of every bucket.
    incarnation: AtomicU32,
    /// By number of the bucket.
    inboxes: Vec<Stream>,
    dead_letters: Stream,
    parked: Stream,
    followers: Followers,
}

#[derive(Default)]
struct Stream {
    state: Mutex<StreamState>,
    /// A message came, or another inbox was opened.
    changed: Notify,
}

#[derive(Default)]
struct StreamState {
    messages: BTreeMap<Seq, Delivery>,
    last: Seq,
    /// Positions of the ids that came within the dedupe window.
    ids: BTreeMap<MessageId, Seq>,
    /// The same ids, oldest first.
    recent: VecDeque<(Time, MessageId)>,
    floor: Seq,
    epoch: Epoch,
    /// How often an inbox was opened: only the latest may go on.
    openings: u64,
    /// When the latest message that was trimmed away had been stored.
    trimmed: Option<Time>,
}

impl StreamState {
    fn append(&mut self, message: NewMessage, now: Time) -> Appended {
        while let Some((_, id)) = self.recent.pop_front_if(|(stored, _)| stored.plus(DEDUPE_WINDOW) <= now) {
            self.ids.remove(&id);
        }
        if let Some(seq) = self.ids.get(&message.id) {
            return Appended { seq: *seq, duplicate: true };
        }
        self.last.0 += 1;
        let seq = self.last;
        self.ids.insert(message.id.clone(), seq);
        self.recent.push_back((now, message.id.clone()));
        let NewMessage { queue: _, to, id, committed, headers, body } = message;
        let committed = Some(committed.unwrap_or(now));
        self.messages.insert(seq, Delivery { to, seq, time: now, id, committed, headers, body });
        Appended { seq, duplicate: false }
    }

    fn behind(&self, after: Seq) -> impl Iterator<Item = &Delivery> {
        self.messages.range(Seq(after.0.saturating_add(1))..).map(|(_, delivery)| delivery)
    }
}

impl Shared {
    fn bucket(&self, number: u16) -> BucketId {
        BucketId { number, incarnation: self.incarnation.load(Ordering::Acquire) }
    }

    fn bucket_of(&self, actor: &ActorId) -> BucketId {
        let buckets = u16::try_from(self.inboxes.len()).unwrap_or(1);
        self.bucket(actor.slot().bucket_number(buckets))
    }

    fn stream(&self, bucket: BucketId) -> Result<&Stream, Error> {
        let known = self.inboxes.get(usize::from(bucket.number)).filter(|_| bucket == self.bucket(bucket.number));
        known.ok_or(Error::Closed)
    }
}

#[async_trait]
impl Log for Streams {
    fn now(&self) -> Result<Time, Error> {
        Ok(self.shared.clock.now())
    }

    fn buckets(&self) -> Vec<BucketId> {
        (0_u16..).zip(&self.shared.inboxes).map(|(number, _)| self.shared.bucket(number)).collect()
    }

    fn bucket_of(&self, actor: &ActorId) -> BucketId {
        self.shared.bucket_of(actor)
    }

    async fn begin_incarnation(&self, incarnation: u32) -> Result<(), Error> {
        self.shared.incarnation.fetch_max(incarnation, Ordering::AcqRel);
        Ok(())
    }

    async fn standing(&self, bucket: BucketId) -> Result<Standing, Error> {
        let state = lock(&self.shared.stream(bucket)?.state);
        let (waiting, since) = state.behind(state.floor).next().map(|delivery| (delivery.seq, delivery.time)).unzip();
        Ok(Standing { floor: state.floor, waiting, since })
    }

    async fn append(&self, messages: Vec<NewMessage>) -> Result<Vec<Appended>, Error> {
        check_messages(&messages)?;
        let mut appended = Vec::with_capacity(messages.len());
        for message in messages {
            let stream = match message.queue {
                Queue::Inbox => self.shared.stream(self.shared.bucket_of(&message.to))?,
                Queue::DeadLetters => &self.shared.dead_letters,
                Queue::Parked => &self.shared.parked,
            };
            let mut state = lock(&stream.state);
            // Asked under the lock, so that times grow with positions.
            appended.push(state.append(message, self.shared.clock.now()));
            drop(state);
            stream.changed.notify_waiters();
        }
        Ok(appended)
    }

    async fn inbox(&self, bucket: BucketId, epoch: Epoch) -> Result<Box<dyn Inbox>, Error> {
        let stream = self.shared.stream(bucket)?;
        let mut state = lock(&stream.state);
        if epoch < state.epoch {
            return Err(Error::Closed);
        }
        state.epoch = epoch;
        state.openings += 1;
        stream.changed.notify_waiters();
        let (opening, floor) = (state.openings, state.floor);
        Ok(Box::new(Reader { shared: Arc::clone(&self.shared), bucket, opening, floor, position: floor }))
    }

    async fn read(
        &self,
        queue: Queue,
        actor: Option<&ActorId>,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        let stream = match (queue, actor) {
            (Queue::Inbox, Some(actor)) => self.shared.stream(self.shared.bucket_of(actor))?,
            (Queue::Parked, Some(_)) => &self.shared.parked,
            (Queue::Inbox | Queue::Parked, None) => return Ok(Vec::new()),
            (Queue::DeadLetters, _) => &self.shared.dead_letters,
        };
        let wanted = |delivery: &&Delivery| actor.is_none_or(|actor| *actor == delivery.to);
        Ok(lock(&stream.state).behind(after).filter(wanted).take(limit).cloned().collect())
    }

    async fn remove_dead_letter(&self, seq: Seq) -> Result<bool, Error> {
        Ok(lock(&self.shared.dead_letters.state).messages.remove(&seq).is_some())
    }

    async fn trim_parked(&self, actor: &ActorId, up_to: Seq) -> Result<(), Error> {
        let mut state = lock(&self.shared.parked.state);
        state.messages.retain(|seq, delivery| *seq > up_to || delivery.to != *actor);
        Ok(())
    }

    async fn parked_actors(&self, bucket: BucketId) -> Result<Vec<ActorId>, Error> {
        self.shared.stream(bucket)?;
        let state = lock(&self.shared.parked.state);
        let actors: BTreeSet<&ActorId> = state.messages.values().map(|delivery| &delivery.to).collect();
        Ok(actors.into_iter().filter(|actor| self.shared.bucket_of(actor) == bucket).cloned().collect())
    }

    async fn find(&self, actor: &ActorId, since: Time, before: Seq, ids: &[MessageId]) -> Result<History, Error> {
        let state = lock(&self.shared.stream(self.shared.bucket_of(actor))?.state);
        let mut found: BTreeMap<&MessageId, Seq> = BTreeMap::new();
        for (seq, delivery) in state.messages.range(..before) {
            if delivery.time >= since && delivery.to == *actor && ids.contains(&delivery.id) {
                found.entry(&delivery.id).or_insert(*seq);
            }
        }
        Ok(History {
            found: found.into_iter().map(|(id, seq)| (id.clone(), seq)).collect(),
            complete: state.trimmed.is_none_or(|trimmed| trimmed < since),
        })
    }

    fn notify(&self, notice: Notice) {
        self.shared.followers.notify(notice);
    }

    fn is_followed(&self, channel: &str) -> bool {
        self.shared.followers.is_followed(channel)
    }

    async fn follow(&self, prefix: &str) -> Result<Follow, Error> {
        self.shared.followers.follow(prefix)
    }
}

struct Reader {
    shared: Arc<Shared>,
    bucket: BucketId,
    opening: u64,
    floor: Seq,
    position: Seq,
}

impl Reader {
    /// Does something with the stream, as long as no later inbox was opened.
    fn with<T>(&self, act: impl FnOnce(&mut StreamState) -> T) -> Result<T, Error> {
        let mut state = lock(&self.shared.stream(self.bucket)?.state);
        if state.openings == self.opening { Ok(act(&mut state)) } else { Err(Error::Closed) }
    }
}

#[async_trait]
impl Inbox for Reader {
    fn floor(&self) -> Seq {
        self.floor
    }

    async fn settle(&mut self) -> Result<(), Error> {
        // The opening itself has closed the earlier ones.
        self.with(|_| ())
    }

    async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            // Made before looking, so that what comes in between wakes us. Dropping it loses nothing.
            let shared = Arc::clone(&self.shared);
            let changed = shared.stream(self.bucket)?.changed.notified();
            if let Some(delivery) = self.with(|state| state.behind(self.position).next().cloned())? {
                self.position = delivery.seq;
                return Ok(delivery);
            }
            changed.await;
        }
    }

    async fn ack(&mut self, seq: Seq) -> Result<(), Error> {
        self.with(|state| state.floor = state.floor.max(seq.min(state.last)))
    }

    async fn trim(&mut self, seq: Seq) -> Result<(), Error> {
        self.with(|state| {
            let kept = state.messages.split_off(&seq);
            let trimmed = std::mem::replace(&mut state.messages, kept);
            if let Some((_, latest)) = trimmed.last_key_value() {
                state.trimmed = Some(latest.time);
            }
        })
    }
}
