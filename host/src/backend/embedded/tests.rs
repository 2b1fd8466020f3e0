//! What only shows below the seam: a torn journal after a kill, sweeping, floors at rest.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::Connection;

use super::checkpoint::Checkpointer;
use super::stream::{self, StreamNumber};
use super::{Embedded, check, open, open_with_clock, schema};
use crate::backend::{Backend, Expect, NewMessage, Queue};
use crate::clock::{Clock, Time};
use crate::config::{Durability, Store};
use crate::id::{ActorId, Epoch, Seq};
use crate::message::Headers;
use crate::names::MessageId;

fn config(dir: &Path) -> Store {
    Store { dir: dir.to_path_buf(), durability: Durability::Os, buckets: 1, ..Store::default() }
}

fn message(queue: Queue, id: &str) -> NewMessage {
    let (to, id) = (ActorId::parse("counter/alice").unwrap(), MessageId::stored(id));
    NewMessage { queue, to, id, committed: None, headers: Headers::default(), body: Bytes::from(vec![7; 3_000]) }
}

/// One turn as the host does it: the record, then a message.
async fn turn(backend: &Backend, number: u64) {
    let record = Bytes::from(number.to_string());
    backend.actors.put("record", record, Headers::default(), Expect::Any, None).await.unwrap();
    backend.log.append(vec![message(Queue::Inbox, &format!("m{number}"))]).await.unwrap();
}

/// A copy of an open store's files, as a kill would leave them, with the journal cut to this many bytes.
fn copy_killed(store: &Store, to: &Path, journal_bytes: usize) -> Store {
    fs::create_dir(to).unwrap();
    fs::copy(store.dir.join("hydra.db"), to.join("hydra.db")).unwrap();
    let journal = fs::read(store.dir.join("hydra.db-wal")).unwrap();
    fs::write(to.join("hydra.db-wal"), &journal[..journal_bytes]).unwrap();
    config(to)
}

#[tokio::test]
async fn a_journal_torn_anywhere_leaves_a_whole_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let original = config(&dir.path().join("original"));
    let store = open(&original).unwrap();
    let backend = store.backend();
    // Whoever reads here keeps all later writes in the journal: what is torn off below is nowhere else. What was moved
    // into the database had been synced before, so it cannot be torn.
    let reading = Connection::open(schema::database(&original.dir)).unwrap();
    reading.execute_batch("BEGIN; SELECT count(*) FROM log").unwrap();
    for number in 0..40 {
        turn(&backend, number).await;
    }
    let whole = usize::try_from(fs::metadata(original.dir.join("hydra.db-wal")).unwrap().len()).unwrap();
    let mut prefixes = Vec::new();
    for step in 0..=40 {
        let torn = copy_killed(&original, &dir.path().join(step.to_string()), whole - whole * step / 40);
        prefixes.push(check_prefix(open(&torn).unwrap()).await);
        assert!(check(&torn.dir).unwrap().is_sound());
    }
    assert!(prefixes.is_sorted_by(|a, b| a >= b), "{prefixes:?}");
    assert!((prefixes[0], prefixes[40]) == (40, 0) && prefixes[20] > 10, "{prefixes:?}");
}

/// What is there is what was written up to some moment. Answers how many turns.
async fn check_prefix(store: Embedded) -> u64 {
    let backend = store.backend();
    let alice = ActorId::parse("counter/alice").unwrap();
    let read = backend.log.read(Queue::Inbox, Some(&alice), Seq(0), 1_000).await.unwrap();
    for (number, delivery) in (0..).zip(&read) {
        assert_eq!((delivery.id.as_str(), delivery.seq), (format!("m{number}").as_str(), Seq(number + 1)));
        assert_eq!(delivery.body.len(), 3_000);
    }
    let turns = u64::try_from(read.len()).unwrap();
    let record = backend.actors.get("record").await.unwrap();
    let records = record.map_or(0, |entry| std::str::from_utf8(&entry.value).unwrap().parse::<u64>().unwrap() + 1);
    assert!(records == turns || records == turns + 1, "{records} records beside {turns} messages");
    // Repeating what was not acknowledged makes no second copy, and the store goes on from here.
    for number in turns.saturating_sub(1)..=turns {
        let appended = backend.log.append(vec![message(Queue::Inbox, &format!("m{number}"))]).await.unwrap();
        assert_eq!((appended[0].duplicate, appended[0].seq), (number < turns, Seq(number + 1)));
    }
    turns
}

fn checkpointer(store: &Embedded, config: &Store) -> Checkpointer {
    let connection = schema::checkpointer(&config.dir, config.durability).unwrap();
    Checkpointer { store: Arc::clone(&store.store), connection, dead_letters_kept: Duration::from_secs(1_000) }
}

#[test]
fn old_dead_letters_and_expired_rows_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let clock = Arc::new(Clock::by_hand(Time(1_000_000)));
    let store = open_with_clock(&config, Arc::clone(&clock)).unwrap();
    let backend = store.backend();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // More than one sweep's worth of both.
        let old = (0..600).map(|number| message(Queue::DeadLetters, &format!("old{number}"))).collect();
        backend.log.append(old).await.unwrap();
        for number in 0..300 {
            let (key, expires) = (format!("expires.{number}"), Some(Duration::from_secs(1)));
            backend.actors.put(&key, Bytes::new(), Headers::default(), Expect::Any, expires).await.unwrap();
        }
        turn(&backend, 0).await;
        clock.not_before(Time(1_000_000).plus(Duration::from_secs(999)));
        backend.log.append(vec![message(Queue::DeadLetters, "new")]).await.unwrap();
        clock.not_before(Time(1_000_000).plus(Duration::from_millis(1_000_500)));
    });
    let watch = runtime.block_on(backend.actors.watch("expires.")).unwrap();
    checkpointer(&store, &config).sweep();
    assert_eq!(watch.len(), 300, "a watch hears of every expiry");
    store.close();
    let report = check(&config.dir).unwrap();
    assert_eq!((report.streams[1].messages, report.streams[1].first, report.actors), (1, Some(Seq(601)), 1));
}

#[tokio::test]
async fn a_floor_is_stored_soon_without_further_messages() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let store = open(&config).unwrap();
    let backend = store.backend();
    turn(&backend, 0).await;
    let bucket = backend.log.buckets()[0];
    let mut inbox = backend.log.inbox(bucket, Epoch(1)).await.unwrap();
    inbox.next().await.unwrap();
    inbox.ack(Seq(1)).await.unwrap();
    let reading = schema::reader(&config.dir).unwrap();
    let stored = || stream::position(&reading, StreamNumber::of(bucket)).unwrap().floor;
    let soon = async {
        while stored() < Seq(1) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), soon).await.unwrap();
}
