//! The mailboxes of one bucket: what waits in memory, what was left in the log, and how far everything is done.
//! Filled by `inbox`, emptied by `activation`. Pure bookkeeping: no I/O, no waiting.
//! A mailbox holds a bounded share; the rest stays in the log and is read again when its turn comes.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::backend::Delivery;
use crate::clock::Time;
use crate::id::{ActorId, Seq};

/// A message that waits in memory, with the memory it holds.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) delivery: Delivery,
    /// Given back when the message is done or left in the log.
    pub(crate) memory: Option<OwnedSemaphorePermit>,
}

/// What an activation does next.
#[derive(Debug)]
pub(crate) enum Work {
    /// An operator's message: before all others.
    Operator(Delivery),
    /// Messages in order.
    Messages(VecDeque<Waiting>),
    /// Read the log behind this position, up to and including the second.
    Read { after: Seq, up_to: Seq },
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
    /// Calls an activation that waits.
    call: Arc<Notify>,
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
            !mailbox.suspended && mailbox.left.is_none() && has_share
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
        !mailbox.suspended && !std::mem::replace(&mut mailbox.awake, true)
    }

    /// What this actor's activation does next, at most `limit` messages.
    pub(crate) fn take(&mut self, actor: &ActorId, limit: usize) -> Work {
        let Some(mailbox) = self.actors.get_mut(actor) else { return Work::End };
        if let Some(operator) = mailbox.operators.pop_front() {
            // Its call is answered: the next wait is for the next one.
            mailbox.call = Arc::default();
            return Work::Operator(operator);
        }
        if !mailbox.suspended {
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
        mailbox.awake = false;
        if !mailbox.suspended {
            self.actors.remove(actor);
        }
        Work::End
    }

    /// Ends an activation that cannot go on: its mailbox waits for the next message.
    pub(crate) fn end(&mut self, actor: &ActorId) {
        if let Some(mailbox) = self.actors.get_mut(actor) {
            mailbox.awake = false;
        }
    }

    /// These messages were read from the log, everything up to and including `read_up_to`: they are in work now.
    pub(crate) fn found(&mut self, actor: &ActorId, page: &[Delivery], read_up_to: Seq) {
        let Some(mailbox) = self.actors.get_mut(actor) else { return };
        self.pending.extend(page.iter().map(|delivery| (delivery.seq, delivery.time)));
        let Some(left) = mailbox.left.take() else { return };
        self.left.remove(&(left.first, actor.clone()));
        if read_up_to < left.up_to {
            let rest = Left { first: Seq(read_up_to.0 + 1), ..left };
            mailbox.left = Some(rest);
            self.left.insert((rest.first, actor.clone()));
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
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::message::Headers;
    use crate::names::MessageId;

    fn actor(id: &str) -> ActorId {
        ActorId::parse(&format!("counter/{id}")).unwrap()
    }

    fn waiting(id: &str, seq: u64) -> Waiting {
        let delivery = Delivery {
            to: actor(id),
            seq: Seq(seq),
            time: Time(0),
            id: MessageId::stored(&seq.to_string()),
            committed: None,
            headers: Headers::default(),
            body: Bytes::new(),
        };
        Waiting { delivery, memory: None }
    }

    fn boxes(floor: u64, messages: usize) -> Mailboxes {
        Mailboxes::new(Seq(floor), Share { messages, bytes: 100 })
    }

    fn seqs(work: Work) -> Vec<u64> {
        match work {
            Work::Messages(messages) => messages.iter().map(|waiting| waiting.delivery.seq.0).collect(),
            Work::Read { after, up_to } => vec![u64::MAX, after.0, up_to.0],
            Work::Operator(delivery) => vec![0, delivery.seq.0],
            Work::End => Vec::new(),
        }
    }

    #[test]
    fn the_watermark_is_below_the_first_unfinished_message() {
        let mut boxes = boxes(4, 8);
        assert_eq!(boxes.low_watermark(), Seq(4));
        assert!(boxes.push(waiting("a", 5)) && boxes.push(waiting("b", 6)) && !boxes.push(waiting("a", 7)));
        assert_eq!(seqs(boxes.take(&actor("a"), 64)), [5, 7]);
        boxes.done(Seq(6));
        assert_eq!(boxes.low_watermark(), Seq(4));
        boxes.done(Seq(5));
        assert_eq!(boxes.low_watermark(), Seq(6));
        boxes.done(Seq(7));
        assert_eq!(boxes.low_watermark(), Seq(7));
        assert!(matches!(boxes.take(&actor("a"), 64), Work::End));
        assert!(boxes.push(waiting("a", 8)), "a new message begins a new activation");
    }

    #[test]
    fn what_does_not_fit_is_read_from_the_log_in_order() {
        let mut boxes = boxes(0, 2);
        for seq in 1..=5 {
            boxes.push(waiting("a", seq));
        }
        assert_eq!(seqs(boxes.take(&actor("a"), 64)), [1, 2]);
        boxes.done(Seq(1));
        boxes.done(Seq(2));
        assert_eq!(boxes.low_watermark(), Seq(2));
        assert_eq!(seqs(boxes.take(&actor("a"), 64)), [u64::MAX, 2, 5]);
        boxes.found(&actor("a"), &[waiting("a", 3).delivery, waiting("a", 4).delivery], Seq(4));
        boxes.push(waiting("a", 6));
        boxes.done(Seq(3));
        boxes.done(Seq(4));
        assert_eq!(boxes.low_watermark(), Seq(4));
        assert_eq!(seqs(boxes.take(&actor("a"), 64)), [u64::MAX, 4, 6]);
        boxes.found(&actor("a"), &[waiting("a", 5).delivery, waiting("a", 6).delivery], Seq(6));
        boxes.push(waiting("a", 7));
        assert_eq!(seqs(boxes.take(&actor("a"), 64)), [7]);
        assert_eq!(boxes.low_watermark(), Seq(4));
    }

    #[test]
    fn a_suspended_actor_holds_the_watermark_but_no_memory() {
        let mut boxes = boxes(0, 8);
        for seq in 1..=3 {
            boxes.push(waiting("a", seq));
        }
        let Work::Messages(unhandled) = boxes.take(&actor("a"), 1) else { panic!("messages wait") };
        assert_eq!(boxes.suspend(&actor("a"), unhandled).len(), 3);
        assert!(matches!(boxes.take(&actor("a"), 64), Work::End));
        assert!(!boxes.push(waiting("a", 4)) && boxes.push(waiting("b", 5)));
        boxes.done(Seq(5));
        assert_eq!(boxes.low_watermark(), Seq(0));
        assert!(boxes.push_operator(waiting("a", 6).delivery), "an operator wakes it");
        assert_eq!(seqs(boxes.take(&actor("a"), 64)), [0, 6]);
        boxes.resume(&actor("a"));
        boxes.done(Seq(6));
        assert_eq!(seqs(boxes.take(&actor("a"), 64)), [u64::MAX, 0, 4]);
    }

    #[test]
    fn messages_left_while_the_log_is_read_are_read_the_next_time() {
        let mut boxes = boxes(0, 1);
        for seq in 1..=3 {
            boxes.push(waiting("a", seq));
        }
        assert_eq!(seqs(boxes.take(&actor("a"), 64)), [1]);
        assert_eq!(seqs(boxes.take(&actor("a"), 64)), [u64::MAX, 1, 3]);
        boxes.push(waiting("a", 4));
        boxes.found(&actor("a"), &[waiting("a", 2).delivery, waiting("a", 3).delivery], Seq(3));
        assert_eq!(seqs(boxes.take(&actor("a"), 64)), [u64::MAX, 3, 4]);
    }

    #[test]
    fn an_actor_with_large_messages_leaves_room_for_others() {
        let mut boxes = boxes(0, 64);
        let mut large = waiting("a", 1);
        large.delivery.body = Bytes::from(vec![0; 101]);
        boxes.push(large);
        assert!(!boxes.has_room(&actor("a")) && boxes.has_room(&actor("b")));
        boxes.take(&actor("a"), 1);
        assert!(boxes.has_room(&actor("a")));
    }
}
