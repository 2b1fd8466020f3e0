//! What actors wait for is carried with them: timers and requests end in the last store, once, though no actor is spoken to.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use hydra::backend::Backend;
use hydra::effects::{Awaited, Effects, Outcome, StateChange};
use hydra::record;
use hydra::timer::{Missed, Pending, When};
use hydra::wasm::{Handled, Input};
use hydra_tests::nats::NatsServer;
use hydra_tests::scripted::{Rig, Scripted, actor, ask, ok, reply, reply_to, request, sending};

use crate::moving::{END, folder_store, server_store, until};
use crate::world::{export, import};

/// When the timer and the request are due: once everything was carried.
const DUE: Duration = Duration::from_secs(5);

/// `begin` sets a timer and makes a request of an actor that never answers; what comes of both is noted.
fn waiting(input: &Input<'_>) -> Handled {
    let subject = input.message.subject.as_str();
    let state = String::from_utf8_lossy(&input.state.clone().unwrap_or_default()).into_owned();
    let note = |what: &str| ok(Outcome::Done, StateChange::Set(format!("{state}{what} ").into()), vec![]);
    if let Some(name) = subject.strip_prefix("timer:") {
        return note(name);
    }
    match (input.answer.is_some(), subject) {
        (true, _) => note("ended"),
        (_, "list") => reply(state, StateChange::Keep),
        (_, "begin") => begin(input),
        _ => ok(Outcome::Later, StateChange::Keep, vec![]),
    }
}

fn begin(input: &Input<'_>) -> Handled {
    let (token, due) = ("asked".to_owned(), input.now.plus(DUE));
    let mut waits = input.waits.clone();
    waits.set("tea", When::At(due), Missed::FireOnce, Bytes::new(), input.origin, input.now).unwrap();
    waits.expect(Pending { token: token.clone(), memo: Bytes::new(), due }).unwrap();
    let mut asked = sending(&actor("waiting/silent"), "never", String::new());
    asked.awaited = Some(Awaited { token, due });
    let state = StateChange::Set(Bytes::new());
    let effects = Effects { state, sends: vec![asked], waits: Some(waits), ..Effects::default() };
    Handled::native(Ok((Outcome::Done, effects)))
}

fn rig_on(backend: Backend) -> Rig {
    let mut rig = Rig::new().with("waiting", Scripted::new(waiting));
    rig.backend = backend;
    rig
}

/// Sets both on a store in a folder, which is carried to NATS and from there into another folder.
async fn carry(folder: &Path) {
    let one = folder_store(&folder.join("one"));
    let (node, _) = rig_on(one.backend()).start().await;
    ask(&node.client(), request("waiting/alice", "begin", "")).await;
    assert_eq!(reply_to(&node.client(), "waiting/alice", "list", "").await, "");
    node.drain(END).await;
    let (first, _) = export(&one.backend(), folder, "first").await;
    one.close();
    let server = NatsServer::start().unwrap();
    let two = server_store(&server).await;
    import(&two.backend(), &first).await.unwrap();
    assert_eq!(two.backend().actors.list("timers.", None, 9).await.unwrap().len(), 1, "who waits is found at once");
    two.close().await;
    let two = server_store(&server).await;
    let (second, _) = export(&two.backend(), folder, "second").await;
    two.close().await;
    let three = folder_store(&folder.join("three"));
    import(&three.backend(), &second).await.unwrap();
    three.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_timers_and_requests_are_carried_and_end_once() {
    let folder = tempfile::tempdir().unwrap();
    carry(folder.path()).await;
    let key = record::key(&actor("waiting/alice"));
    for _ in 0..2 {
        let store = folder_store(&folder.path().join("three"));
        let (node, _) = rig_on(store.backend()).start().await;
        let client = node.client();
        let list = async || reply_to(&client, "waiting/alice", "list", "").await;
        let waits = async || store.backend().actors.get(&key).await.unwrap().unwrap();
        until(async || waits().await.value.len() == "tea ended ".len()).await;
        let mut told: Vec<String> = list().await.split_whitespace().map(str::to_owned).collect();
        told.sort_unstable();
        assert_eq!(told, ["ended", "tea"]);
        node.drain(END).await;
        store.close();
    }
}
