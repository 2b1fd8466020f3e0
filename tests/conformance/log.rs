//! Laws of the log, but for reading a bucket.

use std::time::Duration;

use bytes::Bytes;
use hydra::backend::{Appended, Backend, Error, HEADERS_BYTES_MAX, NewMessage, Queue, VALUE_BYTES_MAX};
use hydra::clock::Time;
use hydra::id::{ActorId, Seq};
use hydra::names::MessageId;

use crate::world::{World, actor, append, append_many, dead_letter, message, next, open};

const EVERYTHING: usize = 100_000;

async fn append_again(backend: &Backend, message: NewMessage) -> Appended {
    backend.log.append(vec![message]).await.unwrap()[0]
}

async fn read_ids(backend: &Backend, queue: Queue, actor: Option<&ActorId>, after: Seq, limit: usize) -> Vec<String> {
    let read = backend.log.read(queue, actor, after, limit).await.unwrap();
    read.into_iter().map(|delivery| delivery.id.to_string()).collect()
}

pub(crate) async fn an_id_is_stored_once_within_the_window(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let first = append(&backend, message(&alice, "m1")).await;
    world.pass_less_than(world.window()).await;
    let again = append_again(&backend, message(&alice, "m1")).await;
    assert_eq!(again, Appended { seq: first, duplicate: true });
    assert_eq!(read_ids(&backend, Queue::Inbox, Some(&alice), Seq(0), EVERYTHING).await, ["m1"]);
}

pub(crate) async fn an_id_is_stored_once_within_one_call(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let both = vec![message(&alice, "m1"), message(&alice, "m1"), message(&alice, "m2")];
    let appended = backend.log.append(both).await.unwrap();
    let duplicates: Vec<bool> = appended.iter().map(|appended| appended.duplicate).collect();
    assert_eq!((duplicates, appended[0].seq), (vec![false, true, false], appended[1].seq));
}

pub(crate) async fn an_id_in_another_stream_is_another_message(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let elsewhere = (0..)
        .map(|number| actor(&format!("bob{number}")))
        .find(|bob| backend.log.bucket_of(bob) != backend.log.bucket_of(&alice))
        .unwrap();
    append(&backend, message(&alice, "m1")).await;
    append(&backend, message(&elsewhere, "m1")).await;
    append(&backend, dead_letter(&alice, "m1")).await;
}

pub(crate) async fn an_id_is_recognised_after_a_reopening(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let first = append(&backend, message(&alice, "m1")).await;
    let buried = append(&backend, dead_letter(&alice, "m1")).await;
    let backend = world.reopen().await;
    world.pass_less_than(world.window()).await;
    assert_eq!(append_again(&backend, message(&alice, "m1")).await, Appended { seq: first, duplicate: true });
    assert_eq!(append_again(&backend, dead_letter(&alice, "m1")).await, Appended { seq: buried, duplicate: true });
}

pub(crate) async fn messages_of_one_call_keep_their_order(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let messages = (0..50).map(|number| message(&alice, &format!("m{number}"))).collect();
    let appended = backend.log.append(messages).await.unwrap();
    assert!(appended.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    let read = read_ids(&backend, Queue::Inbox, Some(&alice), Seq(0), EVERYTHING).await;
    assert_eq!(read, (0..50).map(|number| format!("m{number}")).collect::<Vec<_>>());
}

pub(crate) async fn positions_are_not_reused_when_all_is_trimmed(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    append_many(&backend, &alice, "m", 600).await;
    let mut inbox = open(&backend, &alice, 1).await;
    let last = append(&backend, message(&alice, "last")).await;
    inbox.trim(Seq(last.0 + 1)).await.unwrap();
    assert!(read_ids(&backend, Queue::Inbox, Some(&alice), Seq(0), EVERYTHING).await.is_empty());
    let backend = world.reopen().await;
    assert!(append(&backend, message(&alice, "new")).await > last);
}

pub(crate) async fn positions_of_dead_letters_are_not_reused(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let seq = append(&backend, dead_letter(&alice, "d1")).await;
    assert!(backend.log.remove_dead_letter(seq).await.unwrap());
    let backend = world.reopen().await;
    assert!(append(&backend, dead_letter(&alice, "d2")).await > seq);
}

pub(crate) async fn the_time_of_storing_stands_in_for_a_missing_one(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let begun = backend.log.now().unwrap();
    world.pass(Duration::from_secs(1)).await;
    append(&backend, message(&alice, "m1")).await;
    append(&backend, NewMessage { committed: Some(Time(7)), ..message(&alice, "m2") }).await;
    let read = backend.log.read(Queue::Inbox, Some(&alice), Seq(0), 2).await.unwrap();
    assert_eq!((read[0].committed, read[1].committed), (Some(read[0].time), Some(Time(7))));
    assert!(read.iter().all(|delivery| delivery.time > begun), "what is stored later has a later time");
    assert!(backend.log.now().unwrap().distance(read[1].time) < Duration::from_secs(10), "one log has one time");
}

pub(crate) async fn time_never_goes_back(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let before = backend.log.now().unwrap();
    world.pass(Duration::from_secs(1)).await;
    append(&backend, message(&alice, "m1")).await;
    let backend = world.reopen().await;
    assert!(backend.log.now().unwrap() >= before.plus(Duration::from_secs(1)));
}

pub(crate) async fn reading_sees_what_was_stored_before(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    for number in 0..20 {
        let seq = append(&backend, message(&alice, &format!("m{number}"))).await;
        let read = backend.log.read(Queue::Inbox, Some(&alice), seq.before(), 1).await.unwrap();
        assert_eq!((read[0].seq, &read[0].to), (seq, &alice));
        assert_eq!(read[0].headers.get("x-one"), Some("1"));
    }
}

pub(crate) async fn reading_pages_in_order_until_there_are_no_more(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let beside = (0..)
        .map(|number| actor(&format!("bob{number}")))
        .find(|bob| backend.log.bucket_of(bob) == backend.log.bucket_of(&alice))
        .unwrap();
    for number in 0..25 {
        append_many(&backend, &beside, &format!("other{number}-"), 250).await;
        append(&backend, message(&alice, &format!("m{number}"))).await;
    }
    let (mut after, mut ids) = (Seq(0), Vec::new());
    loop {
        let read = backend.log.read(Queue::Inbox, Some(&alice), after, 10).await.unwrap();
        ids.extend(read.iter().map(|delivery| delivery.id.to_string()));
        let Some(last) = read.last().filter(|_| read.len() == 10) else { break };
        after = last.seq;
    }
    assert_eq!(ids, (0..25).map(|number| format!("m{number}")).collect::<Vec<_>>());
    assert!(read_ids(&backend, Queue::Inbox, None, Seq(0), 10).await.is_empty());
}

pub(crate) async fn dead_letters_are_read_by_all_or_by_actor(world: &mut World) {
    let (backend, alice, bob) = (world.backend(), actor("alice"), actor("bob"));
    append(&backend, dead_letter(&alice, "d1")).await;
    let second = append(&backend, dead_letter(&bob, "d2")).await;
    append(&backend, dead_letter(&alice, "d3")).await;
    append(&backend, message(&alice, "m1")).await;
    let queue = Queue::DeadLetters;
    assert_eq!(read_ids(&backend, queue, None, Seq(0), EVERYTHING).await, ["d1", "d2", "d3"]);
    assert_eq!(read_ids(&backend, queue, None, second, EVERYTHING).await, ["d3"]);
    assert_eq!(read_ids(&backend, queue, Some(&alice), Seq(0), EVERYTHING).await, ["d1", "d3"]);
    assert_eq!(read_ids(&backend, queue, Some(&alice), Seq(0), 1).await, ["d1"]);
}

pub(crate) async fn a_dead_letter_is_removed_once(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    append(&backend, dead_letter(&alice, "d1")).await;
    let seq = append(&backend, dead_letter(&alice, "d2")).await;
    assert!(backend.log.remove_dead_letter(seq).await.unwrap());
    assert!(!backend.log.remove_dead_letter(seq).await.unwrap());
    assert_eq!(read_ids(&backend, Queue::DeadLetters, None, Seq(0), EVERYTHING).await, ["d1"]);
}

pub(crate) async fn earlier_copies_are_found_at_their_first_position(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    append(&backend, message(&alice, "old")).await;
    world.pass(Duration::from_secs(1)).await;
    let since = backend.log.now().unwrap();
    let first = append(&backend, message(&alice, "m1")).await;
    world.pass(world.window()).await;
    let second = append(&backend, message(&alice, "m1")).await;
    let ids = ["m1", "old", "never"].map(MessageId::stored);
    let found = backend.log.find(&alice, since, Seq(second.0 + 1), &ids).await.unwrap();
    assert_eq!((found.found, found.complete), (vec![(MessageId::stored("m1"), first)], true));
    let found = backend.log.find(&alice, since, first, &ids).await.unwrap();
    assert_eq!((found.found, found.complete), (vec![], true), "a position is not before itself");
    let found = backend.log.find(&actor("bob"), since, Seq(u64::MAX), &ids).await.unwrap();
    assert!(found.found.is_empty(), "another actor's copies are none");
}

pub(crate) async fn history_is_complete_unless_something_since_was_trimmed(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let ids = [MessageId::stored("m1")];
    let complete =
        async |backend: &Backend, since| backend.log.find(&alice, since, Seq(u64::MAX), &ids).await.unwrap().complete;
    assert!(complete(&backend, Time(0)).await, "what never held anything is complete");
    append(&backend, message(&alice, "m1")).await;
    let trimmed_at = backend.log.now().unwrap();
    world.pass(Duration::from_secs(1)).await;
    let kept = append(&backend, message(&alice, "m2")).await;
    let kept_at = backend.log.read(Queue::Inbox, Some(&alice), kept.before(), 1).await.unwrap()[0].time;
    // A store may know no more than that what it trimmed is not younger than what it kept.
    let kept_at = kept_at.plus(Duration::from_millis(1));
    assert!(complete(&backend, Time(0)).await, "nothing was trimmed");
    open(&backend, &alice, 1).await.trim(kept).await.unwrap();
    assert!(!complete(&backend, trimmed_at).await && !complete(&backend, Time(0)).await);
    assert!(complete(&backend, kept_at).await);
    let backend = world.reopen().await;
    assert!(!complete(&backend, trimmed_at).await && complete(&backend, kept_at).await);
}

pub(crate) async fn what_is_too_large_is_refused_and_nothing_is_stored(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let largest = NewMessage { body: vec![1; VALUE_BYTES_MAX].into(), ..message(&alice, "fits") };
    append(&backend, largest.clone()).await;
    let large = NewMessage { body: vec![1; VALUE_BYTES_MAX + 1].into(), ..message(&alice, "large") };
    let both = vec![message(&alice, "beside"), large];
    let refused = backend.log.append(both).await.unwrap_err();
    let (size, limit) = (VALUE_BYTES_MAX + 1, VALUE_BYTES_MAX);
    assert!(matches!(refused, Error::TooLarge { size: s, limit: l, .. } if (s, l) == (size, limit)), "{refused}");
    let mut long = message(&alice, "long");
    long.headers.push("X-Long", "x".repeat(HEADERS_BYTES_MAX));
    let refused = backend.log.append(vec![long]).await.unwrap_err();
    assert!(matches!(refused, Error::TooLarge { limit: HEADERS_BYTES_MAX, .. }) && !refused.is_retryable());
    let mut inbox = open(&backend, &alice, 1).await;
    assert_eq!(next(&mut inbox).await.body, largest.body);
    assert_eq!(read_ids(&backend, Queue::Inbox, Some(&alice), Seq(0), EVERYTHING).await, ["fits"]);
}

pub(crate) async fn nothing_is_appended_by_an_empty_call(world: &mut World) {
    assert!(world.backend().log.append(Vec::new()).await.unwrap().is_empty());
    let empty = NewMessage { body: Bytes::new(), ..message(&actor("alice"), "empty") };
    append(&world.backend(), empty).await;
}
