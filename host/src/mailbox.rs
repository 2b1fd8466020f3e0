//! The mailboxes of one bucket: what waits in memory, what was left in the log, and how far everything is done.
//! Filled by `inbox`, emptied by `activation`. Pure bookkeeping: no I/O, no waiting.
//! A mailbox holds a bounded share; the rest stays in the log and is read again when its turn comes, or is parked.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;

use crate::backend::Delivery;
use crate::clock::Time;
use crate::id::{ActorId, Seq};
use crate::operation::is_operation;

/// An actor whose first message has not moved for so long is parked: the bucket's watermark must not hang on it.
const STUCK_FOR: Duration = Duration::from_secs(5);
/// So is one that has been working off its backlog for so long, and whose first message is as old.
const BEHIND_FOR: Duration = Duration::from_secs(60);

/// A message that waits in memory, with the memory it holds.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) delivery: Delivery,
    /// Where it stands in the parked queue, if it comes from there. `delivery.seq` is where it stood in the log.
    pub(crate) parked: Option<Seq>,
    /// Given back when the message is done or left in the log.
    pub(crate) memory: Option<OwnedSemaphorePermit>,
}

/// What an activation does next.
#[derive(Debug)]
pub(crate) enum Work {
    /// An operator's message: before all others.
    Operator(Delivery),
    /// See what of its timers is due.
    Due,
    /// Messages in order.
    Messages(VecDeque<Waiting>),
    /// Read the log behind this position, up to and including the second.
    Read { after: Seq, up_to: Seq },
    /// Read the parked queue.
    Parked,
    /// Nothing: the activation has ended, and the next message begins a new one.
    End,
}

/// All mailboxes of one bucket.
#[derive(Debug)]
pub(crate) struct Mailboxes {
    actors: HashMap<ActorId, Mailbox>,
    /// Messages in memory or in work, and when the log stored them.
    pending: BTreeMap<Seq, Time>,
    /// For each actor with messages left in the log, the first of them.
    left: BTreeSet<(Seq, ActorId)>,
    /// The last message that the inbox gave.
    delivered: Seq,
    share: Share,
}

/// What one actor's messages may take in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug, Default)]
struct Mailbox {
    queue: VecDeque<Waiting>,
    /// Of the queued bodies.
    bytes: usize,
    operators: VecDeque<Delivery>,
    left: Option<Left>,
    /// An activation is running.
    awake: bool,
    suspended: bool,
    /// Something that it waits for is due.
    due: bool,
    /// Messages from the log go to the parked queue, and the actor works from there.
    parked: bool,
    /// Messages from the log were parked last: the queue is next.
    parked_last: bool,
    watch: Option<Watch>,
    /// Calls an activation that waits.
    call: Arc<Notify>,
}

/// How long an actor has been behind.
#[derive(Debug, Clone, Copy)]
struct Watch {
    first: Seq,
    /// Since when that is the first message.
    stuck_since: Instant,
    /// Since when there has been one at every look.
    behind_since: Instant,
}

impl Mailbox {
    /// The first message that waits, and when the log stored it or an earlier one.
    fn first(&self) -> Option<(Seq, Time)> {
        let queued = self.queue.front().map(|waiting| (waiting.delivery.seq, waiting.delivery.time));
        queued.or_else(|| self.left.map(|left| (left.first, left.since)))
    }

    /// Whether its messages wait for a human where they are.
    fn rests(&self) -> bool {
        self.suspended && !self.parked
    }
}

/// Messages of one actor that are in the log only.
#[derive(Debug, Clone, Copy)]
struct Left {
    first: Seq,
    up_to: Seq,
    /// None of them is older.
    since: Time,
}

impl Mailboxes {
    /// Mailboxes of a bucket that was acknowledged up to `floor`, each with at most its share in memory.
    pub(crate) fn new(floor: Seq, share: Share) -> Self {
        Self { actors: HashMap::new(), pending: BTreeMap::new(), left: BTreeSet::new(), delivered: floor, share }
    }

    /// Whether a message of this actor may wait in memory; otherwise [`Mailboxes::leave`] it in the log.
    pub(crate) fn has_room(&self, actor: &ActorId) -> bool {
        self.actors.get(actor).is_none_or(|mailbox| {
            let has_share = mailbox.queue.len() < self.share.messages && mailbox.bytes <= self.share.bytes;
            !mailbox.rests() && mailbox.left.is_none() && has_share
        })
    }

    /// Takes a message into memory. True: begin an activation.
    pub(crate) fn push(&mut self, waiting: Waiting) -> bool {
        let actor = waiting.delivery.to.clone();
        if !self.has_room(&actor) {
            return self.leave(&waiting.delivery);
        }
        self.delivered = waiting.delivery.seq;
        self.pending.insert(waiting.delivery.seq, waiting.delivery.time);
        let mailbox = self.actors.entry(actor).or_default();
        mailbox.bytes += waiting.delivery.body.len();
        mailbox.queue.push_back(waiting);
        if mailbox.parked {
            // It may be waiting for its next try: the new message is parked meanwhile.
            mailbox.call.notify_one();
        }
        !std::mem::replace(&mut mailbox.awake, true)
    }

    /// Takes an operator's message: it does not wait behind the others. True: begin an activation.
    pub(crate) fn push_operator(&mut self, delivery: Delivery) -> bool {
        self.delivered = delivery.seq;
        self.pending.insert(delivery.seq, delivery.time);
        let mailbox = self.actors.entry(delivery.to.clone()).or_default();
        mailbox.operators.push_back(delivery);
        mailbox.call.notify_one();
        !std::mem::replace(&mut mailbox.awake, true)
    }

    /// Something that this actor waits for is due. True: begin an activation.
    pub(crate) fn wake(&mut self, actor: &ActorId) -> bool {
        let mailbox = self.actors.entry(actor.clone()).or_default();
        mailbox.due = true;
        mailbox.call.notify_one();
        !std::mem::replace(&mut mailbox.awake, true)
    }

    /// Leaves a delivered message in the log. True: begin an activation that will read it.
    pub(crate) fn leave(&mut self, delivery: &Delivery) -> bool {
        let seq = delivery.seq;
        self.delivered = seq;
        let mailbox = self.actors.entry(delivery.to.clone()).or_default();
        match &mut mailbox.left {
            Some(left) => left.up_to = seq,
            None => {
                mailbox.left = Some(Left { first: seq, up_to: seq, since: delivery.time });
                self.left.insert((seq, delivery.to.clone()));
            }
        }
        !mailbox.rests() && !std::mem::replace(&mut mailbox.awake, true)
    }

    /// What this actor's activation does next, at most `limit` messages.
    pub(crate) fn take(&mut self, actor: &ActorId, limit: usize) -> Work {
        let Some(mailbox) = self.actors.get_mut(actor) else { return Work::End };
        if let Some(operator) = mailbox.operators.pop_front() {
            // Its call is answered: the next wait is for the next one.
            mailbox.call = Arc::default();
            return Work::Operator(operator);
        }
        if std::mem::take(&mut mailbox.due) {
            return Work::Due;
        }
        let works_parked = mailbox.parked && !mailbox.suspended;
        // By turns, so that neither a long queue nor a steady stream of new messages holds up the other.
        let is_queues_turn = works_parked && mailbox.parked_last;
        if !(mailbox.rests() || is_queues_turn) {
            mailbox.parked_last = mailbox.parked;
            if !mailbox.queue.is_empty() {
                let count = limit.min(mailbox.queue.len());
                let taken: VecDeque<Waiting> = mailbox.queue.drain(..count).collect();
                mailbox.bytes -= taken.iter().map(|waiting| waiting.delivery.body.len()).sum::<usize>();
                return Work::Messages(taken);
            }
            if let Some(left) = mailbox.left {
                return Work::Read { after: left.first.before(), up_to: left.up_to };
            }
        }
        mailbox.parked_last = false;
        if works_parked {
            // Its call is answered: what came before it was parked.
            mailbox.call = Arc::default();
            return Work::Parked;
        }
        mailbox.awake = false;
        if !mailbox.suspended {
            self.actors.remove(actor);
        }
        Work::End
    }

    /// Messages of this actor wait in the parked queue, or are to be put there. True: begin an activation.
    pub(crate) fn park(&mut self, actor: &ActorId) -> bool {
        let mailbox = self.actors.entry(actor.clone()).or_default();
        mailbox.parked = true;
        mailbox.call.notify_one();
        !std::mem::replace(&mut mailbox.awake, true)
    }

    /// The parked queue is empty: the actor works from the log again.
    pub(crate) fn unpark(&mut self, actor: &ActorId) {
        if let Some(mailbox) = self.actors.get_mut(actor) {
            mailbox.parked = false;
        }
    }

    /// Whether what comes for this actor is to be parked.
    pub(crate) fn is_parked(&self, actor: &ActorId) -> bool {
        self.actors.get(actor).is_some_and(|mailbox| mailbox.parked)
    }

    /// Whether messages from the log are still to be put into the parked queue.
    pub(crate) fn has_to_park(&self, actor: &ActorId) -> bool {
        self.actors.get(actor).is_some_and(|mailbox| mailbox.parked && mailbox.first().is_some())
    }

    /// Whether everything that was delivered is done.
    pub(crate) fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.left.is_empty()
    }

    /// The actors on which the watermark has hung for too long, in order. To be asked every second or so; `time` is the log's.
    pub(crate) fn overdue(&mut self, now: Instant, time: Time) -> Vec<ActorId> {
        let mut overdue = Vec::new();
        for (actor, mailbox) in &mut self.actors {
            let Some((first, since)) = mailbox.first().filter(|_| !mailbox.parked) else {
                mailbox.watch = None;
                continue;
            };
            let begins = Watch { first, stuck_since: now, behind_since: now };
            let watch = mailbox.watch.get_or_insert(begins);
            if watch.first != first {
                *watch = Watch { behind_since: watch.behind_since, ..begins };
            }
            let is_old = time.minus(BEHIND_FOR) >= since && now - watch.behind_since >= BEHIND_FOR;
            if is_old || now - watch.stuck_since >= STUCK_FOR {
                overdue.push(actor.clone());
            }
        }
        overdue.sort();
        overdue
    }

    /// Ends an activation that cannot go on: its mailbox waits for the next message.
    pub(crate) fn end(&mut self, actor: &ActorId) {
        if let Some(mailbox) = self.actors.get_mut(actor) {
            mailbox.awake = false;
        }
    }

    /// A page was read from the log for this actor, to get what was left there up to `up_to`; `is_all`: there was no more.
    /// Tells what of it is in work now. What lies behind may have been left meanwhile: it is read the next time.
    pub(crate) fn found(&mut self, actor: &ActorId, page: Vec<Delivery>, up_to: Seq, is_all: bool) -> Vec<Delivery> {
        let Some(mailbox) = self.actors.get_mut(actor) else { return Vec::new() };
        let read_up_to = page.last().filter(|_| !is_all).map_or(up_to, |last| last.seq.min(up_to));
        let wanted = |delivery: &Delivery| delivery.seq <= up_to && !is_operation(&delivery.headers);
        let page: Vec<Delivery> = page.into_iter().filter(wanted).collect();
        self.pending.extend(page.iter().map(|delivery| (delivery.seq, delivery.time)));
        let Some(left) = mailbox.left.take() else { return page };
        self.left.remove(&(left.first, actor.clone()));
        if read_up_to < left.up_to {
            let rest = Left { first: Seq(read_up_to.0 + 1), ..left };
            mailbox.left = Some(rest);
            self.left.insert((rest.first, actor.clone()));
        }
        page
    }

    /// Takes back messages that could not be handled yet: they are the next.
    pub(crate) fn give_back(&mut self, actor: &ActorId, unhandled: VecDeque<Waiting>) {
        let Some(mailbox) = self.actors.get_mut(actor) else { return };
        for waiting in unhandled.into_iter().rev() {
            mailbox.bytes += waiting.delivery.body.len();
            mailbox.queue.push_front(waiting);
        }
    }

    /// Leaves everything that waits for this actor in the log, `unhandled` first, and tells what that is: an actor that
    /// waits long holds no memory.
    pub(crate) fn put_back(&mut self, actor: &ActorId, unhandled: VecDeque<Waiting>) -> Vec<Delivery> {
        let Some(mailbox) = self.actors.get_mut(actor) else { return Vec::new() };
        mailbox.bytes = 0;
        let all: Vec<Delivery> =
            unhandled.into_iter().chain(mailbox.queue.drain(..)).map(|waiting| waiting.delivery).collect();
        let (Some(first), Some(last)) = (all.first(), all.last()) else { return all };
        let mut left = Left { first: first.seq, up_to: last.seq, since: first.time };
        if let Some(more) = mailbox.left.take() {
            self.left.remove(&(more.first, actor.clone()));
            left.up_to = more.up_to.max(last.seq);
        }
        mailbox.left = Some(left);
        self.left.insert((left.first, actor.clone()));
        for delivery in &all {
            self.pending.remove(&delivery.seq);
        }
        all
    }

    /// The actor waits for a human: all its messages stay in the log, `unhandled` first. Tells which came out of memory.
    pub(crate) fn suspend(&mut self, actor: &ActorId, unhandled: VecDeque<Waiting>) -> Vec<Delivery> {
        if let Some(mailbox) = self.actors.get_mut(actor) {
            mailbox.suspended = true;
        }
        self.put_back(actor, unhandled)
    }

    /// The actor works again.
    pub(crate) fn resume(&mut self, actor: &ActorId) {
        if let Some(mailbox) = self.actors.get_mut(actor) {
            mailbox.suspended = false;
        }
    }

    /// Whether the actor is suspended.
    pub(crate) fn is_suspended(&self, actor: &ActorId) -> bool {
        self.actors.get(actor).is_some_and(|mailbox| mailbox.suspended)
    }

    /// Called when an operator's message arrives for this actor.
    pub(crate) fn call_of(&self, actor: &ActorId) -> Option<Arc<Notify>> {
        self.actors.get(actor).map(|mailbox| mailbox.call.clone())
    }

    /// A message is done: its effects are stored and handed over.
    pub(crate) fn done(&mut self, seq: Seq) {
        self.pending.remove(&seq);
    }

    /// Everything up to here is done.
    pub(crate) fn low_watermark(&self) -> Seq {
        let first_pending = self.pending.keys().next().copied();
        let first_left = self.left.first().map(|(seq, _)| *seq);
        match (first_pending, first_left) {
            (None, None) => self.delivered,
            (Some(seq), None) | (None, Some(seq)) => seq.before(),
            (Some(one), Some(other)) => one.min(other).before(),
        }
    }

    /// When the oldest message that is not done was stored, or a little earlier; none when all are done.
    pub(crate) fn oldest(&self) -> Option<Time> {
        let pending = self.pending.values().next().copied();
        let since = |(_, actor): &(Seq, ActorId)| self.actors.get(actor)?.left.map(|left| left.since);
        pending.into_iter().chain(self.left.first().and_then(since)).min()
    }
}

#[cfg(test)]
mod tests;
