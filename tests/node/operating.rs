//! What a human does to an actor: suspend, resume, skip, delete, set its state.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hydra::client::{Asked, Client, Operation};
use hydra::deadletter;
use hydra::effects::Fault;
use hydra::id::Seq;
use hydra::message::{Problem, Status};
use hydra::wasm::{Handled, Handler};
use hydra_tests::scripted::{Rig, Scripted, actor, ask, counter, reply_to, request};

async fn operate(client: &Client, to: &str, operation: Operation) -> Status {
    match client.operate(actor(to), operation, Duration::from_secs(5)).await.unwrap() {
        Asked::Answered(answer) => answer.status,
        Asked::TimedOut(_) => panic!("an operator is always answered"),
    }
}

/// A counter that cannot decode its state while `broken` is set.
fn fickle(broken: Arc<AtomicBool>) -> Arc<Scripted> {
    let inner = counter();
    let inner = Arc::new(inner);
    Scripted::new(move |input| {
        if broken.load(Ordering::Relaxed) {
            return Handled::fault(Fault::Suspend(Problem::new("state", "does not decode")));
        }
        hydra_tests::scripted::run(&inner, input)
    })
}

#[tokio::test(start_paused = true)]
async fn a_deploy_that_cannot_read_the_state_suspends_and_loses_nothing() {
    let broken = Arc::new(AtomicBool::new(false));
    let rig = Rig::new().with("counter", fickle(broken.clone()));
    let (node, _) = rig.start().await;
    let client = node.client();
    assert_eq!(reply_to(&client, "counter/a", "add", "1").await, "1");
    broken.store(true, Ordering::Relaxed);
    for _ in 0..100 {
        client.send(request("counter/a", "add", "1")).await.unwrap();
    }
    assert_eq!(ask(&client, request("counter/a", "add", "1")).await.status, Status::Suspended);
    assert_eq!(ask(&client, request("counter/a", "get", "")).await.status, Status::Suspended);
    node.drain(Duration::from_secs(1)).await;
    let (node, _) = rig.start().await;
    let client = node.client();
    assert_eq!(ask(&client, request("counter/a", "get", "")).await.status, Status::Suspended);
    broken.store(false, Ordering::Relaxed);
    assert_eq!(operate(&client, "counter/a", Operation::Resume).await, Status::Done);
    assert_eq!(reply_to(&client, "counter/a", "get", "").await, "102");
}

#[tokio::test(start_paused = true)]
async fn an_operator_does_not_wait_behind_a_stuck_message() {
    let rig = Rig::new().with("stuck", stuck());
    let (node, _) = rig.start().await;
    let client = node.client();
    client.send(request("stuck/a", "retry", "")).await.unwrap();
    client.send(request("stuck/a", "add", "3")).await.unwrap();
    assert_eq!(operate(&client, "stuck/a", Operation::Suspend).await, Status::Done);
    assert_eq!(ask(&client, request("stuck/a", "get", "")).await.status, Status::Suspended);
    assert_eq!(operate(&client, "stuck/a", Operation::Skip).await, Status::Done);
    assert_eq!(operate(&client, "stuck/a", Operation::Resume).await, Status::Done);
    assert_eq!(reply_to(&client, "stuck/a", "get", "").await, "3");
    let letters = deadletter::list(&rig.backend, None, Seq(0), 10).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.reason.as_str()).collect::<Vec<_>>(), ["skipped"]);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_a_skipped_message_is_not_handled_either() {
    let broken = Arc::new(AtomicBool::new(true));
    let rig = Rig::new().with("counter", fickle(broken.clone()));
    let (node, _) = rig.start().await;
    let client = node.client();
    let keyed = || hydra::client::Request { key: Some("once".into()), ..request("counter/a", "add", "1") };
    // A repeat that waits is no dead letter of its own: both could be replayed.
    for _ in 0..2 {
        assert_eq!(ask(&client, keyed()).await.status, Status::Suspended);
    }
    for _ in 0..2 {
        assert_eq!(operate(&client, "counter/a", Operation::Skip).await, Status::Done);
    }
    broken.store(false, Ordering::Relaxed);
    assert_eq!(operate(&client, "counter/a", Operation::Resume).await, Status::Done);
    assert_eq!(ask(&client, keyed()).await.status, Status::HandlerFailed);
    let letters = deadletter::list(&rig.backend, None, Seq(0), 10).await.unwrap();
    assert_eq!(letters.len(), 1, "{letters:?}");
    deadletter::replay(&rig.backend, &client, &letters.first().unwrap().id).await.unwrap();
    assert_eq!(reply_to(&client, "counter/a", "get", "").await, "1");
}

/// Counts, but says `retry` for ever to `retry`.
fn stuck() -> Arc<dyn Handler> {
    let inner = counter();
    Scripted::new(move |input| match input.message.subject.as_str() {
        "retry" => Handled::fault(Fault::Retry { problem: Problem::new("busy", "not yet"), after: None }),
        _ => hydra_tests::scripted::run(&inner, input),
    })
}

#[tokio::test(start_paused = true)]
async fn a_refused_operation_stays_refused_when_the_host_starts_again() {
    let rig = Rig::new().with("stuck", stuck());
    let (node, _) = rig.start().await;
    let client = node.client();
    // Every bucket's floor is held by an actor that does not get on: everything is delivered again after the start.
    for id in 0..32 {
        client.send(request(&format!("stuck/held-{id}"), "retry", "")).await.unwrap();
        assert_eq!(operate(&client, &format!("stuck/held-{id}"), Operation::Suspend).await, Status::Done);
    }
    assert_eq!(operate(&client, "stuck/b", Operation::Delete).await, Status::Refused);
    assert_eq!(operate(&client, "stuck/c", Operation::Skip).await, Status::Refused);
    assert_eq!(reply_to(&client, "stuck/b", "add", "7").await, "7");
    node.kill();
    let (node, _) = rig.start().await;
    assert_eq!(reply_to(&node.client(), "stuck/b", "add", "1").await, "8");
    assert_eq!(deadletter::list(&rig.backend, None, Seq(0), 10).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_suspension_tells_whoever_waits_and_keeps_nothing_in_memory() {
    let mut rig = Rig::new().with("stuck", stuck());
    rig.config.node.mailbox_bytes_max = 1 << 20;
    let (node, _) = rig.start().await;
    let client = node.client();
    client.send(request("stuck/a", "retry", "")).await.unwrap();
    let large = " ".repeat(20_000) + "1";
    for _ in 0..100 {
        client.send(request("stuck/a", "skip-spaces", &large)).await.unwrap();
    }
    assert_eq!(operate(&client, "stuck/a", Operation::Suspend).await, Status::Done);
    // All of the memory is there for others, and operations get through.
    for id in 0..8 {
        let others = request(&format!("stuck/other-{id}"), "skip-spaces", &large);
        assert_eq!(ask(&client, others).await.status, Status::Refused);
    }
    assert_eq!(operate(&client, "stuck/a", Operation::Skip).await, Status::Done);
    assert_eq!(operate(&client, "stuck/a", Operation::Resume).await, Status::Done);
    assert_eq!(reply_to(&client, "stuck/a", "add", "2").await, "2");
}

#[tokio::test(start_paused = true)]
async fn state_is_set_and_deleted_in_its_own_mailbox() {
    let rig = Rig::new().with("counter", counter());
    let (node, _) = rig.start().await;
    let client = node.client();
    assert_eq!(operate(&client, "counter/a", Operation::Delete).await, Status::Refused);
    assert_eq!(operate(&client, "counter/a", Operation::SetState(Bytes::from_static(b"40"))).await, Status::Done);
    assert_eq!(reply_to(&client, "counter/a", "add", "2").await, "42");
    assert_eq!(operate(&client, "counter/a", Operation::Delete).await, Status::Done);
    assert_eq!(reply_to(&client, "counter/a", "get", "").await, "0");
    assert_eq!(operate(&client, "counter/a", Operation::Skip).await, Status::Refused);
}
