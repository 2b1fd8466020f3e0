//! Laws of reading a bucket: order, redelivery, floors, epochs.

use std::pin::pin;
use std::time::Duration;

use hydra::backend::{Error, Inbox, Queue, Standing};
use hydra::id::{BucketId, Epoch, Seq};

use crate::world::{World, actor, append, append_many, message, next, next_ids, open, soon};

/// Begins to wait for a message and gives up.
async fn give_up(inbox: &mut Box<dyn Inbox>) {
    let waited = tokio::time::timeout(Duration::ZERO, inbox.next()).await;
    assert!(waited.is_err(), "there was a message: {waited:?}");
}

fn is_closed<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Closed))
}

pub(crate) async fn messages_come_in_order_and_once(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let mut inbox = open(&backend, &alice, 1).await;
    assert_eq!(inbox.floor(), Seq(0));
    append_many(&backend, &alice, "m", 30).await;
    let sent = message(&alice, "end");
    append(&backend, sent.clone()).await;
    assert_eq!(next_ids(&mut inbox, 30).await, (0..30).map(|number| format!("m{number}")).collect::<Vec<_>>());
    let end = next(&mut inbox).await;
    assert_eq!((end.id, end.to, end.headers, end.body), (sent.id, sent.to, sent.headers, sent.body));
    assert_eq!(Some(end.time), end.committed);
}

pub(crate) async fn what_was_stored_before_the_opening_comes_too(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    append_many(&backend, &alice, "old", 3).await;
    let mut inbox = open(&backend, &alice, 1).await;
    append_many(&backend, &alice, "new", 2).await;
    assert_eq!(next_ids(&mut inbox, 5).await, ["old0", "old1", "old2", "new0", "new1"]);
}

pub(crate) async fn a_reader_far_behind_gets_everything(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let mut inbox = open(&backend, &alice, 1).await;
    append_many(&backend, &alice, "a", 3_000).await;
    let mut ids = next_ids(&mut inbox, 100).await;
    append_many(&backend, &alice, "b", 3_000).await;
    ids.extend(next_ids(&mut inbox, 5_900).await);
    let expected = ["a", "b"].iter().flat_map(|prefix| (0..3_000).map(move |number| format!("{prefix}{number}")));
    assert_eq!(ids, expected.collect::<Vec<_>>());
    give_up(&mut inbox).await;
}

pub(crate) async fn a_dropped_next_loses_nothing(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    append_many(&backend, &alice, "old", 5).await;
    let mut inbox = open(&backend, &alice, 1).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        // Gives up in the middle of reading what is older, unless that is there already.
        match tokio::time::timeout(Duration::ZERO, inbox.next()).await {
            Ok(delivery) => ids.push(delivery.unwrap().id.to_string()),
            Err(_) => ids.extend(next_ids(&mut inbox, 1).await),
        }
    }
    give_up(&mut inbox).await;
    append_many(&backend, &alice, "new", 2).await;
    ids.extend(next_ids(&mut inbox, 2).await);
    assert_eq!(ids, ["old0", "old1", "old2", "old3", "old4", "new0", "new1"]);
}

pub(crate) async fn unacknowledged_messages_come_again_after_a_reopening(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let mut inbox = open(&backend, &alice, 1).await;
    append_many(&backend, &alice, "m", 4).await;
    next_ids(&mut inbox, 1).await;
    let second = next(&mut inbox).await.seq;
    next_ids(&mut inbox, 2).await;
    inbox.ack(second).await.unwrap();
    let mut inbox = open(&backend, &alice, 2).await;
    assert_eq!((inbox.floor(), next_ids(&mut inbox, 2).await), (second, vec!["m2".into(), "m3".into()]));
    let backend = world.reopen().await;
    let mut inbox = open(&backend, &alice, 3).await;
    assert_eq!((inbox.floor(), next_ids(&mut inbox, 2).await), (second, vec!["m2".into(), "m3".into()]));
}

pub(crate) async fn the_floor_is_never_above_what_was_acknowledged(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let mut inbox = open(&backend, &alice, 1).await;
    append_many(&backend, &alice, "m", 3).await;
    let first = next(&mut inbox).await.seq;
    let second = next(&mut inbox).await.seq;
    inbox.ack(second).await.unwrap();
    inbox.ack(first).await.unwrap();
    assert_eq!(open(&backend, &alice, 2).await.floor(), second, "a floor does not sink");
    let mut inbox = open(&backend, &alice, 3).await;
    inbox.ack(Seq(1_000)).await.unwrap();
    let backend = world.reopen().await;
    let mut inbox = open(&backend, &alice, 4).await;
    append(&backend, message(&alice, "later")).await;
    assert_eq!(next_ids(&mut inbox, 1).await, ["later"], "what was not there was not acknowledged");
}

pub(crate) async fn a_lower_epoch_is_closed(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let bucket = backend.log.bucket_of(&alice);
    let _owner = open(&backend, &alice, 5).await;
    assert!(is_closed(&backend.log.inbox(bucket, Epoch(4)).await));
    assert!(backend.log.inbox(bucket, Epoch(5)).await.is_ok());
}

pub(crate) async fn an_earlier_opening_is_closed(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let mut old = open(&backend, &alice, 1).await;
    append_many(&backend, &alice, "m", 2).await;
    let first = next(&mut old).await.seq;
    let mut new = open(&backend, &alice, 2).await;
    assert!(is_closed(&old.next().await));
    assert!(is_closed(&old.ack(first).await));
    assert!(is_closed(&old.trim(first).await));
    drop(old);
    assert_eq!(next_ids(&mut new, 2).await, ["m0", "m1"]);
    let mut same_epoch = open(&backend, &alice, 2).await;
    assert!(is_closed(&new.next().await));
    assert_eq!(next_ids(&mut same_epoch, 2).await, ["m0", "m1"]);
}

pub(crate) async fn a_waiting_reader_hears_that_it_is_closed(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let mut old = open(&backend, &alice, 1).await;
    let mut waiting = pin!(old.next());
    assert!(tokio::time::timeout(Duration::ZERO, waiting.as_mut()).await.is_err());
    let _new = open(&backend, &alice, 2).await;
    assert!(is_closed(&soon(waiting).await));
}

pub(crate) async fn an_opening_that_never_settles_costs_nothing(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let bucket = backend.log.bucket_of(&alice);
    let mut owner = open(&backend, &alice, 1).await;
    append_many(&backend, &alice, "m", 4).await;
    next_ids(&mut owner, 1).await;
    let second = next(&mut owner).await.seq;
    owner.ack(second).await.unwrap();
    drop(backend.log.inbox(bucket, Epoch(2)).await.unwrap());
    let mut inbox = open(&backend, &alice, 3).await;
    assert_eq!((inbox.floor(), next_ids(&mut inbox, 2).await), (second, vec!["m2".into(), "m3".into()]));
}

pub(crate) async fn an_opening_below_a_settled_one_cannot_settle(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    append_many(&backend, &alice, "m", 2).await;
    let mut slow = backend.log.inbox(backend.log.bucket_of(&alice), Epoch(1)).await.unwrap();
    let mut owner = open(&backend, &alice, 2).await;
    assert!(is_closed(&slow.settle().await));
    assert_eq!(next_ids(&mut owner, 2).await, ["m0", "m1"]);
    assert!(is_closed(&slow.next().await));
}

pub(crate) async fn trimming_keeps_the_message_and_all_behind(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    append_many(&backend, &alice, "m", 1_000).await;
    let kept = append(&backend, message(&alice, "kept")).await;
    append(&backend, message(&alice, "behind")).await;
    let mut inbox = open(&backend, &alice, 1).await;
    inbox.trim(kept).await.unwrap();
    inbox.trim(Seq(1)).await.unwrap();
    assert_eq!(next_ids(&mut inbox, 2).await, ["kept", "behind"]);
}

pub(crate) async fn messages_go_to_their_own_bucket(world: &mut World) {
    let backend = world.backend();
    let buckets = backend.log.buckets();
    let numbers: Vec<u16> = buckets.iter().map(|bucket| bucket.number).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    for (bucket, number) in buckets.into_iter().zip(0_u32..) {
        let one = (0..).map(|id| actor(&id.to_string())).find(|one| backend.log.bucket_of(one) == bucket).unwrap();
        append(&backend, message(&one, &format!("for {number}"))).await;
        let mut inbox = backend.log.inbox(bucket, Epoch(1)).await.unwrap();
        assert_eq!(next_ids(&mut inbox, 1).await, [format!("for {number}")]);
        give_up(&mut inbox).await;
    }
}

pub(crate) async fn an_unknown_bucket_is_closed(world: &mut World) {
    let backend = world.backend();
    for (number, incarnation) in [(4, 1), (0, 2)] {
        assert!(is_closed(&backend.log.inbox(BucketId { number, incarnation }, Epoch(1)).await));
    }
}

pub(crate) async fn a_bucket_tells_what_is_not_acknowledged(world: &mut World) {
    let (mut backend, alice) = (world.backend(), actor("alice"));
    let bucket = backend.log.bucket_of(&alice);
    let nothing = Standing { floor: Seq(0), waiting: None, since: None };
    assert_eq!(backend.log.standing(bucket).await.unwrap(), nothing);
    append_many(&backend, &alice, "m", 3).await;
    let stored = backend.log.read(Queue::Inbox, Some(&alice), Seq(0), 3).await.unwrap();
    let since = |seq: Seq| stored.iter().find(|message| message.seq == seq).map(|message| message.time);
    let standing = backend.log.standing(bucket).await.unwrap();
    assert_eq!((standing.waiting, standing.since), (Some(Seq(1)), since(Seq(1))));
    for (acknowledged, waiting) in [(2, Some(Seq(3))), (3, None)] {
        let mut inbox = open(&backend, &alice, acknowledged).await;
        while next(&mut inbox).await.seq < Seq(acknowledged) {}
        inbox.ack(Seq(acknowledged)).await.unwrap();
        drop(inbox);
        backend = world.reopen().await;
        let expected = Standing { floor: Seq(acknowledged), waiting, since: waiting.and_then(since) };
        assert_eq!(backend.log.standing(bucket).await.unwrap(), expected);
    }
    let unknown = BucketId { incarnation: bucket.incarnation + 1, ..bucket };
    assert!(matches!(backend.log.standing(unknown).await, Err(Error::Closed)));
}

pub(crate) async fn an_incarnation_is_kept_and_never_goes_back(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    append_many(&backend, &alice, "m", 2).await;
    for (begun, told) in [(7, 7), (3, 7), (8, 8)] {
        world.backend().log.begin_incarnation(begun).await.unwrap();
        let backend = world.reopen().await;
        assert!(backend.log.buckets().iter().all(|bucket| bucket.incarnation == told));
        assert_eq!(backend.log.bucket_of(&alice).incarnation, told);
    }
    let backend = world.backend();
    let first = BucketId { incarnation: 1, ..backend.log.bucket_of(&alice) };
    assert!(is_closed(&backend.log.inbox(first, Epoch(1)).await));
    assert_eq!(next_ids(&mut open(&backend, &alice, 1).await, 2).await, ["m0", "m1"], "no message is touched");
}
