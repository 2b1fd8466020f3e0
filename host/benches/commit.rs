//! What one turn costs in the embedded store, in turns per second: a compare-and-swap of a record, then an append of a
//! message, one after the other; and the record alone. For 1, 64 and 1,024 callers, synced and not.
//! Each beside the same statements in bare SQLite, and beside an append-only file, both grouped as the store groups.
//! On the disk of the target folder, since `/tmp` may be memory.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that fails shall stop")]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hydra::backend::embedded::{Embedded, open};
use hydra::backend::{Backend, Expect, NewMessage, Put, Queue};
use hydra::config::{Durability, Store};
use hydra::id::{ActorId, Revision};
use hydra::message::Headers;
use hydra::names::MessageId;
use rusqlite::{Connection, params};
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;

/// Actors, each with a record.
const ACTORS: usize = 8_192;
/// Odd, so that every actor gets its turn.
const STRIDE: usize = 2_503;
const STATE_BYTES: usize = 64;
const RECORD_HEADERS_BYTES: usize = 120;
const BODY_BYTES: usize = 128;
const MESSAGE_HEADERS_BYTES: usize = 80;
/// Buckets of the store; bare SQLite and the file spread their messages alike.
const BUCKETS: usize = 16;
const CALLERS: [usize; 3] = [1, 64, 1_024];

/// What a turn does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Put,
    PutThenAppend,
}

fn headers(bytes: usize) -> Headers {
    Headers(vec![("Hydra-Outbox".into(), "x".repeat(bytes - 12))])
}

fn key(actor: usize) -> String {
    format!("counter.actor-{actor}.state")
}

fn config(dir: &Path, durability: Durability) -> Store {
    Store { dir: dir.join("store"), durability, ..Store::default() }
}

/// The store through the seam, with every record there.
struct Seam {
    runtime: Runtime,
    store: Embedded,
    revisions: Vec<Arc<AtomicU64>>,
    sent: Arc<AtomicU64>,
}

impl Seam {
    fn open(dir: &Path, durability: Durability) -> Self {
        let runtime = Runtime::new().unwrap();
        let store = open(&config(dir, durability)).unwrap();
        let revisions: Vec<_> = (0..ACTORS).map(|_| Arc::new(AtomicU64::new(0))).collect();
        let seam = Self { runtime, store, revisions, sent: Arc::default() };
        // Under `Absent`, since no record has a revision yet.
        seam.run(1_024, ACTORS as u64, Turn::Put);
        seam
    }

    /// Callers that each wait for one turn before they begin the next, over actors of their own.
    fn run(&self, callers: usize, turns: u64, turn: Turn) -> Duration {
        let tracker = TaskTracker::new();
        let each = turns.div_ceil(callers as u64);
        let start = Instant::now();
        for caller in 0..callers {
            let backend = self.store.backend();
            let own: Vec<_> =
                (caller..ACTORS).step_by(callers).map(|at| (at, Arc::clone(&self.revisions[at]))).collect();
            let sent = Arc::clone(&self.sent);
            let work = async move {
                for (_, (actor, revision)) in (0..each).zip(own.iter().cycle()) {
                    put(&backend, *actor, revision).await;
                    if turn == Turn::PutThenAppend {
                        append(&backend, *actor, sent.fetch_add(1, Ordering::Relaxed)).await;
                    }
                }
            };
            tracker.spawn_on(work, self.runtime.handle());
        }
        tracker.close();
        self.runtime.block_on(tracker.wait());
        start.elapsed().mul_f64(turns as f64 / (each * callers as u64) as f64)
    }
}

async fn put(backend: &Backend, actor: usize, revision: &AtomicU64) {
    let expect = match revision.load(Ordering::Relaxed) {
        0 => Expect::Absent,
        known => Expect::Revision(Revision(known)),
    };
    let value = Bytes::from_static(&[7; STATE_BYTES]);
    let put = backend.actors.put(&key(actor), value, headers(RECORD_HEADERS_BYTES), expect, None).await.unwrap();
    let Put::Written(Revision(written)) = put else { unreachable!("every actor has one caller") };
    revision.store(written, Ordering::Relaxed);
}

async fn append(backend: &Backend, actor: usize, number: u64) {
    let message = NewMessage {
        queue: Queue::Inbox,
        to: ActorId::parse(&format!("counter/actor-{actor}")).unwrap(),
        id: MessageId::stored(&format!("counter/actor-{actor}:00.1:{number}:0")),
        committed: None,
        headers: headers(MESSAGE_HEADERS_BYTES),
        body: Bytes::from_static(&[7; BODY_BYTES]),
    };
    backend.log.append(vec![message]).await.unwrap();
}

/// The store's own database and statements, one thread, without the store.
struct Bare {
    connection: Connection,
    revisions: Vec<i64>,
    next: usize,
    lasts: [i64; BUCKETS],
}

impl Bare {
    fn open(dir: &Path, durability: Durability) -> Self {
        open(&config(dir, durability)).unwrap().close();
        let connection = Connection::open(dir.join("store/hydra.db")).unwrap();
        let synchronous = if durability == Durability::Fsync { "FULL" } else { "NORMAL" };
        connection.pragma_update(None, "synchronous", synchronous).unwrap();
        connection.pragma_update(None, "wal_autocheckpoint", 16_384).unwrap();
        connection.pragma_update(None, "cache_size", -32 * 1_024).unwrap();
        let insert = "INSERT INTO entry (space, key, revision, headers, value) VALUES (0, ?1, 0, ?2, ?3)";
        connection.execute_batch("BEGIN").unwrap();
        for actor in 0..ACTORS {
            let (headers, value) = ([7_u8; RECORD_HEADERS_BYTES], [7_u8; STATE_BYTES]);
            connection.execute(insert, params![key(actor), headers, value]).unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        Self { connection, revisions: vec![0; ACTORS], next: 0, lasts: [0; BUCKETS] }
    }

    fn run(&mut self, callers: usize, turns: u64, turn: Turn) -> Duration {
        let groups = turns.div_ceil(callers as u64);
        let start = Instant::now();
        for _ in 0..groups {
            let first = self.next;
            self.next += callers;
            self.group(first..self.next, Self::put);
            if turn == Turn::PutThenAppend {
                self.group(first..self.next, Self::append);
            }
        }
        start.elapsed().mul_f64(turns as f64 / (groups * callers as u64) as f64)
    }

    fn group(&mut self, numbers: std::ops::Range<usize>, statement: fn(&mut Self, usize)) {
        self.connection.prepare_cached("BEGIN IMMEDIATE").unwrap().execute([]).unwrap();
        numbers.for_each(|number| statement(self, number));
        self.connection.prepare_cached("COMMIT").unwrap().execute([]).unwrap();
    }

    fn put(&mut self, number: usize) {
        // Spread over all records, as the store's callers are: neighbours would share their pages.
        let actor = number * STRIDE % ACTORS;
        let revision = self.revisions[actor];
        let sql = "UPDATE entry SET revision = ?3, expires = NULL, headers = ?4, value = ?5
            WHERE space = ?1 AND key = ?2 AND revision = ?6 AND (expires IS NULL OR expires > ?7)";
        let (headers, value) = ([7_u8; RECORD_HEADERS_BYTES], [7_u8; STATE_BYTES]);
        let params = params![0, key(actor), revision + 1, headers, value, revision, 0];
        assert_eq!(self.connection.prepare_cached(sql).unwrap().execute(params).unwrap(), 1);
        self.revisions[actor] += 1;
    }

    fn append(&mut self, number: usize) {
        let stream = number % BUCKETS;
        self.lasts[stream] += 1;
        let place = (i64::try_from(stream).unwrap() << 48) | self.lasts[stream];
        let sql =
            "INSERT INTO log (place, time, actor, id, committed, headers, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (actor, id) = (format!("counter/actor-{number}"), format!("counter/actor-{number}:00.1:{number}:0"));
        let (headers, body) = ([7_u8; MESSAGE_HEADERS_BYTES], [7_u8; BODY_BYTES]);
        let params = params![place, 1_800_000_000_000_i64, actor, id, 1_800_000_000_000_i64, headers, body];
        self.connection.prepare_cached(sql).unwrap().execute(params).unwrap();
    }
}

/// The least that any store must do: one write and one sync for a group.
fn run_file(file: &mut File, durability: Durability, callers: usize, turns: u64, turn: Turn) -> Duration {
    let record = vec![7; callers * (STATE_BYTES + RECORD_HEADERS_BYTES + 24)];
    let message = vec![7; callers * (BODY_BYTES + MESSAGE_HEADERS_BYTES + 56)];
    let groups = turns.div_ceil(callers as u64);
    let writes = if turn == Turn::Put { vec![record] } else { vec![record, message] };
    let start = Instant::now();
    for _ in 0..groups {
        for bytes in &writes {
            file.write_all(bytes).unwrap();
            if durability == Durability::Fsync {
                file.sync_data().unwrap();
            }
        }
    }
    start.elapsed().mul_f64(turns as f64 / (groups * callers as u64) as f64)
}

fn commit(criterion: &mut Criterion) {
    for (durability, profile) in [(Durability::Fsync, "fsync"), (Durability::Os, "os")] {
        for (turn, name) in [(Turn::PutThenAppend, "turn"), (Turn::Put, "put")] {
            let mut group = criterion.benchmark_group(format!("{name}/{profile}"));
            group.throughput(Throughput::Elements(1));
            for callers in CALLERS {
                let folder = || tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
                let (one, two, three) = (folder(), folder(), folder());
                let seam = Seam::open(one.path(), durability);
                group.bench_function(BenchmarkId::new("store", callers), |bencher| {
                    bencher.iter_custom(|turns| seam.run(callers, turns, turn));
                });
                drop(seam);
                let mut bare = Bare::open(two.path(), durability);
                group.bench_function(BenchmarkId::new("bare sqlite", callers), |bencher| {
                    bencher.iter_custom(|turns| bare.run(callers, turns, turn));
                });
                drop(bare);
                let mut file = File::create(three.path().join("file")).unwrap();
                group.bench_function(BenchmarkId::new("file", callers), |bencher| {
                    bencher.iter_custom(|turns| run_file(&mut file, durability, callers, turns, turn));
                });
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    targets = commit
}
criterion_main!(benches);
