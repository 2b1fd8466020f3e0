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

use crate::activation::Activation;
use crate::backend::{Delivery, Error, Expect, Inbox, Put};
use crate::bucket::{Bucket, Context, claim_key};
use crate::callers::tell_suspended;
use crate::clock::Time;
use crate::cluster::{Claim, Member};
use crate::crash::{self, Step};
use crate::id::{ActorId, BucketId, Epoch, Revision, Seq};
use crate::mailbox::Waiting;
use crate::message::{Headers, Problem};
use crate::operation::is_operation;
use crate::tombstone;
use crate::turn::LOOK_UP_FROM;
use crate::wake;

/// How long done messages are gathered before they are acknowledged together.
const ACK_EVERY: Duration = Duration::from_millis(20);
/// Messages that are taken one behind the other before anything else is looked at.
const TAKEN_AT_ONCE: usize = 64;
/// Wait before messages are read again after a failure.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// The log's time is asked again after so long at the latest while an alarm is set: it is not this host's to foretell.
const ALARM_AGAIN: Duration = Duration::from_secs(10);
/// How often it is looked whether the watermark hangs on somebody, while anything waits.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the floor is noted for trimming, and tombstones are looked at.
const TIDY_EVERY: Duration = Duration::from_secs(15);

/// Claims a bucket whose ownership row was last seen as `before`: from now on its messages are handled here, and whoever
/// had it finds out. None: somebody else was faster.
///
/// # Errors
/// The store's: the row may name this host already; claim again.
pub(crate) async fn claim(
    context: &Arc<Context>,
    id: BucketId,
    member: &Member,
    before: Option<Revision>,
) -> Result<Option<Loop>, Error> {
    let (table, log, key) = (&context.backend.actors, &context.backend.log, claim_key(id));
    let claim = Claim { member: member.clone(), claimed_at: log.now()? };
    let row: Bytes = serde_json::to_vec(&claim).unwrap_or_default().into();
    let expect = before.map_or(Expect::Absent, Expect::Revision);
    let Put::Written(revision) = table.put(&key, row, Headers::default(), expect, None).await? else {
        return Ok(None);
    };
    let epoch = Epoch(revision.0);
    crash::at(Step::ClaimWritten);
    let mut inbox = match log.inbox(id, epoch).await {
        Err(Error::Closed) => return Ok(None),
        inbox => inbox?,
    };
    crash::at(Step::InboxOpened);
    // Somebody may have claimed it since: then the inboxes of earlier owners, whom we would cut off, are not ours to end.
    if table.get(&key).await?.is_none_or(|row| row.revision != revision) {
        return Ok(None);
    }
    crash::at(Step::ClaimReadAgain);
    inbox.settle().await?;
    crash::at(Step::InboxSettled);
    let bucket = Arc::new(Bucket::new(id, epoch, inbox.floor(), context.clone()));
    let parked = log.parked_actors(id).await?;
    // What the last owner left unfinished is not known before it was delivered: until then nobody trims.
    context.oldest.note(id, epoch, Some(Time(0)));
    let (floors, claimed, tidied) = (VecDeque::new(), Instant::now(), Instant::now());
    Ok(Some(Loop { bucket, inbox, floors, claimed, tidied, held: None, parked }))
}

/// The loop of one bucket.
pub(crate) struct Loop {
    bucket: Arc<Bucket>,
    inbox: Box<dyn Inbox>,
    /// When the floor was where: trimming goes up to where it was `retention` ago.
    floors: VecDeque<(Instant, Time, Seq)>,
    claimed: Instant,
    /// When it was last looked where the floor is.
    tidied: Instant,
    /// A message that waits for memory: at most one.
    held: Option<Delivery>,
    /// Actors whose messages were parked under earlier claims.
    parked: Vec<ActorId>,
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
        let (mut ack_at, mut look_at): (Option<Instant>, Option<Instant>) = (None, None);
        let mut alarm_at = Some(Instant::now());
        for actor in std::mem::take(&mut self.parked) {
            let begins = bucket.mailboxes().park(&actor);
            self.begin(begins, actor);
        }
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
                () = bucket.set_earlier.notified(), if !draining => alarm_at = Some(Instant::now()),
                () = at(alarm_at), if alarm_at.is_some() && !draining => alarm_at = self.wake(),
                () = at(look_at), if look_at.is_some() => look_at = self.look(),
                memory = context.memory.clone().acquire_many_owned(weight), if self.held.is_some() && !draining => {
                    if let (Ok(memory), Some(delivery)) = (memory, self.held.take()) {
                        self.deliver(delivery, memory);
                    }
                }
                next = self.inbox.next(), if self.held.is_none() && !draining => {
                    self.take(next).await;
                    look_at.get_or_insert_with(|| Instant::now() + LOOK_EVERY);
                }
            }
        }
        if context.ended.is_cancelled() {
            self.acknowledge().await;
        }
        context.oldest.forget(bucket.id, bucket.epoch);
    }

    /// Takes a message and those that are there already: each look at the loop's timers costs more than a message.
    async fn take(&mut self, first: Result<Delivery, Error>) {
        let (mut next, mut taken) = (first, 0);
        loop {
            match next {
                Ok(delivery) => self.route(delivery),
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, bucket = %self.bucket.id, "cannot read messages: trying again");
                    return tokio::time::sleep(READ_AGAIN_AFTER).await;
                }
                Err(Error::Closed) => return self.bucket.stand_down(),
                Err(error) => return self.bucket.stop(error.to_string()),
            }
            taken += 1;
            let ends = self.bucket.lost.is_cancelled() || self.bucket.context.draining.is_cancelled();
            if ends || taken == TAKEN_AT_ONCE || self.held.is_some() {
                return;
            }
            match self.inbox.next().now_or_never() {
                Some(more) => next = more,
                None => return,
            }
        }
    }

    /// Has the messages parked on which the watermark has hung for too long. None: nothing waits, so nothing can hang.
    fn look(&self) -> Option<Instant> {
        let overdue = {
            let mut mailboxes = self.bucket.mailboxes();
            if mailboxes.is_settled() {
                return None;
            }
            let time = self.bucket.context.backend.log.now();
            time.map_or_else(|_| Vec::new(), |time| mailboxes.overdue(Instant::now(), time))
        };
        for actor in overdue {
            tracing::info!(bucket = %self.bucket.id, kind = %actor.kind(), "an actor lags behind: its messages are parked");
            let begins = self.bucket.mailboxes().park(&actor);
            self.begin(begins, actor);
        }
        Some(Instant::now() + LOOK_EVERY)
    }

    /// Wakes the actors for which something is due. Tells when to look again; none: when something has changed.
    fn wake(&self) -> Option<Instant> {
        let Ok(now) = self.bucket.context.backend.log.due_time() else {
            return Some(Instant::now() + READ_AGAIN_AFTER);
        };
        let (due, next) = {
            let mut alarms = self.bucket.alarms();
            (alarms.take_due(now), alarms.next())
        };
        for actor in due {
            let begins = self.bucket.mailboxes().wake(&actor);
            self.begin(begins, actor);
        }
        next.map(|next| Instant::now() + if next > now { next.distance(now).min(ALARM_AGAIN) } else { Duration::ZERO })
    }

    /// Brings a message to its actor, or leaves it in the log for later.
    fn route(&mut self, delivery: Delivery) {
        crash::at(Step::MessagePulled);
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
        let begins = self.bucket.mailboxes().push(Waiting { delivery, parked: None, memory: Some(memory) });
        self.begin(begins, actor);
    }

    fn begin(&self, begins: bool, actor: ActorId) {
        if begins {
            let context = &self.bucket.context;
            let bucket = self.bucket.clone();
            context.metrics.begun();
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
        // What the last owner left unfinished has come by now, if there is any.
        if self.claimed.elapsed() > TIDY_EVERY {
            self.bucket.context.oldest.note(self.bucket.id, self.bucket.epoch, oldest);
        }
        if watermark <= self.bucket.floor() {
            return;
        }
        crash::at(Step::BeforeAck);
        match self.inbox.ack(watermark).await {
            Ok(()) => {
                crash::at(Step::Acknowledged);
                self.bucket.set_floor(watermark);
            }
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
        wake::sweep(&self.bucket).await;
        let floor = self.bucket.floor();
        let gap = std::mem::replace(&mut self.tidied, Instant::now()).elapsed();
        let now = context.backend.log.now();
        if now.is_err() || gap > 2 * TIDY_EVERY {
            // While the store was away or this host stood still, others could not hand over what they had to.
            self.floors.iter_mut().for_each(|(noted, ..)| *noted = Instant::now());
        }
        let Ok(now) = now else { return };
        if self.floors.back().is_none_or(|(_, _, last)| *last < floor) {
            self.floors.push_back((Instant::now(), now, floor));
        }
        let Some(oldest) = context.oldest.anywhere() else { return };
        let needed_from = oldest.unwrap_or(now).minus(LOOK_UP_FROM);
        let is_past =
            |(noted, time, _): &&(Instant, Time, Seq)| noted.elapsed() >= context.retention && *time < needed_from;
        let past = self.floors.iter().take_while(is_past).count();
        let Some(&(_, _, seq)) = past.checked_sub(1).and_then(|last| self.floors.get(last)) else { return };
        crash::at(Step::BeforeTrim);
        match self.inbox.trim(seq).await {
            Ok(()) => {
                crash::at(Step::Trimmed);
                self.floors.drain(..past);
            }
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
