//! The one thread that writes: takes everything that is queued, up to a bound, stores it in one transaction,
//! then tells readers and watchers, then answers everybody. So one sync of the disk serves all who came together.
//! Never ends on an error of the disk: the group is answered with it, and the next one is tried.

use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::group::{Group, Memory, News};
use super::store::Store;
use super::stream::{self, StreamNumber};
use super::{error, tail::Tail};
use crate::backend::Error;
use crate::id::Seq;

/// Writes in one transaction.
const GROUP_OPS_MAX: usize = 1_024;
/// Bytes of bodies and values in one transaction, at which it is committed: it stays far below a second.
const GROUP_BYTES_MAX: usize = 8 << 20;
/// The writer waits for those it has just answered at most this share of the time that their group took.
const GATHER_SHARE: u32 = 4;
/// The longest such wait.
const GATHER_MAX: Duration = Duration::from_millis(1);
/// How often acknowledged floors are stored while there are groups to store them with.
pub(super) const FLOORS_EVERY: Duration = Duration::from_millis(50);

type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;
type Work = Box<dyn for<'g, 'w> FnOnce(Result<&'g mut Group<'w>, Error>) -> (rusqlite::Result<()>, Answer) + Send>;

/// One queued write.
pub(super) struct Op {
    bytes: usize,
    work: Work,
}

impl Op {
    /// Does `work` in a group; `answer` hears its result after the commit, or why there was none.
    pub(super) fn new<T: Send + 'static>(
        bytes: usize,
        work: impl FnOnce(&mut Group<'_>) -> rusqlite::Result<T> + Send + 'static,
        answer: oneshot::Sender<Result<T, Error>>,
    ) -> Self {
        let work = Box::new(move |group: Result<&mut Group<'_>, Error>| {
            let (done, result) = match group.map(work) {
                Ok(Ok(value)) => (Ok(()), Some(value)),
                Ok(Err(error)) => (Err(error), None),
                Err(_) => (Ok(()), None),
            };
            let answer: Answer = Box::new(move |outcome| {
                let unknown = || Error::Unknown { reason: "the write was not done".into() };
                // Whoever gave up waiting does not hear it.
                let _ = answer.send(outcome.and_then(|()| result.ok_or_else(unknown)));
            });
            (done, answer)
        });
        Self { bytes, work }
    }

    /// Only stores the floors.
    pub(super) fn store_floors() -> Self {
        let work = |group: &mut Group<'_>| {
            group.wants_floors = true;
            Ok(())
        };
        Self::new(0, work, oneshot::channel().0)
    }

    fn fail(self, error: Error) {
        let (_, answer) = (self.work)(Err(error.clone()));
        answer(Err(error));
    }
}

/// The writer's thread.
pub(super) struct Writer {
    pub(super) store: Arc<Store>,
    pub(super) connection: Connection,
    pub(super) memory: Memory,
    pub(super) floors_stored: Instant,
    /// The last group failed: said once, not for every group.
    pub(super) is_failing: bool,
}

impl Writer {
    /// Serves the queue until it is closed and empty.
    pub(super) fn run(mut self) {
        let store = Arc::clone(&self.store);
        let mut ops = Vec::new();
        let (mut expected, mut patience) = (1, Duration::ZERO);
        while store.queue.take(&mut ops, expected, patience) {
            let (begun, count) = (Instant::now(), ops.len());
            self.serve(&mut ops);
            store.queue.served(count);
            expected = count.min(GROUP_OPS_MAX);
            patience = GATHER_MAX.min(begun.elapsed() / GATHER_SHARE);
        }
        self.serve(&mut vec![Op::store_floors()]);
    }

    fn serve(&mut self, ops: &mut Vec<Op>) {
        let mut ops = ops.drain(..).peekable();
        while ops.peek().is_some() {
            self.serve_group(&mut ops);
        }
    }

    /// Stores as many as make up one group, and answers them.
    fn serve_group(&mut self, ops: &mut Peekable<impl Iterator<Item = Op>>) {
        if let Err(error) = execute(&self.connection, "BEGIN IMMEDIATE") {
            let error = error::before_commit(&error);
            self.note(Some(&error));
            ops.for_each(|op| op.fail(error.clone()));
            return;
        }
        let mut group = Group::new(&self.connection, &mut self.memory, self.store.clock.now());
        // One at a time while the store fails: what can be stored, such as a trim that makes room, does not fail with its neighbours.
        let ops_max = if self.is_failing { 1 } else { GROUP_OPS_MAX };
        let (answers, done) = fill(&mut group, ops, ops_max);
        let due = group.wants_floors || self.floors_stored.elapsed() >= FLOORS_EVERY;
        let floors = if due { floors(&self.store) } else { Vec::new() };
        let stored = done
            .and_then(|()| store_floors(&self.connection, &floors).map_err(|error| error::before_commit(&error)))
            .and_then(|()| execute(&self.connection, "COMMIT").map_err(|error| error::of_commit(&error)));
        match &stored {
            Ok(()) => {
                tell(&self.store, group.committed());
                if due {
                    self.floors_stored = Instant::now();
                }
                floors.iter().for_each(|(_, tail, floor)| tail.floor_stored(*floor));
            }
            Err(_) => {
                group.failed();
                roll_back(&self.connection);
                if due {
                    self.store.floors_changed.store(true, Ordering::Release);
                }
            }
        }
        let count = answers.len();
        for answer in answers {
            answer(stored.clone());
        }
        self.store.bell.ring(count);
        self.note(stored.err().as_ref());
    }

    /// Logs when the store stops working, and when it works again.
    fn note(&mut self, error: Option<&Error>) {
        match (error, self.is_failing) {
            (Some(error), false) => tracing::error!(%error, "the store cannot write; trying on"),
            (None, true) => tracing::info!("the store writes again"),
            _ => {}
        }
        self.is_failing = error.is_some();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.store.queue.abandon();
    }
}

/// Runs ops until the group is large enough, there are no more, or one fails.
fn fill(group: &mut Group<'_>, ops: &mut impl Iterator<Item = Op>, ops_max: usize) -> (Vec<Answer>, Result<(), Error>) {
    let (mut answers, mut bytes) = (Vec::new(), 0);
    while bytes < GROUP_BYTES_MAX && answers.len() < ops_max {
        let Some(op) = ops.next() else { break };
        bytes += op.bytes;
        let (done, answer) = (op.work)(Ok(group));
        answers.push(answer);
        if let Err(error) = done {
            return (answers, Err(error::before_commit(&error)));
        }
    }
    (answers, Ok(()))
}

/// The floors that the database does not have yet.
fn floors(store: &Store) -> Vec<(StreamNumber, &Tail, Seq)> {
    if !store.floors_changed.swap(false, Ordering::AcqRel) {
        return Vec::new();
    }
    let to_store =
        |(number, tail): (u16, _)| Tail::floor_to_store(tail).map(|floor| (StreamNumber(number), tail, floor));
    (0..).zip(&store.tails).filter_map(to_store).collect()
}

fn store_floors(connection: &Connection, floors: &[(StreamNumber, &Tail, Seq)]) -> rusqlite::Result<()> {
    floors.iter().try_for_each(|(stream, _, floor)| stream::store_floor(connection, *stream, *floor))
}

/// Hands on what was committed: to the buckets' readers and the tables' watchers.
fn tell(store: &Store, news: News) {
    for (stream, delivery) in news.deliveries {
        if let Some(tail) = store.tails.get(usize::from(stream.0)) {
            tail.push(delivery);
        }
    }
    for (space, key, entry) in news.changes {
        store.watchers(space).tell(&key, entry.as_ref());
    }
}

fn execute(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(|_| ())
}

/// SQLite may have rolled back by itself already.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = execute(connection, "ROLLBACK")
    {
        tracing::error!(%error, "the store cannot roll back");
    }
}
