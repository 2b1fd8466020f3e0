//! Messages that are not handled: refused, failed, broken, malformed, late, for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hydra::backend::{DEDUPE_WINDOW, NewMessage, Queue};
use hydra::deadletter::{self, DeadLetter};
use hydra::effects::{Fault, StateChange};
use hydra::id::Seq;
use hydra::message::{Headers, Problem, Status};
use hydra::names::MessageId;
use hydra::wasm::Handled;
use hydra_tests::faults::pass;
use hydra_tests::scripted::{Rig, Scripted, actor, ask, broken, counter, reply, reply_to, request};

async fn letters(rig: &Rig) -> Vec<DeadLetter> {
    deadletter::list(&rig.backend, None, Seq(0), 100).await.unwrap()
}

/// Fails as the subject says; `fine` replies.
fn failing() -> Arc<Scripted> {
    Scripted::new(|input| {
        let problem = Problem::new("code", "text");
        let fault = match input.message.subject.as_str() {
            "refuse" => Fault::Refuse(problem),
            "fail" => Fault::Fail(problem),
            "retry" => Fault::Retry { problem, after: None },
            "broken" => broken(),
            "denied" => Fault::Denied(problem),
            _ => return reply(input.attempt.to_string(), StateChange::Set(Bytes::from_static(b"fine"))),
        };
        Handled::fault(fault)
    })
}

#[tokio::test(start_paused = true)]
async fn every_fault_ends_as_the_table_says() {
    let rig = Rig::new().with("failing", failing());
    let (node, _) = rig.start().await;
    let table = [
        ("refuse", Status::Refused, "code", None),
        ("fail", Status::Failed, "code", Some(1)),
        ("retry", Status::HandlerFailed, "code", Some(15)),
        ("broken", Status::HandlerFailed, "trap", Some(3)),
        ("denied", Status::HandlerFailed, "code", Some(1)),
    ];
    for (subject, status, code, attempts) in table {
        let before = letters(&rig).await.len();
        let answer = ask(&node.client(), request(&format!("failing/{subject}"), subject, "body")).await;
        assert_eq!((answer.status, answer.problem.unwrap().code.as_str()), (status, code), "{subject}");
        let letter = letters(&rig).await.get(before).cloned();
        assert_eq!(letter.as_ref().map(|letter| letter.attempts), attempts, "{subject}");
        assert_eq!(letter.map(|letter| letter.id), answer.dead_letter, "{subject}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_message_blocks_its_actor_only_and_then_the_next_goes_on() {
    let rig = Rig::new().with("failing", failing());
    let (node, _) = rig.start().await;
    for _ in 0..3 {
        node.client().send(request("failing/a", "broken", "")).await.unwrap();
    }
    assert_eq!(reply_to(&node.client(), "failing/b", "fine", "").await, "1");
    assert_eq!(letters(&rig).await.len(), 0, "the other is still being tried");
    assert_eq!(reply_to(&node.client(), "failing/a", "fine", "").await, "1");
    assert_eq!(letters(&rig).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_plain_send_that_is_refused_becomes_a_dead_letter_and_can_be_replayed_once() {
    let open = Arc::new(AtomicU32::new(0));
    let gate = open.clone();
    let door = Scripted::new(move |input| match gate.load(Ordering::Relaxed) {
        0 => Handled::fault(Fault::Refuse(Problem::new("closed", "come back later"))),
        _ => {
            let visits = input.state.as_ref().map_or(0, Bytes::len) + 1;
            reply(visits.to_string(), StateChange::Set(vec![b'.'; visits].into()))
        }
    });
    let rig = Rig::new().with("door", door);
    let (node, _) = rig.start().await;
    node.client().send(request("door/front", "enter", "hello")).await.unwrap();
    ask(&node.client(), request("door/front", "enter", "")).await;
    let all = letters(&rig).await;
    let letter = all.first().expect("the send");
    assert_eq!((letter.reason.as_str(), letter.body_bytes, all.len()), ("closed", 5, 1));
    let (_, body) = deadletter::show(&rig.backend, &letter.id).await.unwrap().unwrap();
    assert_eq!(body, "hello");
    open.store(1, Ordering::Relaxed);
    assert!(deadletter::replay(&rig.backend, &node.client(), &letter.id).await.unwrap().is_some());
    assert!(deadletter::replay(&rig.backend, &node.client(), &letter.id).await.unwrap().is_none());
    assert_eq!(reply_to(&node.client(), "door/front", "enter", "").await, "2");
    assert_eq!(letters(&rig).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_message_for_an_unknown_kind_waits_for_its_deploy_and_at_last_becomes_a_dead_letter() {
    let rig = Rig::new();
    let (node, registry) = rig.start().await;
    let foreign = |kind: &str| {
        let mut headers = Headers::default();
        headers.push("Hydra-Subject", "add");
        let (to, id) = (actor(&format!("{kind}/x")), MessageId::stored(kind));
        NewMessage { queue: Queue::Inbox, to, id, committed: None, headers, body: Bytes::from_static(b"4") }
    };
    rig.backend.log.append(vec![foreign("counter"), foreign("never")]).await.unwrap();
    assert!(node.client().send(request("never/x", "add", "1")).await.is_err(), "callers are told at once");
    tokio::time::advance(Duration::from_secs(60)).await;
    registry.install_native(hydra::id::Kind::new("counter").unwrap(), counter());
    assert_eq!(reply_to(&node.client(), "counter/x", "get", "").await, "4");
    while letters(&rig).await.is_empty() {
        tokio::time::advance(Duration::from_secs(30)).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(letters(&rig).await.first().map(|letter| letter.reason.clone()), Some("unknown-kind".into()));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_its_kind_costs_a_message_no_tries() {
    let rig = Rig::new();
    let (node, registry) = rig.start().await;
    let mut headers = Headers::default();
    headers.push("Hydra-Subject", "retry");
    let (to, id) = (actor("failing/x"), MessageId::stored("early"));
    let early = NewMessage { queue: Queue::Inbox, to, id, committed: None, headers, body: Bytes::new() };
    rig.backend.log.append(vec![early]).await.unwrap();
    for _ in 0..400 {
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    registry.install_native(hydra::id::Kind::new("failing").unwrap(), failing());
    assert_eq!(reply_to(&node.client(), "failing/x", "fine", "").await, "1");
    assert_eq!(letters(&rig).await.first().map(|letter| letter.attempts), Some(15));
}

#[tokio::test(start_paused = true)]
async fn a_malformed_message_from_a_foreign_publisher_becomes_a_dead_letter() {
    let rig = Rig::new().with("counter", counter());
    let (node, _) = rig.start().await;
    let (to, id) = (actor("counter/x"), MessageId::stored("foreign"));
    let headers = Headers(vec![("Hydra-Sender".into(), "no actor".into()), ("Hydra-Subject".into(), "add".into())]);
    let message = NewMessage { queue: Queue::Inbox, to, id, committed: None, headers, body: Bytes::new() };
    rig.backend.log.append(vec![message]).await.unwrap();
    assert_eq!(reply_to(&node.client(), "counter/x", "add", "1").await, "1");
    assert_eq!(letters(&rig).await.first().map(|letter| letter.reason.clone()), Some("malformed".into()));
}

/// A copy of one message, as a publisher's buffer may bring it at any time.
fn copy(rig: &Rig, committed: hydra::clock::Time) -> NewMessage {
    let mut headers = Headers::default();
    headers.push("Hydra-Subject", "add");
    let (to, id) = (actor("counter/x"), MessageId::stored("in:counter/x:copied"));
    let _ = rig;
    NewMessage { queue: Queue::Inbox, to, id, committed: Some(committed), headers, body: Bytes::from_static(b"4") }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_surfaces_behind_the_duplicate_window_is_dropped() {
    let rig = Rig::new().with("counter", counter());
    let (node, _) = rig.start().await;
    let committed = rig.backend.log.now().unwrap();
    let copy = copy(&rig, committed);
    rig.backend.log.append(vec![copy.clone()]).await.unwrap();
    assert_eq!(reply_to(&node.client(), "counter/x", "get", "").await, "4");
    tokio::time::advance(DEDUPE_WINDOW + Duration::from_secs(90)).await;
    let late = rig.backend.log.append(vec![copy]).await.unwrap();
    assert!(!late.first().unwrap().duplicate, "the log has forgotten the id");
    assert_eq!(reply_to(&node.client(), "counter/x", "get", "").await, "4");
}

#[tokio::test(start_paused = true)]
async fn a_first_copy_that_arrives_late_is_handled_while_history_is_complete_and_doubtful_when_it_was_trimmed() {
    let rig = Rig::new().with("counter", counter());
    let (node, _) = rig.start().await;
    let committed = rig.backend.log.now().unwrap();
    tokio::time::advance(Duration::from_secs(120)).await;
    rig.backend.log.append(vec![copy(&rig, committed)]).await.unwrap();
    assert_eq!(reply_to(&node.client(), "counter/x", "get", "").await, "4");
    // In small steps: a host that stood still begins to count anew.
    for _ in 0..480 {
        tokio::time::advance(Duration::from_secs(15)).await;
        reply_to(&node.client(), "counter/x", "get", "").await;
    }
    rig.backend.log.append(vec![copy(&rig, committed)]).await.unwrap();
    assert_eq!(reply_to(&node.client(), "counter/x", "get", "").await, "4");
    assert_eq!(letters(&rig).await.first().map(|letter| letter.reason.clone()), Some("doubtful".into()));
}

/// An owner that is killed between storing a dead letter and noting so leaves it to the next one, who stores it again.
#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_stored_twice_is_one() {
    let rig = Rig::new().with("counter", counter());
    let (node, _) = rig.start().await;
    node.client().send(request("counter/a", "nonsense", "")).await.unwrap();
    pass(Duration::from_secs(1)).await;
    let stored = rig.backend.log.read(Queue::DeadLetters, None, Seq(0), 10).await.unwrap().remove(0);
    pass(2 * DEDUPE_WINDOW).await;
    let copy = NewMessage {
        queue: Queue::DeadLetters,
        to: stored.to.clone(),
        id: stored.id.clone(),
        committed: stored.committed,
        headers: stored.headers.clone(),
        body: stored.body.clone(),
    };
    assert!(!rig.backend.log.append(vec![copy]).await.unwrap()[0].duplicate);
    assert_eq!(deadletter::list(&rig.backend, None, Seq(0), 10).await.unwrap().len(), 1);
    assert!(deadletter::drop(&rig.backend, stored.id.as_str()).await.unwrap());
    assert_eq!(rig.backend.log.read(Queue::DeadLetters, None, Seq(0), 10).await.unwrap(), []);
}
