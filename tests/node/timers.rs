//! Timers: told once, in order, by policy, whatever becomes of the host, the actor and the timer meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hydra::backend::Queue;
use hydra::client::{Asked, Client, Operation};
use hydra::clock::Time;
use hydra::deadletter;
use hydra::effects::{Effects, Fault, Outcome, StateChange};
use hydra::id::Seq;
use hydra::message::{Problem, Status};
use hydra::node::Node;
use hydra::timer::{Missed, When};
use hydra::wasm::{Handled, Input};
use hydra_tests::faults::pass;
use hydra_tests::scripted::{Rig, Scripted, actor, ask, ok, reply, reply_to, request};

/// An actor that notes its ticks as `NAME+MISSED`; its other messages say `every|after|at MS POLICY`, `cancel`, `forget`, `list`.
fn clock() -> Arc<Scripted> {
    Scripted::new(handle)
}

fn handle(input: &Input<'_>) -> Handled {
    let (subject, body) = (input.message.subject.as_str(), String::from_utf8_lossy(&input.message.body).into_owned());
    if let Some(name) = subject.strip_prefix("timer:") {
        let missed = input.message.headers.get("hydra-missed").unwrap_or("none").to_owned();
        let before = input.state.clone().unwrap_or_default();
        return ok(
            Outcome::Done,
            StateChange::Set([&before[..], format!("{name}+{missed} ").as_bytes()].concat().into()),
            vec![],
        );
    }
    let words: Vec<&str> = body.split(' ').collect();
    let span = || Duration::from_millis(words[1].parse().expect("milliseconds"));
    let mut waits = input.waits.clone();
    match subject {
        "list" => return reply(input.state.clone().unwrap_or_default(), StateChange::Keep),
        "forget" => return ok(Outcome::Done, StateChange::Delete, vec![]),
        "cancel" => drop(waits.cancel(words[0])),
        _ => {
            let when = match subject {
                "every" => When::Every(span()),
                "after" => When::After(span()),
                _ => When::At(Time(words[1].parse().expect("a time"))),
            };
            let missed = if words.get(2) == Some(&"skip") { Missed::Skip } else { Missed::FireOnce };
            let set = waits.set(words[0], when, missed, Bytes::from_static(b"body"), input.origin, input.now);
            if let Err(error) = set {
                return Handled::fault(Fault::Denied(Problem::new("denied", error.to_string())));
            }
        }
    }
    let state = StateChange::Set(input.state.clone().unwrap_or_default());
    let effects = Effects { state, waits: Some(waits), ..Effects::default() };
    Handled::native(Ok((Outcome::Done, effects)))
}

fn rig() -> Rig {
    Rig::new().with("clock", clock())
}

async fn tell(node: &Node, to: &str, subject: &str, body: &str) {
    assert_eq!(ask(&node.client(), request(to, subject, body)).await.status, Status::Done);
}

async fn list(node: &Node, of: &str) -> String {
    reply_to(&node.client(), of, "list", "").await
}

async fn operate(client: &Client, to: &str, operation: Operation) -> Status {
    match client.operate(actor(to), operation, Duration::from_secs(5)).await.unwrap() {
        Asked::Answered(answer) => answer.status,
        Asked::TimedOut(_) => panic!("an operator is always answered"),
    }
}

async fn markers(rig: &Rig) -> usize {
    rig.backend.actors.list("timers.", None, 100_000).await.unwrap().len()
}

/// The messages in an actor's mailbox whose subject begins so.
async fn ticks(rig: &Rig, of: &str) -> usize {
    let all = rig.backend.log.read(Queue::Inbox, Some(&actor(of)), Seq(0), 100_000).await.unwrap();
    all.iter()
        .filter(|one| one.headers.get("Hydra-Subject").is_some_and(|subject| subject.starts_with("timer:")))
        .count()
}

#[tokio::test(start_paused = true)]
async fn a_timer_is_due_once_and_an_interval_keeps_its_pace() {
    let rig = rig();
    let (node, _) = rig.start().await;
    tell(&node, "clock/a", "after", "once 1500").await;
    tell(&node, "clock/a", "every", "beat 1000").await;
    pass(Duration::from_millis(3_700)).await;
    assert_eq!(list(&node, "clock/a").await, "beat+0 once+0 beat+0 beat+0 ");
    tell(&node, "clock/a", "cancel", "beat").await;
    pass(Duration::from_secs(5)).await;
    assert_eq!(list(&node, "clock/a").await, "beat+0 once+0 beat+0 beat+0 ");
    assert!(rig.record(&actor("clock/a")).await.waits.is_empty());
    // Nobody needs the marker any more.
    assert_eq!(markers(&rig).await, 1);
    pass(Duration::from_secs(100)).await;
    assert_eq!(markers(&rig).await, 0);
    tell(&node, "clock/a", "at", "past 5").await;
    pass(Duration::from_millis(100)).await;
    assert!(list(&node, "clock/a").await.ends_with("past+0 "));
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_is_set_again_replaces_the_one_before() {
    let rig = rig();
    let (node, _) = rig.start().await;
    for _ in 0..10 {
        tell(&node, "clock/a", "after", "t 1000").await;
        pass(Duration::from_millis(700)).await;
    }
    assert_eq!(list(&node, "clock/a").await, "");
    pass(Duration::from_secs(2)).await;
    assert_eq!(list(&node, "clock/a").await, "t+0 ");
}

#[tokio::test(start_paused = true)]
async fn missed_times_are_told_by_policy_after_an_outage() {
    let rig = rig();
    let (node, _) = rig.start().await;
    tell(&node, "clock/a", "every", "fire 10000").await;
    tell(&node, "clock/b", "every", "skip 10000 skip").await;
    tell(&node, "clock/c", "after", "once 10000 skip").await;
    pass(Duration::from_secs(11)).await;
    node.drain(Duration::from_secs(1)).await;
    tokio::time::advance(Duration::from_secs(50)).await;
    let (node, _) = rig.start().await;
    pass(Duration::from_secs(1)).await;
    // Due at 20, told at 62: 30, 40, 50 and 60 were missed.
    assert_eq!(list(&node, "clock/a").await, "fire+0 fire+4 ");
    assert_eq!(list(&node, "clock/b").await, "skip+0 ");
    assert_eq!(list(&node, "clock/c").await, "once+0 ");
    pass(Duration::from_secs(10)).await;
    assert_eq!(list(&node, "clock/a").await, "fire+0 fire+4 fire+0 ");
    assert_eq!(list(&node, "clock/b").await, "skip+0 skip+0 ");
}

#[tokio::test(start_paused = true)]
async fn timers_survive_a_killed_host_even_without_their_markers() {
    for lost in [false, true] {
        let rig = rig();
        let (node, _) = rig.start().await;
        for id in 0..50 {
            tell(&node, &format!("clock/{id}"), "after", "t 5000").await;
        }
        node.kill();
        for marker in rig.backend.actors.list("timers.", None, 1_000).await.unwrap().into_iter().filter(|_| lost) {
            rig.backend.actors.delete(&marker, hydra::backend::Expect::Any).await.unwrap();
        }
        let (node, _) = rig.start().await;
        pass(Duration::from_secs(6)).await;
        for id in 0..50 {
            assert_eq!(list(&node, &format!("clock/{id}")).await, "t+0 ", "{id}, markers lost: {lost}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_hosts_that_both_tell_of_a_timer_have_it_handled_once() {
    let rig = rig();
    let (stale, _) = rig.start().await;
    tell(&stale, "clock/a", "after", "t 40000").await;
    tell(&stale, "clock/a", "every", "beat 60000").await;
    let copy = rig.backend.log.read(Queue::Inbox, Some(&actor("clock/a")), Seq(0), 10).await.unwrap();
    assert_eq!(copy.len(), 2);
    pass(Duration::from_secs(41)).await;
    let first = rig.backend.log.read(Queue::Inbox, Some(&actor("clock/a")), Seq(0), 10).await.unwrap();
    let tick = first.last().unwrap();
    assert_eq!(tick.id.as_str().split(':').take(3).collect::<Vec<_>>(), ["timer", "clock/a", "t"]);
    // Long after the log has forgotten the id.
    pass(Duration::from_secs(120)).await;
    let again = hydra::backend::NewMessage {
        queue: Queue::Inbox,
        to: tick.to.clone(),
        id: tick.id.clone(),
        committed: None,
        headers: tick.headers.clone(),
        body: tick.body.clone(),
    };
    assert!(!rig.backend.log.append(vec![again]).await.unwrap()[0].duplicate);
    pass(Duration::from_secs(1)).await;
    assert_eq!(list(&stale, "clock/a").await, "t+0 beat+0 beat+0 ");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_actors_timers_wait_with_it_and_none_piles_up() {
    let rig = rig();
    let (node, _) = rig.start().await;
    tell(&node, "clock/a", "every", "beat 1000").await;
    assert_eq!(operate(&node.client(), "clock/a", Operation::Suspend).await, Status::Done);
    pass(Duration::from_secs(60)).await;
    node.kill();
    let (node, _) = rig.start().await;
    pass(Duration::from_secs(60)).await;
    assert!(ticks(&rig, "clock/a").await <= 1);
    assert_eq!(operate(&node.client(), "clock/a", Operation::Resume).await, Status::Done);
    pass(Duration::from_millis(100)).await;
    let told = list(&node, "clock/a").await;
    let missed: u32 = told.trim().strip_prefix("beat+").unwrap().parse().unwrap();
    assert!((115..=121).contains(&missed), "{told}");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_deleted_hears_of_no_timer() {
    let rig = rig();
    let (node, _) = rig.start().await;
    for (id, operation) in [("clock/a", None), ("clock/b", Some(Operation::Delete))] {
        tell(&node, id, "after", "t 1000").await;
        match operation {
            None => tell(&node, id, "forget", "").await,
            Some(operation) => assert_eq!(operate(&node.client(), id, operation).await, Status::Done),
        }
        assert!(rig.record(&actor(id)).await.waits.is_empty());
    }
    tell(&node, "clock/c", "after", "t 1000").await;
    let cancel = || Operation::CancelTimer("t".into());
    assert_eq!(operate(&node.client(), "clock/c", cancel()).await, Status::Done);
    assert_eq!(operate(&node.client(), "clock/c", cancel()).await, Status::Refused);
    pass(Duration::from_secs(5)).await;
    for id in ["clock/a", "clock/b", "clock/c"] {
        assert_eq!(list(&node, id).await, "", "{id}");
        assert_eq!(ticks(&rig, id).await, 0, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_cannot_be_handled_is_a_dead_letter_and_the_timer_goes_on() {
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = broken.clone();
    let fickle = Scripted::new(move |input| {
        if input.message.subject.as_str() == "timer:beat" && is_broken.load(Ordering::Relaxed) {
            return Handled::fault(Fault::Fail(Problem::new("no", "not today")));
        }
        handle(input)
    });
    let rig = Rig::new().with("clock", fickle);
    let (node, _) = rig.start().await;
    tell(&node, "clock/a", "every", "beat 1000").await;
    pass(Duration::from_millis(1_500)).await;
    broken.store(false, Ordering::Relaxed);
    pass(Duration::from_millis(1_000)).await;
    assert_eq!(list(&node, "clock/a").await, "beat+0 ");
    // A human has it handled after all: the timer has gone on, the message counts.
    let letters = deadletter::list(&rig.backend, None, Seq(0), 10).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.subject.as_str()).collect::<Vec<_>>(), ["timer:beat"]);
    deadletter::replay(&rig.backend, &node.client(), &letters[0].id).await.unwrap();
    assert_eq!(list(&node, "clock/a").await, "beat+0 beat+none ");
}

#[tokio::test(start_paused = true)]
async fn ticks_of_a_stuck_actor_are_parked_and_skipped_like_any_message() {
    let stuck = Scripted::new(move |input| match input.message.subject.as_str() {
        "timer:hang" => Handled::fault(Fault::Host(Problem::new("busy", "not yet"))),
        _ => handle(input),
    });
    let rig = Rig::new().with("clock", stuck);
    let (node, _) = rig.start().await;
    tell(&node, "clock/a", "every", "hang 1000").await;
    tell(&node, "clock/a", "every", "beat 1000").await;
    pass(Duration::from_secs(20)).await;
    assert!(rig.record(&actor("clock/a")).await.parked.is_some());
    assert_eq!(ticks(&rig, "clock/a").await, 2, "one unhandled tick of each timer");
    assert_eq!(operate(&node.client(), "clock/a", Operation::Skip).await, Status::Done);
    assert_eq!(operate(&node.client(), "clock/a", Operation::CancelTimer("hang".into())).await, Status::Done);
    pass(Duration::from_secs(20)).await;
    let told = list(&node, "clock/a").await;
    assert!(told.starts_with("beat+0 beat+") && told.ends_with("beat+0 beat+0 "), "{told}");
}

#[tokio::test(start_paused = true)]
async fn many_timers_that_are_due_in_one_second_are_all_told() {
    const ACTORS: usize = 20_000;
    let rig = rig();
    let (node, _) = rig.start().await;
    for id in 0..ACTORS {
        node.client().send(request(&format!("clock/{id}"), "after", "t 600000")).await.unwrap();
    }
    pass(Duration::from_secs(1)).await;
    node.kill();
    let (node, _) = rig.start().await;
    pass(Duration::from_secs(602)).await;
    let mut told = 0;
    for id in 0..ACTORS {
        let record = rig.record(&actor(&format!("clock/{id}"))).await;
        told += usize::from(record.state.as_deref() == Some(b"t+0 ") && record.waits.is_empty());
    }
    assert_eq!(told, ACTORS);
    node.kill();
}
