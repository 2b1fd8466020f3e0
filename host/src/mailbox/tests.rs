//! What the mailboxes promise to the loop and to the activations of their bucket.

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
    Waiting { delivery, parked: None, memory: None }
}

fn boxes(floor: u64, messages: usize) -> Mailboxes {
    Mailboxes::new(Seq(floor), Share { messages, bytes: 100 })
}

fn seqs(work: Work) -> Vec<u64> {
    match work {
        Work::Messages(messages) => messages.iter().map(|waiting| waiting.delivery.seq.0).collect(),
        Work::Read { after, up_to } => vec![u64::MAX, after.0, up_to.0],
        Work::Operator(delivery) => vec![0, delivery.seq.0],
        Work::Parked => vec![u64::MAX],
        Work::Due => vec![1, 1],
        Work::End => Vec::new(),
    }
}

/// These messages of `a` were read to get what was left up to `up_to`; which are in work now.
fn found(boxes: &mut Mailboxes, page: &[u64], up_to: u64, is_all: bool) -> Vec<u64> {
    let page = page.iter().map(|seq| waiting("a", *seq).delivery).collect();
    boxes.found(&actor("a"), page, Seq(up_to), is_all).iter().map(|delivery| delivery.seq.0).collect()
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
    found(&mut boxes, &[3, 4], 5, false);
    boxes.push(waiting("a", 6));
    boxes.done(Seq(3));
    boxes.done(Seq(4));
    assert_eq!(boxes.low_watermark(), Seq(4));
    assert_eq!(seqs(boxes.take(&actor("a"), 64)), [u64::MAX, 4, 6]);
    found(&mut boxes, &[5, 6], 6, true);
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
    boxes.push(waiting("a", 5));
    // The page is full, and its last message was left while it was read.
    assert_eq!(found(&mut boxes, &[2, 3, 4], 3, false), [2, 3]);
    assert_eq!(seqs(boxes.take(&actor("a"), 64)), [u64::MAX, 3, 5]);
}

#[test]
fn an_actor_that_is_stuck_or_long_behind_is_overdue() {
    let (mut boxes, start) = (boxes(0, 8), Instant::now());
    let after = |seconds| start + Duration::from_secs(seconds);
    boxes.push(waiting("stuck", 1));
    boxes.push(waiting("slow", 2));
    assert!(boxes.overdue(start, Time(0)).is_empty());
    for second in 1..=60 {
        boxes.take(&actor("slow"), 1);
        boxes.push(waiting("slow", second + 2));
        let overdue = boxes.overdue(after(second), Time(second * 1_000));
        let is_there = |id| overdue.contains(&actor(id));
        assert_eq!((is_there("stuck"), is_there("slow")), (second >= 5, second == 60), "{second}");
    }
}

#[test]
fn a_parked_actor_works_from_the_log_and_from_its_queue_by_turns() {
    let mut boxes = boxes(0, 8);
    assert!(boxes.push(waiting("a", 1)) && !boxes.park(&actor("a")));
    assert_eq!(seqs(boxes.take(&actor("a"), 64)), [1]);
    boxes.push(waiting("a", 2));
    assert_eq!(seqs(boxes.take(&actor("a"), 64)), [u64::MAX]);
    assert_eq!(seqs(boxes.take(&actor("a"), 64)), [2]);
    boxes.suspend(&actor("a"), VecDeque::new());
    assert!(matches!(boxes.take(&actor("a"), 64), Work::End));
    assert!(boxes.push(waiting("a", 3)), "a suspended actor's messages are parked all the same");
    assert_eq!(seqs(boxes.take(&actor("a"), 64)), [3]);
    assert!(matches!(boxes.take(&actor("a"), 64), Work::End));
    boxes.resume(&actor("a"));
    assert_eq!(seqs(boxes.take(&actor("a"), 64)), [u64::MAX]);
    boxes.unpark(&actor("a"));
    assert!(matches!(boxes.take(&actor("a"), 64), Work::End) && !boxes.is_parked(&actor("a")));
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

#[test]
fn what_is_due_is_told_before_what_waits_and_wakes_a_sleeper() {
    let mut boxes = boxes(0, 8);
    assert!(boxes.wake(&actor("a")) && !boxes.wake(&actor("a")) && !boxes.push(waiting("a", 1)));
    assert!(matches!(boxes.take(&actor("a"), 64), Work::Due));
    assert_eq!(seqs(boxes.take(&actor("a"), 64)), [1]);
    assert!(matches!(boxes.take(&actor("a"), 64), Work::End));
}
