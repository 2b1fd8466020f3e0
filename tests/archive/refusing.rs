//! What stands in the way of an export or an import, and how it is told: always with what to do next.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use hydra::archive::{self, Error};
use hydra::backend::{Backend, Expect, NewMessage, Queue};
use hydra::effects::Send;
use hydra::id::{BucketId, Cursor, Seq};
use hydra::message::Headers;
use hydra::names::{MessageId, Subject};
use hydra::outbox;
use hydra::record::{Parked, Record};
use hydra_tests::scripted::actor;

use crate::world::{START, contents, empty, export, import, put_record, store_at, worked_on};

fn message(queue: Queue) -> NewMessage {
    let (to, id) = (actor("counter/alice"), MessageId::stored("in:counter/alice:1"));
    NewMessage { queue, to, id, committed: None, headers: Headers::default(), body: Bytes::new() }
}

/// Why a store cannot be exported; nothing is left of the try.
async fn refused(backend: &Backend) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let error = archive::export(backend, &folder.path().join("file"), |_| ()).await.unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{error}");
    error
}

async fn exported(folder: &Path) -> std::path::PathBuf {
    let (rig, _) = worked_on(1).await;
    export(&rig.backend, folder, "file").await.0
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_served_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path()).await;
    let store = empty();
    let lease = Some(Duration::from_secs(3));
    store.liveness.put("node.one.b", Bytes::new(), Headers::default(), Expect::Any, lease).await.unwrap();
    let error = refused(&store).await.to_string();
    assert!(error.contains("(one)") && error.contains("SIGTERM"), "{error}");
    let error = import(&store, &file).await.unwrap_err().to_string();
    assert!(error.contains("(one)") && error.contains("SIGTERM"), "{error}");
    tokio::time::advance(Duration::from_secs(4)).await;
    import(&store, &file).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_host_that_comes_meanwhile_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path()).await;
    let store = empty();
    let claim = |store: &Backend, key: &str| {
        let (table, key) = (store.actors.clone(), key.to_owned());
        // The row is there as soon as it was asked for: this store answers at once.
        let put = async move { table.put(&key, Bytes::new(), Headers::default(), Expect::Any, None).await };
        futures_util::FutureExt::now_or_never(put).unwrap().unwrap();
    };
    let checked = archive::check(&file).unwrap();
    let error = archive::import(&store, &checked, |_| claim(&store, "own.02")).await.unwrap_err();
    assert!(matches!(error, Error::Disturbed), "{error}");
    assert!(hydra::incarnations::whole(&*store.actors).await.is_err(), "no host starts on it");
    import(&store, &file).await.unwrap();

    let (rig, _) = worked_on(1).await;
    let to = folder.path().join("other");
    let error = archive::export(&rig.backend, &to, |_| claim(&rig.backend, "own.01")).await.unwrap_err();
    assert!(matches!(error, Error::Disturbed) && !to.exists(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn messages_that_wait_are_told_with_their_place() {
    let (rig, _) = worked_on(1).await;
    rig.backend.log.append(vec![message(Queue::Inbox)]).await.unwrap();
    let error = refused(&rig.backend).await;
    let bucket = rig.backend.log.bucket_of(&actor("counter/alice"));
    assert!(matches!(error, Error::NotDrained { buckets: 1, bucket: b, .. } if b == bucket), "{error}");
    assert!(error.to_string().contains("hydra host"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_outbox_that_may_not_be_handed_over_is_told() {
    let store = empty();
    let (to, subject) = (actor("counter/bob"), Subject::new("add").unwrap());
    let send = Send { to: to.clone(), subject, headers: Headers::default(), body: Bytes::new(), awaited: None };
    let outbox = vec![outbox::Entry::send(send, &to, None)];
    let at = |seq| Cursor { bucket: store.log.bucket_of(&to), seq: Seq(seq) };
    let flushed = Record { cursor: Some(at(0)), outbox: outbox.clone(), ..Record::default() };
    put_record(&store, &to, &flushed).await;
    let folder = tempfile::tempdir().unwrap();
    export(&store, folder.path(), "flushed").await;
    let parked = Record { parked: Some(Parked { position: at(0), count: 0 }), ..flushed.clone() };
    for pending in [Record { cursor: Some(at(1)), ..flushed }, parked] {
        put_record(&store, &to, &pending).await;
        let error = refused(&store).await;
        assert!(matches!(&error, Error::Outbox { actor } if *actor == to), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_are_not_this_stores_are_told() {
    let (store, to) = (empty(), actor("counter/bob"));
    let bucket = store.log.bucket_of(&to);
    let foreign = Cursor { bucket: BucketId { incarnation: 9, ..bucket }, seq: Seq(1) };
    put_record(&store, &to, &Record { cursor: Some(foreign), ..Record::default() }).await;
    let error = refused(&store).await;
    assert!(matches!(error, Error::Foreign { position, .. } if position == foreign), "{error}");
    let mut headers = Headers::default();
    headers.push("Hydra-Cursor", "nonsense");
    store.actors.put("counter.bob.state", Bytes::new(), headers, Expect::Any, None).await.unwrap();
    let error = refused(&store).await.to_string();
    assert!(error.contains("counter/bob") && error.contains("hydra actor delete"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_kind_without_its_component_is_told() {
    let (rig, _) = worked_on(1).await;
    let row = rig.backend.registry.get("kind.greeter").await.unwrap().unwrap().value;
    let store = empty();
    store.registry.put("kind.greeter", row, Headers::default(), Expect::Any, None).await.unwrap();
    let error = refused(&store).await.to_string();
    assert!(error.contains("greeter") && error.contains("deploy"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_holds_anything_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path()).await;
    let check = async |store: Backend, wanted: &str| {
        let before = contents(&store).await;
        let error = import(&store, &file).await.unwrap_err();
        assert!(matches!(error, Error::NotEmpty { what } if what == wanted), "{wanted}: {error}");
        assert!(error.to_string().contains("--data"), "{error}");
        assert_eq!(contents(&store).await, before);
        assert!(hydra::incarnations::whole(&*store.actors).await.is_ok());
    };
    for (queue, what) in
        [(Queue::Inbox, "messages that wait"), (Queue::DeadLetters, "dead letters"), (Queue::Parked, "parked messages")]
    {
        let store = empty();
        store.log.append(vec![message(queue)]).await.unwrap();
        check(store, what).await;
    }
    let store = empty();
    put_record(&store, &actor("counter/x"), &Record::default()).await;
    check(store, "actors").await;
    check(worked_on(1).await.0.backend, "actors").await;
    let store = empty();
    store.registry.put("kind.x", Bytes::from_static(b"{"), Headers::default(), Expect::Any, None).await.unwrap();
    let error = import(&store, &file).await.unwrap_err();
    assert!(matches!(error, Error::NotEmpty { what: "kinds" }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_store_whose_time_is_behind_is_waited_for_but_not_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path()).await;
    // The export's store was there some seconds longer.
    let error = import(&store_at(START.minus(Duration::from_secs(60))), &file).await.unwrap_err();
    assert!(matches!(error, Error::Behind { .. }), "{error}");
    assert!(error.to_string().contains("clock"), "{error}");
    import(&store_at(START), &file).await.unwrap();
}
