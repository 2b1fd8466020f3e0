//! Messages that are handled: order, replies, sends, repeats, more of them than fit in memory.

use std::sync::{Arc, Mutex};

use hydra::effects::{Outcome, StateChange};
use hydra::message::Status;
use hydra_tests::scripted::{Rig, Scripted, actor, ask, counter, number, ok, reply_to, request, sending};

#[tokio::test(start_paused = true)]
async fn an_ask_is_answered_and_the_state_is_kept() {
    let rig = Rig::new().with("counter", counter());
    let (node, _) = rig.start().await;
    assert_eq!(reply_to(&node.client(), "counter/alice", "add", "5").await, "5");
    assert_eq!(reply_to(&node.client(), "counter/alice", "add", "-2").await, "3");
    assert_eq!(reply_to(&node.client(), "counter/bob", "get", "").await, "0");
    let record = rig.record(&actor("counter/alice")).await;
    assert_eq!(record.state.as_deref(), Some(b"3".as_slice()));
    node.drain(std::time::Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn messages_of_one_actor_are_handled_in_order_even_when_they_do_not_fit_in_memory() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let recorder = Scripted::new(move |input| {
        sink.lock().unwrap().push((input.message.to.id().to_owned(), number(Some(&input.message.body))));
        ok(Outcome::Done, StateChange::Keep, Vec::new())
    });
    let mut rig = Rig::new().with("recorder", recorder);
    rig.config.node.mailbox_messages_max = 64;
    let (node, _) = rig.start().await;
    for count in 0..1_000 {
        for id in ["a", "b"] {
            let request = request(&format!("recorder/{id}"), "note", &count.to_string());
            node.client().send(request).await.unwrap();
        }
    }
    for id in ["a", "b"] {
        ask(&node.client(), request(&format!("recorder/{id}"), "note", "1000")).await;
        let seen = seen.lock().unwrap();
        let of_one: Vec<i64> = seen.iter().filter(|(of, _)| of == id).map(|(_, count)| *count).collect();
        assert_eq!(of_one, (0..=1_000).collect::<Vec<i64>>());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_turn_sends_arrives_once_and_in_order() {
    let forward = Scripted::new(|input| {
        let to = actor("counter/sum");
        let sends = (1..=3).map(|n| sending(&to, "add", n.to_string())).collect();
        assert_eq!(input.message.subject.as_str(), "go");
        ok(Outcome::Done, StateChange::Keep, sends)
    });
    let rig = Rig::new().with("forward", forward).with("counter", counter());
    let (node, _) = rig.start().await;
    for _ in 0..10 {
        assert_eq!(ask(&node.client(), request("forward/f", "go", "")).await.status, Status::Done);
    }
    assert_eq!(reply_to(&node.client(), "counter/sum", "get", "").await, "60");
    let last = rig.record(&actor("counter/sum")).await;
    assert_eq!(last.state.as_deref(), Some(b"60".as_slice()));
}

#[tokio::test(start_paused = true)]
async fn an_actor_is_told_once_that_it_begins_and_again_when_it_slept() {
    let greeter = Scripted::new(|input| {
        let begins = number(input.state.as_ref()) + i64::from(input.activated);
        hydra_tests::scripted::reply(begins.to_string(), StateChange::Set(begins.to_string().into()))
    });
    let rig = Rig::new().with("greeter", greeter);
    let (node, _) = rig.start().await;
    for _ in 0..70 {
        node.client().send(request("greeter/a", "hello", "")).await.unwrap();
    }
    assert_eq!(reply_to(&node.client(), "greeter/a", "hello", "").await, "1");
    tokio::time::advance(std::time::Duration::from_secs(601)).await;
    assert_eq!(reply_to(&node.client(), "greeter/a", "hello", "").await, "2");
    assert_eq!(reply_to(&node.client(), "greeter/a", "hello", "").await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_repeated_key_is_one_effect_and_the_same_answer() {
    let rig = Rig::new().with("counter", counter());
    let (node, _) = rig.start().await;
    let keyed = |subject: &str, body: &str| {
        let plain = request("counter/alice", subject, body);
        hydra::client::Request { key: Some("order 7".into()), ..plain }
    };
    let first = ask(&node.client(), keyed("add", "5")).await;
    assert_eq!((first.status, first.body.as_ref(), first.replayed), (Status::Replied, b"5".as_slice(), false));
    node.drain(std::time::Duration::from_secs(1)).await;
    let (node, _) = rig.start().await;
    let again = ask(&node.client(), keyed("add", "5")).await;
    assert_eq!((again.status, again.body.as_ref(), again.replayed), (Status::Replied, b"5".as_slice(), true));
    assert_eq!(ask(&node.client(), keyed("add", "6")).await.status, Status::KeyReused);
    assert_eq!(ask(&node.client(), keyed("get", "5")).await.status, Status::KeyReused);
    assert_eq!(reply_to(&node.client(), "counter/alice", "get", "").await, "5");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_actor_begins_fresh_and_keeps_its_place() {
    let rig = Rig::new().with("counter", counter());
    let (node, _) = rig.start().await;
    reply_to(&node.client(), "counter/alice", "add", "5").await;
    assert_eq!(ask(&node.client(), request("counter/alice", "forget", "")).await.status, Status::Done);
    let tombstone = rig.record(&actor("counter/alice")).await;
    assert_eq!((tombstone.state, tombstone.status), (None, hydra::record::Status::Deleted));
    assert!(tombstone.cursor.is_some());
    assert_eq!(reply_to(&node.client(), "counter/alice", "add", "2").await, "2");
    ask(&node.client(), request("counter/alice", "forget", "")).await;
    tokio::time::advance(std::time::Duration::from_secs(25 * 60 * 60)).await;
    let key = hydra::record::key(&actor("counter/alice"));
    while rig.backend.actors.get(&key).await.unwrap().is_some() {
        tokio::time::advance(std::time::Duration::from_secs(60 * 60)).await;
        tokio::task::yield_now().await;
    }
}
