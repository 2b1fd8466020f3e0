//! Laws of tables: compare-and-swap, revisions, expiry, lists, watches.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hydra::backend::{Entry, Error, Expect, HEADERS_BYTES_MAX, Put, Table, VALUE_BYTES_MAX};
use hydra::id::Revision;
use hydra::message::Headers;
use tokio_util::task::TaskTracker;

use crate::world::{World, soon};

const SECOND: Duration = Duration::from_secs(1);

type Rows = Arc<dyn Table>;

async fn put(table: &Rows, key: &str, value: &str, expect: Expect) -> Put {
    put_for(table, key, value, expect, None).await
}

async fn put_for(table: &Rows, key: &str, value: &str, expect: Expect, expires_after: Option<Duration>) -> Put {
    table.put(key, Bytes::from(value.to_owned()), Headers::default(), expect, expires_after).await.unwrap()
}

async fn written(table: &Rows, key: &str, value: &str, expect: Expect) -> Revision {
    revision(put(table, key, value, expect).await)
}

fn revision(put: Put) -> Revision {
    let Put::Written(revision) = put else { panic!("it was refused") };
    revision
}

async fn value(table: &Rows, key: &str) -> Option<String> {
    table.get(key).await.unwrap().map(|entry| String::from_utf8(entry.value.to_vec()).unwrap())
}

pub(crate) async fn of_two_writes_with_one_expectation_one_is_written(world: &mut World) {
    let table = world.backend().actors;
    for expect in [Expect::Absent, Expect::Revision(written(&table, "b", "0", Expect::Absent).await)] {
        let key = if expect == Expect::Absent { "a" } else { "b" };
        let both = tokio::join!(put(&table, key, "one", expect), put(&table, key, "two", expect));
        let expected = match both {
            (Put::Written(_), Put::Refused) => "one",
            (Put::Refused, Put::Written(_)) => "two",
            other => panic!("{other:?}"),
        };
        assert_eq!(value(&table, key).await.as_deref(), Some(expected));
    }
}

pub(crate) async fn many_racing_writers_lose_no_step(world: &mut World) {
    let table = world.backend().actors;
    written(&table, "counter", "0", Expect::Absent).await;
    let tracker = TaskTracker::new();
    for _ in 0..8 {
        let table = Arc::clone(&table);
        tracker.spawn(async move {
            for _ in 0..10 {
                loop {
                    let entry = table.get("counter").await.unwrap().unwrap();
                    let next = std::str::from_utf8(&entry.value).unwrap().parse::<u32>().unwrap() + 1;
                    let expect = Expect::Revision(entry.revision);
                    if put(&table, "counter", &next.to_string(), expect).await != Put::Refused {
                        break;
                    }
                }
            }
        });
    }
    tracker.close();
    soon(tracker.wait()).await;
    assert_eq!(value(&table, "counter").await.as_deref(), Some("80"));
}

pub(crate) async fn a_write_that_is_not_expected_stores_nothing(world: &mut World) {
    let table = world.backend().actors;
    assert_eq!(put(&table, "a", "x", Expect::Revision(Revision(1))).await, Put::Refused);
    assert_eq!(value(&table, "a").await, None);
    let first = written(&table, "a", "1", Expect::Absent).await;
    let second = written(&table, "a", "2", Expect::Revision(first)).await;
    assert_eq!(put(&table, "a", "x", Expect::Revision(first)).await, Put::Refused);
    assert_eq!(put(&table, "a", "x", Expect::Absent).await, Put::Refused);
    let entry = table.get("a").await.unwrap().unwrap();
    assert_eq!((&entry.value[..], entry.revision), (&b"2"[..], second));
}

pub(crate) async fn a_revision_grows_across_delete_and_expiry(world: &mut World) {
    let table = world.backend().actors;
    let first = written(&table, "a", "1", Expect::Any).await;
    let deleted = revision(table.delete("a", Expect::Any).await.unwrap());
    let second = revision(put_for(&table, "a", "2", Expect::Absent, Some(SECOND)).await);
    assert!(first < deleted && deleted < second);
    world.pass(SECOND).await;
    let third = written(&table, "a", "3", Expect::Absent).await;
    assert!(second < third && third < written(&table, "a", "4", Expect::Any).await);
}

pub(crate) async fn a_revision_grows_across_a_reopening(world: &mut World) {
    let table = world.backend().actors;
    let first = written(&table, "a", "1", Expect::Any).await;
    let deleted = revision(table.delete("a", Expect::Any).await.unwrap());
    let table = world.reopen().await.actors;
    let second = written(&table, "a", "2", Expect::Absent).await;
    assert!(first < deleted && deleted < second);
    let table = world.reopen().await.actors;
    assert_eq!(table.get("a").await.unwrap().unwrap().revision, second);
    assert!(second < written(&table, "a", "3", Expect::Revision(second)).await);
}

pub(crate) async fn own_writes_are_seen(world: &mut World) {
    let table = world.backend().actors;
    for number in 0..50 {
        let revision = written(&table, "a", &number.to_string(), Expect::Any).await;
        assert_eq!(table.get("a").await.unwrap().unwrap().revision, revision);
        assert_eq!(value(&table, "a").await, Some(number.to_string()));
    }
    table.delete("a", Expect::Any).await.unwrap();
    assert_eq!(value(&table, "a").await, None);
}

pub(crate) async fn a_row_expires_no_earlier_than_asked(world: &mut World) {
    let table = world.backend().actors;
    put_for(&table, "a", "1", Expect::Any, Some(2 * SECOND)).await;
    world.pass_less_than(2 * SECOND).await;
    assert_eq!(value(&table, "a").await.as_deref(), Some("1"));
    world.pass(SECOND).await;
    assert_eq!(value(&table, "a").await, None);
    assert!(table.list("", None, 10).await.unwrap().is_empty());
}

pub(crate) async fn a_later_write_ends_the_expiry(world: &mut World) {
    let table = world.backend().actors;
    let first = revision(put_for(&table, "a", "1", Expect::Any, Some(SECOND)).await);
    written(&table, "a", "2", Expect::Revision(first)).await;
    world.pass(2 * SECOND).await;
    assert_eq!(value(&table, "a").await.as_deref(), Some("2"));
}

pub(crate) async fn an_expired_row_is_absent_to_every_expectation(world: &mut World) {
    let table = world.backend().actors;
    let expired = revision(put_for(&table, "a", "1", Expect::Any, Some(SECOND)).await);
    world.pass(SECOND).await;
    assert_eq!(put(&table, "a", "x", Expect::Revision(expired)).await, Put::Refused);
    assert_eq!(table.delete("a", Expect::Revision(expired)).await.unwrap(), Put::Refused);
    written(&table, "a", "2", Expect::Absent).await;
    assert_eq!(value(&table, "a").await.as_deref(), Some("2"));
}

pub(crate) async fn removing_follows_the_expectation(world: &mut World) {
    let table = world.backend().actors;
    assert!(matches!(table.delete("a", Expect::Any).await.unwrap(), Put::Written(_)));
    let first = written(&table, "a", "1", Expect::Any).await;
    let second = written(&table, "a", "2", Expect::Any).await;
    assert_eq!(table.delete("a", Expect::Revision(first)).await.unwrap(), Put::Refused);
    assert_eq!(table.delete("a", Expect::Absent).await.unwrap(), Put::Refused);
    assert!(matches!(table.delete("a", Expect::Revision(second)).await.unwrap(), Put::Written(_)));
    assert_eq!(value(&table, "a").await, None);
}

pub(crate) async fn keys_are_listed_in_order_and_by_pages(world: &mut World) {
    let table = world.backend().actors;
    for key in ["b.2", "b.10", "b.1", "a", "c", "b", "b.=20.x"] {
        written(&table, key, "", Expect::Any).await;
    }
    let list = async |prefix, after, limit| table.list(prefix, after, limit).await.unwrap();
    assert_eq!(list("", None, 10).await, ["a", "b", "b.1", "b.10", "b.2", "b.=20.x", "c"]);
    assert_eq!(list("b.", None, 10).await, ["b.1", "b.10", "b.2", "b.=20.x"]);
    assert_eq!(list("b.", None, 2).await, ["b.1", "b.10"]);
    assert_eq!(list("b.", Some("b.10"), 2).await, ["b.2", "b.=20.x"]);
    assert_eq!(list("b.", Some("a"), 1).await, ["b.1"]);
    assert!(list("b.", Some("b.=20.x"), 2).await.is_empty() && list("d", None, 2).await.is_empty());
}

pub(crate) async fn tables_do_not_see_each_other(world: &mut World) {
    let backend = world.backend();
    written(&backend.actors, "a", "actors", Expect::Absent).await;
    written(&backend.registry, "a", "registry", Expect::Absent).await;
    backend.registry.delete("a", Expect::Any).await.unwrap();
    assert_eq!(value(&backend.actors, "a").await.as_deref(), Some("actors"));
    assert_eq!(value(&backend.registry, "a").await, None);
}

pub(crate) async fn a_watch_tells_changes_in_order(world: &mut World) {
    let table = world.backend().actors;
    written(&table, "k.a", "before", Expect::Any).await;
    let mut watch = table.watch("k.").await.unwrap();
    let first = written(&table, "k.a", "1", Expect::Any).await;
    written(&table, "other", "x", Expect::Any).await;
    assert_eq!(put(&table, "k.a", "refused", Expect::Absent).await, Put::Refused);
    let second = written(&table, "k.a", "2", Expect::Any).await;
    table.delete("k.a", Expect::Any).await.unwrap();
    let entry = |value: &'static str, revision| {
        Some(Entry { value: Bytes::from_static(value.as_bytes()), headers: Headers::default(), revision })
    };
    for expected in [entry("1", first), entry("2", second), None] {
        assert_eq!(soon(watch.recv()).await, Some(("k.a".into(), expected)));
    }
}

pub(crate) async fn headers_and_empty_values_survive(world: &mut World) {
    let table = world.backend().actors;
    let headers = Headers(vec![("X-A".into(), "é \n ü".into()), ("X-A".into(), String::new())]);
    table.put("a", Bytes::new(), headers.clone(), Expect::Any, None).await.unwrap();
    let table = world.reopen().await.actors;
    let entry = table.get("a").await.unwrap().unwrap();
    assert_eq!((entry.value, entry.headers), (Bytes::new(), headers));
}

pub(crate) async fn what_is_too_large_is_refused(world: &mut World) {
    let table = world.backend().actors;
    let value = |size| Bytes::from(vec![7; size]);
    let refused = table.put("a", value(VALUE_BYTES_MAX + 1), Headers::default(), Expect::Any, None).await;
    assert!(matches!(refused, Err(Error::TooLarge { limit: VALUE_BYTES_MAX, .. })));
    let headers = |size: usize| Headers(vec![("a".into(), "x".repeat(size - 1))]);
    let refused = table.put("a", value(0), headers(HEADERS_BYTES_MAX + 1), Expect::Any, None).await;
    assert!(matches!(refused, Err(Error::TooLarge { limit: HEADERS_BYTES_MAX, .. })));
    assert!(table.get("a").await.unwrap().is_none());
    let largest = table.put("a", value(VALUE_BYTES_MAX), headers(HEADERS_BYTES_MAX), Expect::Any, None).await;
    assert!(matches!(largest, Ok(Put::Written(_))));
    assert_eq!(table.get("a").await.unwrap().unwrap().value.len(), VALUE_BYTES_MAX);
}
