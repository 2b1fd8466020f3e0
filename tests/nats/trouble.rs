//! A server that goes away and comes back under an open store.

use std::time::Duration;

use bytes::Bytes;
use hydra::backend::{Expect, Put, Table};
use hydra::id::Revision;
use hydra::message::Headers;
use hydra_tests::nats::NatsServer;
use tokio::time::{Instant, timeout};

use crate::{open_with, settings};

/// After so long something that must happen did not.
const TOO_LONG: Duration = Duration::from_secs(20);

/// Writes until the server takes it.
async fn put(table: &dyn Table, key: &str, value: &'static str, expect: Expect) -> Revision {
    let end = Instant::now() + TOO_LONG;
    loop {
        match table.put(key, Bytes::from_static(value.as_bytes()), Headers::default(), expect, None).await {
            Ok(Put::Written(revision)) => return revision,
            Err(error) if error.is_retryable() && Instant::now() < end => tokio::task::yield_now().await,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn rows_are_there_after_the_server_was_killed_and_writing_goes_on() {
    let mut server = NatsServer::start().unwrap();
    let store = open_with(&settings(&server)).await.unwrap();
    let table = store.backend().actors;
    let first = put(&*table, "a", "1", Expect::Absent).await;
    server.kill().unwrap();
    server.restart().unwrap();
    let second = put(&*table, "a", "2", Expect::Revision(first)).await;
    assert!(first < second);
    assert_eq!(table.get("a").await.unwrap().unwrap().value, "2");
    store.close().await;
}

#[tokio::test]
async fn a_watch_ends_when_its_server_went_away_and_can_be_made_again() {
    let mut server = NatsServer::start().unwrap();
    let store = open_with(&settings(&server)).await.unwrap();
    let table = store.backend().actors;
    let mut watch = table.watch("").await.unwrap();
    server.kill().unwrap();
    server.restart().unwrap();
    while timeout(TOO_LONG, watch.recv()).await.expect("it stays silent").is_some() {}
    put(&*table, "a", "1", Expect::Any).await;
    let mut watch = table.watch("").await.unwrap();
    put(&*table, "a", "2", Expect::Any).await;
    let (key, entry) = timeout(TOO_LONG, watch.recv()).await.unwrap().unwrap();
    assert_eq!((key.as_str(), &entry.unwrap().value[..]), ("a", &b"2"[..]));
}

#[tokio::test]
async fn a_watch_ends_when_its_server_hangs() {
    let server = NatsServer::start().unwrap();
    let store = open_with(&settings(&server)).await.unwrap();
    let mut watch = store.backend().actors.watch("").await.unwrap();
    server.pause().unwrap();
    assert_eq!(timeout(TOO_LONG, watch.recv()).await.expect("it stays silent"), None);
    server.resume().unwrap();
}

#[tokio::test]
async fn an_idle_watch_goes_on() {
    let server = NatsServer::start().unwrap();
    let store = open_with(&settings(&server)).await.unwrap();
    let table = store.backend().actors;
    let mut watch = table.watch("own.").await.unwrap();
    // Longer than the silence that ends a watch: heartbeats are no silence.
    assert!(timeout(Duration::from_secs(5), watch.recv()).await.is_err());
    put(&*table, "other", "1", Expect::Any).await;
    put(&*table, "own.3a", "1", Expect::Any).await;
    assert_eq!(timeout(TOO_LONG, watch.recv()).await.unwrap().unwrap().0, "own.3a");
}

#[tokio::test]
async fn a_closed_store_says_so_and_ends_its_watches() {
    let server = NatsServer::start().unwrap();
    let store = open_with(&settings(&server)).await.unwrap();
    let table = store.backend().actors;
    let mut watch = table.watch("").await.unwrap();
    store.close().await;
    assert_eq!(timeout(TOO_LONG, watch.recv()).await.unwrap(), None);
    assert!(matches!(table.get("a").await, Err(hydra::backend::Error::Closed)));
}
