//! The log as one node sees it on a bad day. Called by the host in place of the real one; `link` says what goes wrong, this
//! tells the witness what was stored. Breaks a rule only if it is told to.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hydra::backend::{Appended, Delivery, Error, Follow, History, Inbox, Log, NewMessage, Notice, Queue, Standing};
use hydra::clock::Time;
use hydra::id::{ActorId, BucketId, Epoch, Seq};
use hydra::names::MessageId;
use hydra::record::{self, Record};
use tokio::time::Instant;

use crate::faults::{Rule, pass};
use crate::link::{Link, Way, unavailable, unknown};

/// How long the next parked message overtakes one, if that is let happen.
const OVERTAKEN_FOR: Duration = Duration::from_millis(100);

/// Mailboxes, dead letters and the parked queue.
pub(crate) struct Faulty(pub(crate) Arc<Link>);

#[async_trait]
impl Log for Faulty {
    fn now(&self) -> Result<Time, Error> {
        if !self.0.knows_time() || self.0.faults.happens(|rates| rates.unavailable / 4) {
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
        self.0.ask(Way::Store, "begin an incarnation", self.0.faults.store.log.begin_incarnation(incarnation)).await
    }

    async fn standing(&self, bucket: BucketId) -> Result<Standing, Error> {
        self.0.ask(Way::Store, "look where a bucket stands", self.0.faults.store.log.standing(bucket)).await
    }

    async fn append(&self, mut messages: Vec<NewMessage>) -> Result<Vec<Appended>, Error> {
        let (faults, who) = (self.0.faults.clone(), self.0.name);
        if faults.happens(|rates| rates.copies) {
            faults.copy_later(who, &messages);
        }
        if faults.is_broken(Rule::ParkedOrder) && messages.iter().all(|message| message.queue == Queue::Parked) {
            return Ok(faults.overtake(who, messages, OVERTAKEN_FOR));
        }
        let is_partial = messages.len() > 1 && faults.happens(|rates| rates.partial);
        if is_partial {
            messages.truncate(faults.draw(|random| random.usize(1..messages.len())));
        }
        let appended = self.0.change(Way::Store, "append", async move { faults.store(who, messages).await }).await?;
        if is_partial { Err(unknown()) } else { Ok(appended) }
    }

    async fn inbox(&self, bucket: BucketId, epoch: Epoch) -> Result<Box<dyn Inbox>, Error> {
        let link = self.0.clone();
        let inner = link.ask(Way::Store, "open an inbox", link.faults.store.log.inbox(bucket, epoch)).await?;
        if link.faults.happens(|rates| rates.lost) {
            // It was opened, and whoever had it is cut off; but this node does not know.
            return Err(unavailable());
        }
        let mut floor = inner.floor();
        if link.faults.is_broken(Rule::Floor) {
            floor = link.faults.witness().last.get(&bucket).copied().unwrap_or_default();
        }
        link.note(&format!("takes up {bucket} under {epoch} behind {}", floor.0));
        Ok(Box::new(Reader { link, bucket, inner, floor, delivered: floor, taken: None }))
    }

    async fn read(
        &self,
        queue: Queue,
        actor: Option<&ActorId>,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        let mut page = self.0.ask(Way::Store, "read", self.0.faults.store.log.read(queue, actor, after, limit)).await?;
        if self.0.faults.is_broken(Rule::Tick) {
            for delivery in &mut page {
                take_for_the_next(&self.0, delivery).await;
            }
        }
        Ok(page)
    }

    async fn remove_dead_letter(&self, seq: Seq) -> Result<bool, Error> {
        let store = self.0.faults.store.log.clone();
        self.0.change(Way::Store, "remove a dead letter", async move { store.remove_dead_letter(seq).await }).await
    }

    async fn trim_parked(&self, actor: &ActorId, up_to: Seq) -> Result<(), Error> {
        let (store, actor) = (self.0.faults.store.log.clone(), actor.clone());
        self.0.change(Way::Store, "trim parked messages", async move { store.trim_parked(&actor, up_to).await }).await
    }

    async fn parked_actors(&self, bucket: BucketId) -> Result<Vec<ActorId>, Error> {
        self.0.ask(Way::Store, "list parked actors", self.0.faults.store.log.parked_actors(bucket)).await
    }

    async fn find(&self, actor: &ActorId, since: Time, before: Seq, ids: &[MessageId]) -> Result<History, Error> {
        let faults = &self.0.faults;
        let mut history = self.0.ask(Way::Store, "look up", faults.store.log.find(actor, since, before, ids)).await?;
        if faults.is_broken(Rule::LookUp) {
            history = History { found: Vec::new(), complete: true };
        }
        history.complete |= faults.is_broken(Rule::Completeness);
        let (found, complete) = (history.found.len(), history.complete);
        faults.note(&format!("node {}: finds {found} of {} for {actor}, complete: {complete}", self.0.name, ids.len()));
        Ok(history)
    }

    fn notify(&self, notice: Notice) {
        let is_cut = self.0.is_dead() || self.0.cut(Way::Store).is_some();
        if !is_cut && !self.0.faults.happens(|rates| rates.lost) {
            self.0.faults.store.log.notify(notice);
        }
    }

    fn is_followed(&self, channel: &str) -> bool {
        self.0.faults.store.log.is_followed(channel)
    }

    async fn follow(&self, prefix: &str) -> Result<Follow, Error> {
        self.0.ask(Way::Store, "follow", self.0.faults.store.log.follow(prefix)).await
    }
}

/// Makes any tick one of its timer's next time, as the record has it.
async fn take_for_the_next(link: &Link, delivery: &mut Delivery) {
    let row = link.faults.store.actors.get(&record::key(&delivery.to)).await.expect("a row");
    let timers = row.and_then(|row| Record::decode(&row).ok()).unwrap_or_default().waits.timers;
    let subject = delivery.headers.get("Hydra-Subject").unwrap_or_default().to_owned();
    let Some(timer) = timers.iter().find(|timer| subject == format!("timer:{}", timer.name)) else { return };
    for (_, value) in delivery.headers.0.iter_mut().filter(|(name, _)| name == "Hydra-Timer") {
        *value = format!("{} {}", timer.generation, timer.due.0);
    }
}

struct Reader {
    link: Arc<Link>,
    bucket: BucketId,
    inner: Box<dyn Inbox>,
    floor: Seq,
    delivered: Seq,
    /// What was taken from the log and is on its way to the node, and when it gets there.
    taken: Option<(Instant, Result<Delivery, Error>)>,
}

#[async_trait]
impl Inbox for Reader {
    fn floor(&self) -> Seq {
        self.floor
    }

    async fn settle(&mut self) -> Result<(), Error> {
        let is_answered = self.link.reaches().await?;
        self.inner.settle().await?;
        if is_answered { Ok(()) } else { Err(unknown()) }
    }

    async fn next(&mut self) -> Result<Delivery, Error> {
        // What was taken is kept until it is given, so dropping the call loses nothing.
        self.link.awake().await;
        if self.link.cut(Way::Store).is_some() || self.link.faults.happens(|rates| rates.unavailable / 2) {
            pass(self.link.faults.up_to(Duration::from_millis(500))).await;
            return Err(unavailable());
        }
        loop {
            if self.taken.is_none() {
                let taken = self.inner.next().await;
                // That an inbox is closed may be heard late: until then two nodes work on one bucket.
                let is_late = taken.is_err() && self.link.faults.happens(|rates| rates.late_news);
                let news = if is_late { self.link.faults.up_to(Duration::from_secs(10)) } else { Duration::ZERO };
                self.taken = Some((Instant::now() + news, taken));
            }
            if let Some((heard, taken)) = &self.taken {
                if taken.is_err() && self.link.faults.is_broken(Rule::Claim) {
                    return pending().await;
                }
                pass(heard.saturating_duration_since(Instant::now())).await;
            }
            self.link.awake().await;
            let Some((heard, taken)) = self.taken.take() else { continue };
            let Ok(mut delivery) = taken else {
                self.taken = Some((heard, taken.clone()));
                return taken;
            };
            if self.link.faults.is_broken(Rule::Tick) {
                take_for_the_next(&self.link, &mut delivery).await;
            }
            self.delivered = delivery.seq;
            if delivery.seq > self.floor {
                return Ok(delivery);
            }
        }
    }

    async fn ack(&mut self, seq: Seq) -> Result<(), Error> {
        let is_answered = self.link.reaches().await?;
        let seq = if self.link.faults.is_broken(Rule::Watermark) { self.delivered } else { seq };
        self.inner.ack(seq).await?;
        let faults = &self.link.faults;
        faults.witness().acknowledged(faults.now(), self.link.name, self.bucket, seq);
        if is_answered { Ok(()) } else { Err(unknown()) }
    }

    async fn trim(&mut self, seq: Seq) -> Result<(), Error> {
        let is_answered = self.link.reaches().await?;
        self.inner.trim(seq).await?;
        let faults = &self.link.faults;
        faults.witness().trimmed(faults.now(), self.link.name, self.bucket, seq);
        if is_answered { Ok(()) } else { Err(unknown()) }
    }
}
