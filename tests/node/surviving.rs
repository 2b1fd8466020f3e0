//! Hosts that are killed, started again, or believe that they still own what another has taken up.

use std::time::Duration;

use hydra::effects::{Outcome, StateChange};
use hydra_tests::scripted::{Rig, Scripted, actor, counter, number, ok, reply_to, request, sending};

const ACCOUNTS: i64 = 5;

/// Passes what it gets on to the next account, one less, until nothing is left; counts what it saw.
fn account() -> std::sync::Arc<Scripted> {
    Scripted::new(|input| {
        let seen = number(input.state.as_ref()) + 1;
        let left = number(Some(&input.message.body)) - 1;
        let own: i64 = input.message.to.id().parse().unwrap();
        let next = actor(&format!("account/{}", (own + left) % ACCOUNTS));
        let sends = if left > 0 { vec![sending(&next, "pass", left.to_string())] } else { Vec::new() };
        ok(Outcome::Done, StateChange::Set(seen.to_string().into()), sends)
    })
}

async fn total(rig: &Rig) -> i64 {
    let mut sum = 0;
    for id in 0..ACCOUNTS {
        sum += number(rig.record(&actor(&format!("account/{id}"))).await.state.as_ref());
    }
    sum
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_nothing_is_lost_and_nothing_is_doubled() {
    for seed in 0_u64..60 {
        let rig = Rig::new().with("account", account());
        let mut expected = 0;
        for round in 0..6 {
            let (node, _) = rig.start().await;
            for chain in 0..4 {
                let depth = 3 + (seed + chain) % 5;
                let to = format!("account/{}", (seed + chain) % u64::try_from(ACCOUNTS).unwrap());
                node.client().send(request(&to, "pass", &depth.to_string())).await.unwrap();
                expected += i64::try_from(depth).unwrap();
            }
            // A different moment every time: this many steps of whatever runs.
            for _ in 0..(seed * 7 + round * 13) % 97 {
                tokio::task::yield_now().await;
            }
            node.kill();
            if seed % 3 == 0 {
                tokio::time::advance(Duration::from_secs(45)).await;
            }
        }
        let (node, _) = rig.start().await;
        for _ in 0..200 {
            tokio::time::advance(Duration::from_millis(50)).await;
            tokio::task::yield_now().await;
        }
        node.drain(Duration::from_secs(10)).await;
        assert_eq!(total(&rig).await, expected, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_whose_buckets_were_taken_up_by_another_stands_down() {
    let rig = Rig::new().with("account", account()).with("counter", counter());
    let (first, _) = rig.start().await;
    for _ in 0..20 {
        first.client().send(request("account/1", "pass", "9")).await.unwrap();
    }
    let (second, _) = rig.start().await;
    for _ in 0..20 {
        second.client().send(request("account/2", "pass", "9")).await.unwrap();
    }
    assert_eq!(reply_to(&second.client(), "counter/x", "add", "1").await, "1");
    for _ in 0..400 {
        tokio::time::advance(Duration::from_millis(50)).await;
        tokio::task::yield_now().await;
    }
    second.drain(Duration::from_secs(10)).await;
    first.drain(Duration::from_secs(10)).await;
    assert_eq!(total(&rig).await, 40 * 9);
}
