//! An import that was killed: no host starts on what it left, and repeated it ends as if it had never been cut off.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use hydra::archive::{self, Error};
use hydra::backend::{Backend, NewMessage, Queue, embedded, nats};
use hydra::config::{self, Config, Durability};
use hydra::connector::Endpoints;
use hydra::id::Seq;
use hydra::message::Headers;
use hydra::names::MessageId;
use hydra::node::{Node, Parts};
use hydra::random::Random;
use hydra::record::Record;
use hydra::registry::Registry;
use hydra::telemetry::Metrics;
use hydra_tests::nats::NatsServer;
use hydra_tests::scripted::actor;
use hydra_tests::turns::sandbox;

use crate::world::{Contents, contents, empty, export, import, put_record, worked_on};

/// More of each than is stored at once.
const MANY: u32 = 600;

/// A store with many of everything, exported: the file, what must be the same, and the messages that wait for carol.
async fn exported(folder: &Path) -> (PathBuf, Contents, Vec<MessageId>) {
    let (rig, ids) = worked_on(MANY).await;
    for number in 0..MANY {
        let (to, state) = (actor(&format!("counter/{number}")), Some(Bytes::from(number.to_string())));
        put_record(&rig.backend, &to, &Record { state, ..Record::default() }).await;
        let (id, body) = (MessageId::stored(&format!("00.1:{}", 10_000 + number)), Bytes::from_static(b"letter"));
        let queue = Queue::DeadLetters;
        let letter = NewMessage { queue, to, id, committed: None, headers: Headers::default(), body };
        rig.backend.log.append(vec![letter]).await.unwrap();
    }
    let (file, summary) = export(&rig.backend, folder, "file").await;
    assert!(summary.counts.messages == u64::from(MANY) && summary.counts.dead_letters > u64::from(MANY));
    (file, contents(&rig.backend).await, ids)
}

/// Imports so many entries and is killed.
async fn import_until(backend: &Backend, file: &Path, entries: u64) {
    let checked = archive::check(file).unwrap();
    let kill = |counts: &archive::Counts| {
        if counts.total() == entries {
            // As a panic, but nobody is told of it.
            resume_unwind(Box::new("killed"));
        }
    };
    let killed = AssertUnwindSafe(archive::import(backend, &checked, kill)).catch_unwind().await;
    assert!(killed.is_err(), "it was not killed at {entries}");
}

/// Nobody serves what is half there.
async fn assert_not_served(backend: &Backend) {
    let registry = Registry::open(backend.clone(), sandbox()).await.unwrap().into();
    let (guests, random) = (tokio::runtime::Handle::current(), Random::of_system());
    let (config, endpoints, metrics) = (Config::default(), Endpoints::default(), Arc::new(Metrics::new().unwrap()));
    let parts = Parts { config, backend: backend.clone(), registry, endpoints, guests, random, metrics };
    let told = Node::start(parts).await.err().expect("it started").to_string();
    assert!(told.contains("hydra store import"), "{told}");
    let told = archive::export(backend, Path::new("/nowhere/file"), |_| ()).await.unwrap_err().to_string();
    assert!(told.contains("hydra store import"), "{told}");
}

/// Repeats the import, and nothing is missing or there twice.
async fn assert_repeated(backend: &Backend, file: &Path, expected: &Contents, ids: &[MessageId]) {
    import(backend, file).await.unwrap();
    let mut there = contents(backend).await;
    there.sort_letters();
    assert_eq!(there, *expected);
    let waiting = backend.log.read(Queue::Inbox, Some(&actor("list/carol")), Seq(0), 10_000).await.unwrap();
    let waiting: Vec<MessageId> = waiting.into_iter().map(|delivery| delivery.id).collect();
    assert_eq!(waiting, ids);
}

#[tokio::test(start_paused = true)]
async fn an_import_that_was_killed_anywhere_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let (file, mut expected, ids) = exported(folder.path()).await;
    expected.sort_letters();
    let total = archive::check(&file).unwrap().summary().counts.total();
    let other = export(&worked_on(1).await.0.backend, folder.path(), "other").await.0;
    for entries in (1..=total).step_by(101) {
        let target = empty();
        import_until(&target, &file, entries).await;
        // Longer than the log remembers ids.
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_not_served(&target).await;
        let error = import(&target, &other).await.unwrap_err();
        assert!(matches!(error, Error::OtherImport { .. }), "{error}");
        // Killed twice, later or earlier.
        import_until(&target, &file, total - entries + 1).await;
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_repeated(&target, &file, &expected, &ids).await;
        let error = import(&target, &file).await.unwrap_err();
        assert!(matches!(error, Error::NotEmpty { .. }), "{error}");
    }
}

fn exported_now(folder: &Path) -> (PathBuf, Contents, Vec<MessageId>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let mut made = runtime.enable_all().start_paused(true).build().unwrap().block_on(exported(folder));
    made.1.sort_letters();
    made
}

#[test]
fn an_import_into_a_folder_that_was_killed_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let (file, expected, ids) = exported_now(folder.path());
    let dir = folder.path().join("store");
    let config = config::Store { dir, durability: Durability::Os, buckets: 4, ..config::Store::default() };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        for entries in [700, 1_500] {
            let store = embedded::open(&config).unwrap();
            import_until(&store.backend(), &file, entries).await;
            store.close();
        }
        let store = embedded::open(&config).unwrap();
        assert_not_served(&store.backend()).await;
        assert_repeated(&store.backend(), &file, &expected, &ids).await;
    });
}

#[test]
fn an_import_into_nats_that_was_killed_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let (file, expected, ids) = exported_now(folder.path());
    let server = NatsServer::start().unwrap();
    let nats = config::Nats { urls: vec![server.url()], ..config::Nats::default() };
    let settings = config::Store { buckets: 2, ..config::Store::default() };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        // A server forgets ids after its window; here at once, for nobody has time for that.
        let open = || nats::open_with_window(&nats, &settings, Duration::from_millis(100));
        for entries in [700, 1_500] {
            let store = open().await.unwrap();
            import_until(&store.backend(), &file, entries).await;
            store.close().await;
        }
        let store = open().await.unwrap();
        assert_not_served(&store.backend()).await;
        assert_repeated(&store.backend(), &file, &expected, &ids).await;
        store.close().await;
    });
}
