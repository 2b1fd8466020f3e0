//! A store that a host has worked on and left at rest, with one of everything; and what of it must arrive.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hydra::archive::{self, Summary};
use hydra::backend::{Backend, Expect, Queue, memory};
use hydra::client::{Asked, Operation, Request};
use hydra::clock::{Clock, Time};
use hydra::digest::Digest;
use hydra::effects::{Outcome, StateChange};
use hydra::id::{ActorId, Epoch, Kind, Seq};
use hydra::manifest::Manifest;
use hydra::message::{Headers, Status};
use hydra::names::MessageId;
use hydra::node::Node;
use hydra::record::{self, Record};
use hydra::registry::{KindEntry, Version};
use hydra::wasm::{Handled, Input};
use hydra_tests::guest::Guest;
use hydra_tests::scripted::{Rig, Scripted, actor, ask, counter, ok, reply, reply_to, request};

/// Longer than an actor may hold up its bucket.
const LONG: Duration = Duration::from_secs(10);
/// Messages that wait for carol, who is suspended.
pub(crate) const WAITING: u32 = 5;

/// Appends what it gets to its state; answers its state to `get`.
fn listing(input: &Input<'_>) -> Handled {
    let before = input.state.clone().unwrap_or_default();
    if input.message.subject.as_str() == "get" {
        return reply(before, StateChange::Keep);
    }
    let after = [&before[..], &input.message.body[..], b" "].concat();
    ok(Outcome::Done, StateChange::Set(after.into()), Vec::new())
}

/// What runs on a store here.
pub(crate) fn rig_on(backend: Backend) -> Rig {
    let mut rig = Rig::new().with("counter", counter()).with("list", Scripted::new(listing));
    rig.backend = backend;
    rig
}

/// When the time of a store begins that is carried.
pub(crate) const START: Time = Time(1_700_000_000_000);

/// An empty store in memory, on tokio's clock.
pub(crate) fn store_at(start: Time) -> Backend {
    memory::open(Arc::new(Clock::of_runtime(start)), 4)
}

/// One to carry to: made later, so its time is not behind.
pub(crate) fn empty() -> Backend {
    store_at(START.plus(Duration::from_secs(3_600)))
}

/// A request with an idempotency key.
pub(crate) fn keyed(to: &str, subject: &str, body: &str) -> Request {
    Request { key: Some("order-17".into()), ..request(to, subject, body) }
}

pub(crate) async fn operate(node: &Node, to: &str, operation: Operation) {
    match node.client().operate(actor(to), operation, LONG).await.unwrap() {
        Asked::Answered(answer) => assert_eq!(answer.status, Status::Done, "{to}"),
        Asked::TimedOut(_) => panic!("an operator is always answered"),
    }
}

/// Lets time pass in steps in which everything runs.
pub(crate) async fn pass(span: Duration) {
    let end = tokio::time::Instant::now() + span;
    while tokio::time::Instant::now() < end {
        tokio::time::advance(Duration::from_millis(50)).await;
        tokio::task::yield_now().await;
    }
}

/// Has a host work on a store in memory, and end. The ids of the messages that wait for carol come with it.
/// To be called with paused time.
pub(crate) async fn worked_on(waiting: u32) -> (Rig, Vec<MessageId>) {
    worked_on_at(START, waiting).await
}

/// The same on a store whose time begins then.
pub(crate) async fn worked_on_at(start: Time, waiting: u32) -> (Rig, Vec<MessageId>) {
    let rig = rig_on(store_at(start));
    let (node, _) = rig.start().await;
    let client = node.client();
    assert_eq!(ask(&client, keyed("counter/alice", "add", "5")).await.body, "5");
    for name in ["bob", "dave", "gone"] {
        assert_eq!(reply_to(&client, &format!("counter/{name}"), "add", "1").await, "1");
    }
    operate(&node, "counter/gone", Operation::Delete).await;
    operate(&node, "counter/dave", Operation::Suspend).await;
    for _ in 0..3 {
        client.send(request("counter/alice", "nonsense", "?")).await.unwrap();
    }
    client.send(request("list/carol", "put", "0")).await.unwrap();
    pass(Duration::from_secs(1)).await;
    operate(&node, "list/carol", Operation::Suspend).await;
    let mut ids = Vec::new();
    for number in 1..=waiting {
        ids.push(client.send(request("list/carol", "put", &number.to_string())).await.unwrap());
    }
    pass(LONG).await;
    node.drain(LONG).await;
    deploy(&rig.backend, "greeter").await;
    (rig, ids)
}

/// Puts a kind with one version into a store, as a deploy does.
async fn deploy(backend: &Backend, name: &str) {
    let (kind, component) = (Kind::new(name).unwrap(), Guest::counter().build());
    let size = u64::try_from(component.len()).unwrap();
    let digest = backend.blobs.put(component).await.unwrap();
    let (manifest, deployed) = (Manifest::default(), Time(5));
    let versions = vec![Version { number: 1, digest, size, deployed, manifest, description: None }];
    let entry = KindEntry { kind, current: 1, previous: None, versions };
    let row = serde_json::to_vec(&entry).unwrap();
    let key = format!("kind.{name}");
    backend.registry.put(&key, row.into(), Headers::default(), Expect::Absent, None).await.unwrap();
}

/// Writes an actor's record as if a host had.
pub(crate) async fn put_record(backend: &Backend, to: &ActorId, record: &Record) {
    let (value, headers) = record.encode();
    backend.actors.put(&record::key(to), value, headers, Expect::Any, None).await.unwrap();
}

/// What must be the same in every store that this one is carried to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    records: BTreeMap<ActorId, Record>,
    letters: Vec<(ActorId, MessageId, Option<Time>, Headers, Bytes)>,
    kinds: BTreeMap<String, (Bytes, Vec<Digest>)>,
}

impl Contents {
    /// Forgets in which order dead letters stand: a try that was cut off may have stored later ones first.
    pub(crate) fn sort_letters(&mut self) {
        self.letters.sort_by(|one, other| one.1.cmp(&other.1));
    }
}

/// Reads what must be the same.
pub(crate) async fn contents(backend: &Backend) -> Contents {
    let mut records = BTreeMap::new();
    for key in backend.actors.list("", None, usize::MAX / 2).await.unwrap() {
        let (Some(to), Some(row)) = (record::actor_of(&key), backend.actors.get(&key).await.unwrap()) else { continue };
        let record = Record::decode(&row).unwrap();
        if record.status != record::Status::Deleted {
            records.insert(to, without_places(record));
        }
    }
    let letters = backend.log.read(Queue::DeadLetters, None, Seq(0), 10_000).await.unwrap();
    let letters = letters.into_iter().map(|one| (one.to, one.id, one.committed, one.headers, one.body)).collect();
    let mut kinds = BTreeMap::new();
    for key in backend.registry.list("kind.", None, 100).await.unwrap() {
        let row = backend.registry.get(&key).await.unwrap().unwrap().value;
        let entry: KindEntry = serde_json::from_slice(&row).unwrap();
        let mut digests = Vec::new();
        for version in entry.versions {
            let component = backend.blobs.get(&version.digest).await.unwrap().expect("a component");
            digests.push(Digest::of(&component));
        }
        kinds.insert(key, (row, digests));
    }
    Contents { records, letters, kinds }
}

/// A record without what depends on a place in a log.
fn without_places(record: Record) -> Record {
    let (cursor, operator, parked, outbox) = (None, None, None, Vec::new());
    Record { cursor, operator, parked, outbox, epoch: Epoch::default(), committed: Time(0), ..record }
}

/// Exports a store into a file of this name.
pub(crate) async fn export(backend: &Backend, folder: &Path, name: &str) -> (PathBuf, Summary) {
    let file = folder.join(name);
    let summary = archive::export(backend, &file, |_| ()).await.unwrap();
    (file, summary)
}

/// Imports a file into a store.
pub(crate) async fn import(backend: &Backend, file: &Path) -> Result<Summary, archive::Error> {
    archive::import(backend, &archive::check(file)?, |_| ()).await
}
