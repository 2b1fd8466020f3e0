//! Several hosts on one store: who serves what, and who goes on when one of them ends.

use std::time::Duration;

use hydra::id::Kind;
use hydra::manifest::Manifest;
use hydra::node::Node;
use hydra_tests::guest::Guest;
use hydra_tests::scripted::{Rig, counter, reply_to, request};
use tokio::time::Instant;

/// A lease of three seconds, a second until it is noticed, and two for each host that is asked first.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(7);

/// A store that several hosts have open.
fn shared() -> Rig {
    let mut rig = Rig::new().with("counter", counter());
    rig.backend.exclusive = false;
    rig
}

/// Waits until all buckets are served by somebody.
async fn served(node: &Node) -> Duration {
    let began = Instant::now();
    while let Err(why) = node.ready() {
        assert!(began.elapsed() < Duration::from_secs(60), "{why}");
        tokio::time::advance(Duration::from_millis(100)).await;
        tokio::task::yield_now().await;
    }
    began.elapsed()
}

/// One question to each of so many actors, which are spread over all buckets.
async fn add_everywhere(node: &Node, expected: i64) {
    for id in 0..16 {
        assert_eq!(reply_to(&node.client(), &format!("counter/{id}"), "add", "1").await, expected.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_asked_the_owner_answers() {
    let rig = shared();
    let (first, _) = rig.start().await;
    served(&first).await;
    let (second, _) = rig.start().await;
    for expected in [1, 3] {
        add_everywhere(&first, expected).await;
        add_everywhere(&second, expected + 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_killed_is_followed_by_another_within_its_lease() {
    let rig = shared();
    let (first, _) = rig.start().await;
    served(&first).await;
    let (second, _) = rig.start().await;
    add_everywhere(&second, 1).await;
    first.kill();
    let killed = Instant::now();
    add_everywhere(&second, 2).await;
    assert!(killed.elapsed() < TAKEN_OVER_WITHIN, "{:?}", killed.elapsed());
    served(&second).await;
}

#[tokio::test(start_paused = true)]
async fn a_host_that_drains_is_followed_at_once() {
    let rig = shared();
    let (first, _) = rig.start().await;
    let (second, _) = rig.start().await;
    // Long enough to be sure of who lives.
    for _ in 0..50 {
        tokio::time::advance(Duration::from_millis(100)).await;
        tokio::task::yield_now().await;
    }
    add_everywhere(&second, 1).await;
    for _ in 0..100 {
        second.client().send(request("counter/0", "add", "1")).await.unwrap();
    }
    let began = Instant::now();
    first.drain(Duration::from_secs(5)).await;
    assert_eq!(reply_to(&second.client(), "counter/0", "add", "1").await, "102");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_one_host_deploys_the_others_handle() {
    let rig = shared();
    let (first, registry) = rig.start().await;
    let (second, others) = rig.start().await;
    served(&first).await;
    let kind = Kind::new("adder").unwrap();
    registry.deploy(kind.clone(), Guest::counter().build(), Manifest::default()).await.unwrap();
    assert!(others.find(&kind).await.unwrap(), "a caller need not wait until it has come round");
    let (before, _) = (others.kind(&kind).unwrap(), second);
    registry
        .deploy(kind.clone(), Guest::counter().with("(global i32 (i32.const 1))").build(), Manifest::default())
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(5), others.changed(&kind)).await.unwrap();
    assert_ne!(others.kind(&kind).unwrap(), before);
}
