//! (2) One owned bucket: claim it, pull its messages, route each to its actor, acknowledge what is done.
//! Started by `node` for each bucket; begins an `activation` when a message arrives for an actor that sleeps.
//! Takes a message only when there is memory for it, so pressure reaches the log; never looks at records but tombstones.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::activation::{Activation, tell_suspended};
use crate::backend::{Delivery, Error, Expect, Inbox, Put};
use crate::bucket::{Bucket, Context, claim_key};
use crate::clock::Time;
use crate::id::{ActorId, BucketId, Epoch, Seq};
use crate::mailbox::Waiting;
use crate::message::{Headers, Problem};
use crate::operation::is_operation;
use crate::tombstone;
use crate::turn::LOOK_UP_FROM;

/// How long done messages are gathered before they are acknowledged together.
const ACK_EVERY: Duration = Duration::from_millis(20);
/// Wait before messages are read again after a failure.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How often the floor is noted for trimming, and tombstones are looked at.
const TIDY_EVERY: Duration = Duration::from_secs(15);

/// Claims a bucket: from now on its messages are handled here, and whoever had it before finds out.
///
/// # Errors
/// The store's: try again.
pub(crate) async fn claim(context: &Arc<Context>, id: BucketId, node: &str) -> Result<Loop, Error> {
    let (table, key) = (&context.backend.actors, claim_key(id));
    let claimed_at = context.backend.log.now()?;
    let row: Bytes = format!("{{\"node\":\"{node}\",\"claimed_at\":{}}}", claimed_at.0).into();
    let revision = loop {
        let before = table.get(&key).await?;
        let expect = before.map_or(Expect::Absent, |row| Expect::Revision(row.revision));
        if let Put::Written(revision) = table.put(&key, row.clone(), Headers::default(), expect, None).await? {
            break revision;
        }
    };
    let epoch = Epoch(revision.0);
    let mut inbox = context.backend.log.inbox(id, epoch).await?;
    inbox.settle().await?;
    let bucket = Arc::new(Bucket::new(id, epoch, inbox.floor(), context.clone()));
    context.oldest.note(id, None);
    Ok(Loop { bucket, inbox, floors: VecDeque::new(), held: None })
}

/// The loop of one bucket.
pub(crate) struct Loop {
    bucket: Arc<Bucket>,
    inbox: Box<dyn Inbox>,
    /// When the floor was where: trimming goes up to where it was `retention` ago.
    floors: VecDeque<(Instant, Time, Seq)>,
    /// A message that waits for memory: at most one.
    held: Option<Delivery>,
}

impl Loop {
    /// What its activations share.
    pub(crate) fn bucket(&self) -> Arc<Bucket> {
        self.bucket.clone()
    }

    /// Serves the bucket until the host ends or the claim is over.
    pub(crate) async fn run(mut self) {
        let bucket = self.bucket.clone();
        let context = bucket.context.clone();
        let mut ack_at: Option<Instant> = None;
        let mut tidy = tokio::time::interval(TIDY_EVERY);
        tidy.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let draining = context.draining.is_cancelled();
            let weight = self.held.as_ref().map_or(1, |held| context.weight(std::slice::from_ref(held)));
            tokio::select! {
                biased;
                // Dropping any branch is safe: tokens and notifications are looked at again, the acquisition loses a
                // place in a queue, and `next` is cancel-safe by the seam's law.
                () = bucket.lost.cancelled() => break,
                () = context.draining.cancelled(), if !draining => {}
                () = bucket.moved.notified(), if ack_at.is_none() => ack_at = Some(Instant::now() + ACK_EVERY),
                () = at(ack_at), if ack_at.is_some() => {
                    ack_at = None;
                    self.acknowledge().await;
                }
                _ = tidy.tick() => self.tidy().await,
                memory = context.memory.clone().acquire_many_owned(weight), if self.held.is_some() && !draining => {
                    if let (Ok(memory), Some(delivery)) = (memory, self.held.take()) {
                        self.deliver(delivery, memory);
                    }
                }
                next = self.inbox.next(), if self.held.is_none() && !draining => match next {
                    Ok(delivery) => self.route(delivery),
                    Err(error) if error.is_retryable() => {
                        tracing::warn!(%error, bucket = %bucket.id, "cannot read messages: trying again");
                        tokio::time::sleep(READ_AGAIN_AFTER).await;
                    }
                    Err(Error::Closed) => bucket.stand_down(),
                    Err(error) => bucket.stop(error.to_string()),
                },
            }
        }
        if context.ended.is_cancelled() {
            self.acknowledge().await;
        }
    }

    /// Brings a message to its actor, or leaves it in the log for later.
    fn route(&mut self, delivery: Delivery) {
        if is_operation(&delivery.headers) {
            let actor = delivery.to.clone();
            let begins = self.bucket.mailboxes().push_operator(delivery);
            return self.begin(begins, actor);
        }
        let has_room = self.bucket.mailboxes().has_room(&delivery.to);
        if !has_room {
            return self.leave(&delivery);
        }
        let weight = self.bucket.context.weight(std::slice::from_ref(&delivery));
        match self.bucket.context.memory.clone().try_acquire_many_owned(weight) {
            Ok(memory) => self.deliver(delivery, memory),
            Err(_) => self.held = Some(delivery),
        }
    }

    fn leave(&self, delivery: &Delivery) {
        let (begins, is_suspended) = {
            let mut mailboxes = self.bucket.mailboxes();
            (mailboxes.leave(delivery), mailboxes.is_suspended(&delivery.to))
        };
        if is_suspended {
            let problem = Problem::new("suspended", "the actor is suspended: hydra actor show tells why");
            tell_suspended(&self.bucket, delivery, &problem);
        }
        self.begin(begins, delivery.to.clone());
    }

    fn deliver(&self, delivery: Delivery, memory: OwnedSemaphorePermit) {
        let actor = delivery.to.clone();
        let begins = self.bucket.mailboxes().push(Waiting { delivery, memory: Some(memory) });
        self.begin(begins, actor);
    }

    fn begin(&self, begins: bool, actor: ActorId) {
        if begins {
            let context = &self.bucket.context;
            let bucket = self.bucket.clone();
            let run = AssertUnwindSafe(Activation::new(bucket.clone(), actor).run()).catch_unwind();
            let watched = async move {
                if run.await.is_err() {
                    bucket.stop("an activation panicked: please report it, and start the host again".into());
                }
            };
            context.tasks.spawn_on(watched, &context.guests);
        }
    }

    /// Acknowledges everything up to the first message that is not done.
    async fn acknowledge(&mut self) {
        let (watermark, oldest) = {
            let mailboxes = self.bucket.mailboxes();
            let held = self.held.as_ref().map(|delivery| delivery.time);
            (mailboxes.low_watermark(), mailboxes.oldest().into_iter().chain(held).min())
        };
        self.bucket.context.oldest.note(self.bucket.id, oldest);
        if watermark <= self.bucket.floor() {
            return;
        }
        match self.inbox.ack(watermark).await {
            Ok(()) => self.bucket.set_floor(watermark),
            Err(error) => {
                tracing::warn!(%error, bucket = %self.bucket.id, "cannot acknowledge: the next time covers it")
            }
        }
    }

    /// Forgets history that nobody can need any more, and gives passed tombstones an end.
    async fn tidy(&mut self) {
        self.acknowledge().await;
        let context = self.bucket.context.clone();
        tombstone::sweep(&self.bucket).await;
        let Ok(now) = context.backend.log.now() else { return };
        let floor = self.bucket.floor();
        if self.floors.back().is_none_or(|(_, _, last)| *last < floor) {
            self.floors.push_back((Instant::now(), now, floor));
        }
        let needed_from = context.oldest.of_all().unwrap_or(now).minus(LOOK_UP_FROM);
        let is_past =
            |(noted, time, _): &&(Instant, Time, Seq)| noted.elapsed() >= context.retention && *time < needed_from;
        let past = self.floors.iter().take_while(is_past).count();
        let Some(&(_, _, seq)) = past.checked_sub(1).and_then(|last| self.floors.get(last)) else { return };
        match self.inbox.trim(seq).await {
            Ok(()) => drop(self.floors.drain(..past)),
            Err(error) => tracing::warn!(%error, bucket = %self.bucket.id, "cannot trim: the next time covers it"),
        }
    }
}

/// Waits until then.
async fn at(moment: Option<Instant>) {
    if let Some(moment) = moment {
        tokio::time::sleep_until(moment).await;
    }
}
