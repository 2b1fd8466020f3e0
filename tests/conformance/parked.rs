//! Laws of parked messages: one queue per actor, whoever else has one.

use hydra::backend::{Appended, Backend, Error, Queue};
use hydra::id::{ActorId, BucketId, Seq};

use crate::world::{World, actor, append, append_many, dead_letter, message, parked};

async fn park_many(backend: &Backend, to: &ActorId, prefix: &str, count: usize) {
    let messages = (0..count).map(|number| parked(to, &format!("{prefix}{number}"))).collect();
    backend.log.append(messages).await.unwrap();
}

async fn read_ids(backend: &Backend, actor: &ActorId, after: Seq, limit: usize) -> Vec<String> {
    let read = backend.log.read(Queue::Parked, Some(actor), after, limit).await.unwrap();
    read.into_iter().map(|delivery| delivery.id.to_string()).collect()
}

/// The actors of all buckets with anything parked.
async fn listed(backend: &Backend) -> Vec<ActorId> {
    let mut actors = Vec::new();
    for bucket in backend.log.buckets() {
        let of_bucket = backend.log.parked_actors(bucket).await.unwrap();
        assert!(of_bucket.iter().all(|actor| backend.log.bucket_of(actor) == bucket));
        actors.extend(of_bucket);
    }
    actors.sort();
    actors
}

pub(crate) async fn parked_messages_are_read_by_actor_in_order(world: &mut World) {
    let (backend, alice, bob) = (world.backend(), actor("alice"), actor("b o.b"));
    append_many(&backend, &alice, "mailbox", 3).await;
    append(&backend, dead_letter(&alice, "d1")).await;
    park_many(&backend, &alice, "a", 300).await;
    let sent = parked(&bob, "b0");
    let first = append(&backend, sent.clone()).await;
    park_many(&backend, &alice, "c", 10).await;
    let expected: Vec<_> = (0..300).map(|number| format!("a{number}")).collect();
    assert_eq!(read_ids(&backend, &alice, Seq(0), 300).await, expected);
    assert_eq!(read_ids(&backend, &alice, first, 5).await, ["c0", "c1", "c2", "c3", "c4"]);
    let read = backend.log.read(Queue::Parked, Some(&bob), Seq(0), 10).await.unwrap();
    assert_eq!((read.len(), read[0].seq, &read[0].to, &read[0].body), (1, first, &bob, &sent.body));
    assert_eq!(read[0].headers.get("x-one"), Some("1"));
    assert!(backend.log.read(Queue::Parked, None, Seq(0), 10).await.unwrap().is_empty());
    let mailbox = backend.log.read(Queue::Inbox, Some(&alice), Seq(0), 1_000).await.unwrap();
    assert_eq!(mailbox.len(), 3, "what is parked is not in the mailbox");
}

pub(crate) async fn a_parked_id_is_stored_once_within_the_window(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    append(&backend, message(&alice, "m1")).await;
    let first = append(&backend, parked(&alice, "m1")).await;
    let backend = world.reopen().await;
    world.pass_less_than(world.window()).await;
    let again = backend.log.append(vec![parked(&alice, "m1")]).await.unwrap();
    assert_eq!(again, [Appended { seq: first, duplicate: true }]);
    assert_eq!(read_ids(&backend, &alice, Seq(0), 10).await, ["m1"]);
}

pub(crate) async fn trimming_keeps_later_messages_and_other_actors(world: &mut World) {
    let (backend, alice, bob) = (world.backend(), actor("alice"), actor("bob"));
    park_many(&backend, &alice, "a", 600).await;
    park_many(&backend, &bob, "b", 2).await;
    let last = append(&backend, parked(&alice, "last")).await;
    append(&backend, parked(&alice, "behind")).await;
    backend.log.trim_parked(&alice, last).await.unwrap();
    backend.log.trim_parked(&alice, Seq(1)).await.unwrap();
    assert_eq!(read_ids(&backend, &alice, Seq(0), 10).await, ["behind"]);
    assert_eq!(read_ids(&backend, &bob, Seq(0), 10).await, ["b0", "b1"]);
}

pub(crate) async fn positions_are_not_reused_when_all_is_trimmed(world: &mut World) {
    let (backend, alice) = (world.backend(), actor("alice"));
    let last = append(&backend, parked(&alice, "a")).await;
    backend.log.trim_parked(&alice, last).await.unwrap();
    assert!(listed(&backend).await.is_empty());
    let backend = world.reopen().await;
    assert!(append(&backend, parked(&alice, "b")).await > last);
}

pub(crate) async fn actors_are_listed_by_bucket(world: &mut World) {
    let backend = world.backend();
    let mut actors: Vec<ActorId> = (0..40).map(|number| actor(&format!("a.{number} ü"))).collect();
    actors.sort();
    append(&backend, message(&actor("busy"), "m1")).await;
    for actor in &actors {
        park_many(&backend, actor, actor.id(), 2).await;
    }
    let backend = world.reopen().await;
    assert_eq!(listed(&backend).await, actors);
    backend.log.trim_parked(&actors[7], Seq(u64::MAX)).await.unwrap();
    actors.remove(7);
    assert_eq!(listed(&backend).await, actors);
    let unknown = backend.log.parked_actors(BucketId { number: 4, incarnation: 1 }).await;
    assert!(matches!(unknown, Err(Error::Closed)));
}
