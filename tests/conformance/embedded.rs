//! What only the embedded store promises: one folder, one process; its format; full disks; closing, checking, copying.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use hydra::backend::embedded::{Error, backup, check, open};
use hydra::backend::{Backend, Error as StoreError, Expect, NewMessage, Put, Queue};
use hydra::config::{Durability, Store};
use hydra::id::Seq;
use hydra::message::Headers;

use crate::world::{actor, append, append_many, dead_letter, message, next_ids, open as open_inbox, soon};

fn config(dir: &Path) -> Store {
    Store { dir: dir.join("store"), durability: Durability::Os, buckets: 4, ..Store::default() }
}

async fn put(backend: &Backend, key: &str, size: usize) -> Result<Put, StoreError> {
    backend.actors.put(key, vec![1; size].into(), Headers::default(), Expect::Any, None).await
}

#[test]
fn a_second_opening_names_the_process_that_holds_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&config(dir.path())).unwrap();
    let refused = open(&config(dir.path())).err().unwrap();
    assert!(matches!(&refused, Error::Locked { pid, .. } if *pid == std::process::id().to_string()), "{refused}");
    assert!(matches!(check(&dir.path().join("store")), Err(Error::Locked { .. })));
    store.close();
    open(&config(dir.path())).unwrap().close();
}

#[test]
fn a_folder_is_private_to_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    open(&config).unwrap().close();
    assert_eq!(fs::metadata(&config.dir).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn an_unknown_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    open(&config).unwrap().close();
    let database = config.dir.join("hydra.db");
    let mut bytes = fs::read(&database).unwrap();
    bytes[60..64].copy_from_slice(&77_u32.to_be_bytes());
    fs::write(&database, &bytes).unwrap();
    let refused = open(&config).err().unwrap();
    assert!(matches!(refused, Error::Format { found: 77, known: 1, .. }), "{refused}");
    assert_eq!(fs::read(&database).unwrap(), bytes);
}

#[test]
fn another_programs_files_are_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in [("hydra.db", &b"short"[..]), ("hydra.db", &[b'x'; 5_000]), ("hydra.db-wal", b"journal")] {
        let config = Store { dir: dir.path().join(format!("{}-{name}", bytes.len())), ..config(dir.path()) };
        fs::create_dir(&config.dir).unwrap();
        fs::write(config.dir.join(name), bytes).unwrap();
        assert!(matches!(open(&config), Err(Error::NotAStore { .. })), "{name}");
        let left: Vec<_> = fs::read_dir(&config.dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!((left, fs::read(config.dir.join(name)).unwrap()), (vec![name.into()], bytes.to_vec()));
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    // A file in the folder's place: permissions do not stop the super-user.
    fs::write(dir.path().join("store"), b"").unwrap();
    let refused = open(&config(dir.path())).err().unwrap();
    assert!(refused.to_string().contains(&*dir.path().join("store").to_string_lossy()), "{refused}");
    let below = Store { dir: dir.path().join("store/below"), ..config(dir.path()) };
    assert!(matches!(open(&below), Err(Error::Folder { .. })));
}

#[test]
fn impossible_settings_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let with = |buckets, bytes_max| open(&Store { buckets, bytes_max, ..config(dir.path()) });
    assert!(matches!(with(3, 0), Err(Error::Setting { setting: "store.buckets", value: 3, .. })));
    assert!(matches!(with(512, 0), Err(Error::Setting { .. })));
    assert!(matches!(with(4, 1_000), Err(Error::Setting { setting: "store.bytes_max", .. })));
    assert!(!dir.path().join("store").exists());
}

#[test]
fn a_store_keeps_the_buckets_it_was_made_with() {
    let dir = tempfile::tempdir().unwrap();
    open(&config(dir.path())).unwrap().close();
    let store = open(&Store { buckets: 16, ..config(dir.path()) }).unwrap();
    assert_eq!(store.backend().log.buckets().len(), 4);
}

#[tokio::test]
async fn a_full_database_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&Store { bytes_max: 2 << 20, ..config(dir.path()) }).unwrap();
    let (backend, alice) = (store.backend(), actor("alice"));
    let large = |id: String| NewMessage { body: vec![1; 100_000].into(), ..message(&alice, &id) };
    let mut stored = 0;
    let refused = loop {
        match backend.log.append(vec![large(format!("m{stored}"))]).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(&refused, StoreError::Unavailable { reason } if reason.contains("bytes_max")), "{refused}");
    assert!((10..25).contains(&stored), "{stored}");
    assert!(matches!(put(&backend, "large", 200_000).await, Err(StoreError::Unavailable { .. })));
    let mut inbox = open_inbox(&backend, &alice, 1).await;
    assert_eq!(next_ids(&mut inbox, stored).await.len(), stored);
    // Rewriting what is there takes no room, and trimming makes some.
    inbox.ack(Seq(stored as u64)).await.unwrap();
    inbox.trim(Seq(stored as u64)).await.unwrap();
    let repeated = append(&backend, large(format!("m{stored}"))).await;
    assert!(repeated > Seq(stored as u64), "the refused message is not a duplicate of itself");
    assert_eq!(next_ids(&mut inbox, 1).await, [format!("m{stored}")]);
    drop(inbox);
    store.close();
    assert!(check(&dir.path().join("store")).unwrap().is_sound());
}

#[tokio::test]
async fn of_a_group_that_does_not_fit_only_what_is_answered_so_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&Store { bytes_max: 1 << 20, ..config(dir.path()) }).unwrap();
    let (backend, alice) = (store.backend(), actor("alice"));
    let tracker = tokio_util::task::TaskTracker::new();
    let appends: Vec<_> = (0..30)
        .map(|number| {
            let size = if number % 3 == 0 { 300_000 } else { 10 };
            let sent = NewMessage { body: vec![1; size].into(), ..message(&alice, &format!("m{number}")) };
            let log = Arc::clone(&backend.log);
            tracker.spawn(async move { log.append(vec![sent]).await })
        })
        .collect();
    let mut stored = Vec::new();
    for (number, append) in appends.into_iter().enumerate() {
        match append.await.unwrap() {
            Ok(appended) => stored.push((appended[0].seq, format!("m{number}"))),
            Err(error) => assert!(matches!(error, StoreError::Unavailable { .. }), "{error}"),
        }
    }
    stored.sort();
    assert!((1..30).contains(&stored.len()));
    let read = backend.log.read(Queue::Inbox, Some(&alice), Seq(0), 100).await.unwrap();
    let read: Vec<_> = read.into_iter().map(|delivery| (delivery.seq, delivery.id.to_string())).collect();
    assert_eq!(read, stored);
}

#[tokio::test]
async fn a_closed_store_answers_closed_and_ends_whoever_waits() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&config(dir.path())).unwrap();
    let (backend, alice) = (store.backend(), actor("alice"));
    let mut inbox = open_inbox(&backend, &alice, 1).await;
    let mut watch = backend.actors.watch("").await.unwrap();
    let mut follow = backend.log.follow("").await.unwrap();
    tokio::join!(async { assert!(matches!(soon(inbox.next()).await, Err(StoreError::Closed))) }, async {
        tokio::task::yield_now().await;
        store.close();
    });
    assert_eq!((soon(watch.recv()).await, soon(follow.recv()).await), (None, None));
    assert!(matches!(backend.log.append(vec![message(&alice, "m")]).await, Err(StoreError::Closed)));
    assert!(matches!(backend.actors.get("a").await, Err(StoreError::Closed)));
    assert!(matches!(backend.log.read(Queue::DeadLetters, None, Seq(0), 1).await, Err(StoreError::Closed)));
    assert!(matches!(backend.actors.watch("").await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn what_was_queued_before_the_close_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&config(dir.path())).unwrap();
    let (backend, alice) = (store.backend(), actor("alice"));
    let appends = async { append_many(&backend, &alice, "m", 500).await };
    tokio::join!(biased; appends, async { store.close() });
    let store = open(&config(dir.path())).unwrap();
    let read = store.backend().log.read(Queue::Inbox, Some(&alice), Seq(0), 1_000).await.unwrap();
    assert_eq!(read.len(), 500);
}

#[tokio::test]
async fn a_damaged_blob_is_reported_and_mended_by_keeping_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let store = open(&config).unwrap();
    let blobs = store.backend().blobs;
    let digest = blobs.put(Bytes::from_static(b"component")).await.unwrap();
    let file = fs::read_dir(config.dir.join("blobs")).unwrap().next().unwrap().unwrap().path();
    fs::write(&file, b"componemt").unwrap();
    assert!(matches!(blobs.get(&digest).await, Err(StoreError::Damaged { .. })));
    store.close();
    let report = check(&config.dir).unwrap();
    assert!(!report.is_sound() && report.problems[0].contains("digest"), "{report:?}");
    let blobs = open(&config).unwrap();
    blobs.backend().blobs.put(Bytes::from_static(b"component")).await.unwrap();
    assert!(blobs.backend().blobs.get(&digest).await.unwrap().is_some());
}

#[tokio::test]
async fn a_copy_can_be_checked_and_served() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let copied = dir.path().join("copy");
    assert!(matches!(check(&config.dir), Err(Error::Missing { .. })));
    let store = open(&config).unwrap();
    let (backend, alice) = (store.backend(), actor("alice"));
    append_many(&backend, &alice, "m", 10).await;
    append(&backend, dead_letter(&alice, "d")).await;
    put(&backend, "counter.alice.state", 100).await.unwrap();
    let digest = backend.blobs.put(Bytes::from_static(b"component")).await.unwrap();
    let mut inbox = open_inbox(&backend, &alice, 1).await;
    next_ids(&mut inbox, 10).await;
    inbox.ack(Seq(7)).await.unwrap();
    assert!(matches!(backup(&config.dir, &copied), Err(Error::Locked { .. })));
    drop(inbox);
    store.close();
    backup(&config.dir, &copied).unwrap();
    assert!(matches!(backup(&config.dir, &copied), Err(Error::NotEmpty { .. })));
    let report = check(&copied).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.actors, report.registry, report.blobs, report.streams.len()), (1, 0, 1, 6));
    let stream = report.streams.iter().find(|stream| stream.messages == 10).unwrap();
    assert_eq!((stream.first, stream.last, stream.floor), (Some(Seq(1)), Seq(10), Seq(7)));
    assert_eq!((report.streams[4].name.as_str(), report.streams[4].messages), ("dead-letters", 1));
    let copy = open(&Store { dir: copied, ..config }).unwrap();
    let mut inbox = open_inbox(&copy.backend(), &alice, 1).await;
    assert_eq!(next_ids(&mut inbox, 3).await, ["m7", "m8", "m9"]);
    assert!(copy.backend().blobs.get(&digest).await.unwrap().is_some());
}
