//! Messages that wait long are moved out of the bucket's way, and lose neither their order nor their number.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hydra::backend::{Backend, Expect};
use hydra::client::{Asked, Operation};
use hydra::deadletter;
use hydra::effects::{Fault, Outcome, StateChange};
use hydra::id::{ActorId, Epoch, Seq};
use hydra::message::{Headers, Problem, Status};
use hydra::node::Node;
use hydra::wasm::{Handled, Input};
use hydra_tests::faults::{Faults, Rule};
use hydra_tests::link::Link;
use hydra_tests::scripted::{Rig, Scripted, actor, ask, counter, ok, reply_to, request, sending};

/// Longer than an actor may hold up its bucket.
const LONG: Duration = Duration::from_secs(10);

/// Appends what it gets to its state and counts it elsewhere; answers its state to `get`.
fn listing(input: &Input<'_>) -> Handled {
    let before = input.state.clone().unwrap_or_default();
    if input.message.subject.as_str() == "get" {
        return hydra_tests::scripted::reply(before, StateChange::Keep);
    }
    let after = [&before[..], &input.message.body[..], b" "].concat();
    ok(Outcome::Done, StateChange::Set(after.into()), vec![sending(&actor("counter/seen"), "add", "1")])
}

/// Lists, but for `hold`, which cannot be handled while `held` is set.
fn held(held: Arc<AtomicBool>) -> Arc<Scripted> {
    Scripted::new(move |input| {
        if input.message.subject.as_str() == "hold" && held.load(Ordering::Relaxed) {
            let problem = Problem::new("busy", "not yet");
            return Handled::fault(Fault::Retry { problem, after: Some(Duration::from_millis(900)) });
        }
        listing(input)
    })
}

/// Lets time pass in steps in which everything runs.
async fn pass(span: Duration) {
    let end = tokio::time::Instant::now() + span;
    while tokio::time::Instant::now() < end {
        tokio::time::advance(Duration::from_millis(50)).await;
        tokio::task::yield_now().await;
    }
}

async fn send(node: &Node, to: &ActorId, numbers: std::ops::Range<u32>) {
    for number in numbers {
        node.client().send(request(&to.to_string(), "put", &number.to_string())).await.unwrap();
    }
}

async fn operate(node: &Node, to: &ActorId, operation: Operation) -> Status {
    match node.client().operate(to.clone(), operation, LONG).await.unwrap() {
        Asked::Answered(answer) => answer.status,
        Asked::TimedOut(_) => panic!("an operator is always answered"),
    }
}

/// Up to where the actor's bucket is done, and where its last message stands. Takes the bucket away from whoever has it.
async fn floor_and_last(backend: &Backend, of: &ActorId) -> (Seq, Seq) {
    let bucket = backend.log.bucket_of(of);
    let inbox = backend.log.inbox(bucket, Epoch(u64::MAX)).await.unwrap();
    let all = backend.log.read(hydra::backend::Queue::Inbox, Some(of), Seq(0), 10_000).await.unwrap();
    (inbox.floor(), all.last().map_or(Seq(0), |last| last.seq))
}

fn numbers(range: std::ops::Range<u32>) -> String {
    range.map(|number| format!("{number} ")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_suspended_actors_messages_are_parked_and_handled_in_order_after_all() {
    let rig = Rig::new().with("list", Scripted::new(listing)).with("counter", counter());
    let to = actor("list/a");
    let (node, _) = rig.start().await;
    ask(&node.client(), request("list/a", "put", "0")).await;
    assert_eq!(operate(&node, &to, Operation::Suspend).await, Status::Done);
    send(&node, &to, 1..30).await;
    pass(LONG).await;
    assert_eq!(rig.record(&to).await.parked.map(|parked| parked.count), Some(29));
    // What comes later goes straight to the queue, also after a crash.
    node.kill();
    let (node, _) = rig.start().await;
    send(&node, &to, 30..40).await;
    assert_eq!(ask(&node.client(), request("list/a", "get", "")).await.status, Status::Suspended);
    pass(Duration::from_secs(1)).await;
    assert_eq!(rig.record(&to).await.parked.map(|parked| parked.count), Some(40));
    assert_eq!(operate(&node, &to, Operation::Resume).await, Status::Done);
    assert_eq!(reply_to(&node.client(), "list/a", "get", "").await, numbers(0..40));
    pass(Duration::from_secs(1)).await;
    assert_eq!(rig.record(&to).await.parked, None);
    assert_eq!(reply_to(&node.client(), "counter/seen", "get", "").await, "40");
    let bucket = rig.backend.log.bucket_of(&to);
    assert!(rig.backend.log.parked_actors(bucket).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_buckets_floor_does_not_hang_on_an_actor_that_waits() {
    let is_held = Arc::new(AtomicBool::new(true));
    let rig = Rig::new().with("list", held(is_held.clone())).with("counter", counter());
    let to = actor("list/a");
    let (node, _) = rig.start().await;
    node.client().send(request("list/a", "hold", "0")).await.unwrap();
    send(&node, &to, 1..200).await;
    pass(LONG).await;
    // Nothing of it was handled, and yet a new owner would have nothing of it to go through.
    assert_eq!(rig.record(&to).await.state, None);
    node.kill();
    let (floor, last) = floor_and_last(&rig.backend, &to).await;
    assert!(floor >= last && last > Seq(199), "{floor:?} {last:?}");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_parked_messages_are_neither_lost_nor_doubled_nor_reordered() {
    for seed in 0_u64..60 {
        let is_held = Arc::new(AtomicBool::new(true));
        let rig = Rig::new().with("list", held(is_held.clone())).with("counter", counter());
        let to = actor("list/a");
        let (node, _) = rig.start().await;
        node.client().send(request("list/a", "hold", "0")).await.unwrap();
        node.kill();
        let mut sent = 1;
        for round in 0..8 {
            let (node, _) = rig.start().await;
            send(&node, &to, sent..sent + 9).await;
            sent += 9;
            pass(Duration::from_secs((seed + round) % 9)).await;
            is_held.store(round < 3 + seed % 4, Ordering::Relaxed);
            // A different moment every time: this many steps of whatever runs.
            for step in 0..(seed * 7 + round * 13) % 97 {
                tokio::time::advance(Duration::from_millis(step % 3)).await;
                tokio::task::yield_now().await;
            }
            node.kill();
        }
        let (node, _) = rig.start().await;
        assert_eq!(reply_to(&node.client(), "list/a", "get", "").await, numbers(0..sent), "seed {seed}");
        pass(LONG).await;
        assert_eq!(reply_to(&node.client(), "counter/seen", "get", "").await, sent.to_string(), "seed {seed}");
        assert_eq!(rig.record(&to).await.parked, None, "seed {seed}");
        node.drain(LONG).await;
        let (floor, last) = floor_and_last(&rig.backend, &to).await;
        assert!(floor >= last, "seed {seed}: {floor:?} {last:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_parked_message_is_skipped_or_buried_with_what_it_held() {
    let rig = Rig::new().with("list", held(Arc::new(AtomicBool::new(true)))).with("counter", counter());
    let to = actor("list/a");
    let (node, _) = rig.start().await;
    node.client().send(request("list/a", "hold", "first")).await.unwrap();
    send(&node, &to, 1..3).await;
    pass(LONG).await;
    assert_eq!(operate(&node, &to, Operation::Skip).await, Status::Done);
    assert_eq!(reply_to(&node.client(), "list/a", "get", "").await, numbers(1..3));
    let letters = deadletter::list(&rig.backend, None, Seq(0), 10).await.unwrap();
    let [letter] = &letters[..] else { panic!("one dead letter: {letters:?}") };
    let (_, body) = deadletter::show(&rig.backend, &letter.id).await.unwrap().unwrap();
    assert_eq!((letter.reason.as_str(), body), ("skipped", Bytes::from_static(b"first")));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_was_dropped_does_not_come_again_after_a_crash() {
    let rig = Rig::new().with("list", held(Arc::new(AtomicBool::new(true)))).with("counter", counter());
    let (node, _) = rig.start().await;
    // The floor of this bucket hangs on a message of `list/a` for some seconds.
    node.client().send(request("list/a", "hold", "0")).await.unwrap();
    let bucket = rig.backend.log.bucket_of(&actor("list/a"));
    let mut others = (0..).map(|number| actor(&format!("counter/{number}")));
    let other = others.find(|other| rig.backend.log.bucket_of(other) == bucket).unwrap();
    node.client().send(request(&other.to_string(), "nonsense", "")).await.unwrap();
    pass(Duration::from_secs(1)).await;
    let letters = deadletter::list(&rig.backend, None, Seq(0), 10).await.unwrap();
    assert!(deadletter::drop(&rig.backend, &letters.first().unwrap().id).await.unwrap());
    node.kill();
    tokio::time::advance(Duration::from_secs(90)).await;
    let (node, _) = rig.start().await;
    assert_eq!(reply_to(&node.client(), &other.to_string(), "add", "1").await, "1");
    assert_eq!(deadletter::list(&rig.backend, None, Seq(0), 10).await.unwrap(), []);
}

/// A host that serves everything, until another one takes it all up, and again once that one is gone: with everything
/// in memory that it knew before.
async fn taken_away_and_back(before: impl AsyncFnOnce(&Node), meanwhile: impl AsyncFnOnce(&Node)) -> (Rig, Node) {
    let mut rig = Rig::new().with("list", Scripted::new(listing)).with("counter", counter());
    rig.backend.exclusive = false;
    let (first, _) = rig.start().await;
    before(&first).await;
    pass(Duration::from_secs(1)).await;
    // One that takes up everything at once does not say that it lives: that is done for it.
    rig.backend.exclusive = true;
    let (second, _) = rig.start().await;
    let row = rig.backend.actors.get("own.00").await.unwrap().unwrap();
    let owner: serde_json::Value = serde_json::from_slice(&row.value).unwrap();
    let alive = format!("node.{}.{}", owner["node"].as_str().unwrap(), owner["boot"].as_str().unwrap());
    let told = Bytes::from_static(br#"{"oldest":null}"#);
    rig.backend.liveness.put(&alive, told, Headers::default(), Expect::Any, None).await.unwrap();
    meanwhile(&second).await;
    second.kill();
    rig.backend.liveness.delete(&alive, Expect::Any).await.unwrap();
    pass(2 * LONG).await;
    (rig, first)
}

#[tokio::test(start_paused = true)]
async fn what_another_host_parked_is_not_taken_for_copies() {
    let to = actor("list/a");
    let before = async |node: &Node| drop(ask(&node.client(), request("list/a", "put", "0")).await);
    let meanwhile = async |node: &Node| {
        assert_eq!(operate(node, &to, Operation::Suspend).await, Status::Done);
        send(node, &to, 1..30).await;
        pass(LONG).await;
    };
    let (rig, node) = taken_away_and_back(before, meanwhile).await;
    assert_eq!(rig.record(&to).await.parked.map(|parked| parked.count), Some(29));
    assert_eq!(operate(&node, &to, Operation::Resume).await, Status::Done);
    assert_eq!(reply_to(&node.client(), "list/a", "get", "").await, numbers(0..30));
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_another_host_resumed_is_not_taken_for_suspended() {
    let to = actor("list/a");
    let before = async |node: &Node| {
        ask(&node.client(), request("list/a", "put", "0")).await;
        assert_eq!(operate(node, &to, Operation::Suspend).await, Status::Done);
    };
    let meanwhile = async |node: &Node| {
        assert_eq!(operate(node, &to, Operation::Resume).await, Status::Done);
        ask(&node.client(), request("list/a", "put", "1")).await;
    };
    let (_rig, node) = taken_away_and_back(before, meanwhile).await;
    assert_eq!(reply_to(&node.client(), "list/a", "get", "").await, numbers(0..2));
}

/// Two hosts believe that they own a bucket: the first never hears that the second has taken it up.
#[tokio::test(start_paused = true)]
async fn what_an_earlier_owner_parks_after_a_claim_is_handled_by_the_next() {
    let is_held = Arc::new(AtomicBool::new(true));
    let mut rig = Rig::new().with("list", held(is_held.clone())).with("counter", counter());
    let (store, to) = (rig.backend.clone(), actor("list/a"));
    let faults = Faults::new(store.clone(), 1, Some(Rule::Claim));
    let links = [1, 2].map(|name| Link::new(&faults, name, 0));
    rig.backend = links[0].backend();
    let (first, _) = rig.start().await;
    rig.backend = links[1].backend();
    let (second, _) = rig.start().await;
    pass(LONG).await;
    // It is handled as soon as it can be, before the second host has waited long enough to park it.
    first.client().send(request("list/a", "hold", "1")).await.unwrap();
    links[0].cut_off_from_liveness(LONG * 10);
    let bucket = store.log.bucket_of(&to);
    while rig.record(&to).await.parked.is_none() {
        pass(Duration::from_millis(50)).await;
    }
    assert!(second.serves().contains(&bucket) && first.serves().contains(&bucket), "both believe that it is theirs");
    links[0].die();
    first.kill();
    is_held.store(false, Ordering::Relaxed);
    pass(LONG).await;
    let record = rig.record(&to).await;
    assert_eq!((record.parked, record.state.as_deref()), (None, Some(&b"1 "[..])));
}

/// Nobody sends it anything any more, so the next owner has to find it by itself.
#[tokio::test(start_paused = true)]
async fn an_actor_whose_host_dies_while_its_queue_ends_does_not_stay_parked() {
    for calls in 1..40 {
        let is_held = Arc::new(AtomicBool::new(true));
        let mut rig = Rig::new().with("list", held(is_held.clone())).with("counter", counter());
        let (store, to) = (rig.backend.clone(), actor("list/a"));
        let faults = Faults::new(store, 1, None);
        let links = [1, 2].map(|name| Link::new(&faults, name, 0));
        rig.backend = links[0].backend();
        let (first, _) = rig.start().await;
        pass(LONG).await;
        first.client().send(request("list/a", "hold", "1")).await.unwrap();
        while rig.record(&to).await.parked.is_none() {
            pass(Duration::from_millis(50)).await;
        }
        is_held.store(false, Ordering::Relaxed);
        links[0].die_in(calls);
        pass(LONG).await;
        links[0].die();
        first.kill();
        rig.backend = links[1].backend();
        let (_second, _) = rig.start().await;
        pass(LONG * 2).await;
        let record = rig.record(&to).await;
        assert_eq!((record.parked, record.state.as_deref()), (None, Some(&b"1 "[..])), "after {calls} calls");
    }
}
