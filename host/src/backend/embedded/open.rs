//! Opens a store's folder: makes it, locks it, checks its format, starts the threads; and ends all of that.
//! Called by the binary once at start, and by tests. Never touches a folder that is in use or of another format.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::checkpoint::{Bell, Checkpointer};
use super::error::Error;
use super::group::Memory;
use super::log::Streams;
use super::queue::Queue;
use super::readers::Readers;
use super::row::Space;
use super::store::Store;
use super::stream::{self, Position, StreamNumber};
use super::table::Rows;
use super::tail::Tail;
use super::writer::Writer;
use super::{blobs, schema};
use crate::backend::followers::Followers;
use crate::backend::watchers::Watchers;
use crate::backend::{Backend, memory};
use crate::clock::{Clock, Time};
use crate::config;

/// Name of the file that is locked; it holds the pid.
const LOCK: &str = "hydra.lock";
/// The oldest SQLite without the bug that lets a checkpoint beside a write damage the database.
const LIBRARY_MIN: i32 = 3_053_000;
/// Smallest `store.bytes_max` but 0.
const BYTES_MIN: u64 = 1 << 20;
/// Further ahead of the machine's time than this, the log's time is worth a warning.
const AHEAD_MAX: Duration = Duration::from_secs(600);

/// An open store. Dropping it closes it: waits for what is queued, stores the floors, releases the folder.
pub struct Embedded {
    backend: Backend,
    pub(super) store: Arc<Store>,
    threads: Vec<JoinHandle<()>>,
    lock: Option<Lock>,
}

/// Opens a store's folder, or makes it.
///
/// # Errors
/// See [`Error`]: each names what to correct. Nothing in an existing folder was changed.
pub fn open(config: &config::Store) -> Result<Embedded, Error> {
    open_with_clock(config, Arc::new(Clock::system(Time::default())))
}

/// Whether there is a store in this folder. Nothing is opened or made.
///
/// # Errors
/// `NotAStore`, `Format`, `Folder`: something else is in its place.
pub fn exists(dir: &Path) -> Result<bool, Error> {
    Ok(dir.is_dir() && schema::exists(dir)?)
}

/// As [`open`], with the time from this clock; it is moved on to the log's newest message.
///
/// # Errors
/// As [`open`].
pub fn open_with_clock(config: &config::Store, clock: Arc<Clock>) -> Result<Embedded, Error> {
    let dir = config.dir.as_path();
    check_settings(config)?;
    // Looked at before the lock too, so that a folder that is not ours stays as it is.
    schema::exists(dir)?;
    make_folder(dir)?;
    let lock = Lock::take(dir)?;
    if !schema::exists(dir)? {
        schema::create(dir, config.buckets)?;
    }
    make_folder(&blobs::folder(dir))?;
    start(config, clock, lock)
}

impl Embedded {
    /// The store, as the host sees it. After the close every call is answered `Closed`.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend.clone()
    }

    /// Closes the store: waits for what is queued, stores the floors, releases the folder.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.store.queue.close();
        self.store.bell.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store has panicked");
            }
        }
        self.store.end_waiting();
        drop(self.lock.take());
    }
}

fn check_settings(config: &config::Store) -> Result<(), Error> {
    if rusqlite::version_number() < LIBRARY_MIN {
        return Err(Error::Library { found: rusqlite::version() });
    }
    let refuse = |setting, value, allowed| Err(Error::Setting { setting, value, allowed });
    if !(config.buckets.is_power_of_two() && config.buckets <= 256) {
        return refuse("store.buckets", config.buckets.into(), "a power of two, 1 to 256");
    }
    if config.bytes_max != 0 && config.bytes_max < BYTES_MIN {
        return refuse("store.bytes_max", config.bytes_max, "0 (no limit), or 1 MiB at least");
    }
    Ok(())
}

/// Makes a folder that only its owner can enter; one that is there stays as it is.
pub(super) fn make_folder(dir: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(Error::folder(dir))
}

fn start(config: &config::Store, clock: Arc<Clock>, lock: Lock) -> Result<Embedded, Error> {
    let dir = config.dir.as_path();
    let database = || Error::database(dir);
    let connection = schema::writer(dir, config.durability, config.bytes_max).map_err(database())?;
    let checkpoints = schema::checkpointer(dir, config.durability).map_err(database())?;
    let readers = Arc::new(Readers::open(dir).map_err(database())?);
    schema::complete(&connection).map_err(database())?;
    let buckets = schema::setting(&connection, "buckets").map_err(database())?;
    let buckets = u16::try_from(buckets).unwrap_or(u16::MAX);
    let incarnation = schema::incarnation(&connection).map_err(database())?;
    let positions = positions(&connection, buckets).map_err(database())?;
    resume(&clock, &positions);
    let memory = Memory::load(&connection, buckets, clock.now()).map_err(database())?;
    let store = Arc::new(Store {
        dir: dir.into(),
        clock,
        queue: Queue::new(),
        readers,
        incarnation,
        tails: positions.iter().take(buckets.into()).map(|at| Tail::new(at.floor, at.last)).collect(),
        floors_changed: AtomicBool::new(false),
        followers: Followers::new(),
        actors_watchers: Watchers::new(),
        registry_watchers: Watchers::new(),
        bell: Bell::default(),
    });
    // From here on dropping it ends what was started.
    let mut embedded =
        Embedded { backend: backend(&store), store: Arc::clone(&store), threads: Vec::new(), lock: Some(lock) };
    let floors_stored = Instant::now();
    let writer = Writer { store: Arc::clone(&store), connection, memory, floors_stored, is_failing: false };
    let dead_letters_kept = Duration::from_secs(u64::from(config.dead_letters_days) * 24 * 60 * 60);
    let checkpointer = Checkpointer { store, connection: checkpoints, dead_letters_kept };
    embedded.spawn("store-writer", move || writer.run())?;
    embedded.spawn("store-checkpoint", move || checkpointer.run())?;
    Ok(embedded)
}

impl Embedded {
    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let thread = std::thread::Builder::new().name(name.into()).spawn(run);
        self.threads.push(thread.map_err(Error::folder(&self.store.dir))?);
        Ok(())
    }
}

/// Where every stream stands, buckets first.
fn positions(connection: &Connection, buckets: u16) -> rusqlite::Result<Vec<Position>> {
    StreamNumber::all(buckets).map(|stream| stream::position(connection, stream)).collect()
}

/// Moves the clock on to the newest message.
fn resume(clock: &Clock, positions: &[Position]) {
    let newest = positions.iter().map(|position| position.newest).max().unwrap_or_default();
    let now = clock.now();
    if newest > now.plus(AHEAD_MAX) {
        tracing::warn!(%newest, %now, "the newest message is from the future: the log's time stands still until then");
    }
    clock.not_before(newest);
}

fn backend(store: &Arc<Store>) -> Backend {
    let rows = |space| Arc::new(Rows { store: Arc::clone(store), space });
    Backend {
        log: Arc::new(Streams(Arc::clone(store))),
        actors: rows(Space::Actors),
        registry: rows(Space::Registry),
        // Only this process has the store open: whoever lives, lives in here.
        exclusive: true,
        liveness: Arc::new(memory::Rows::new(Arc::clone(&store.clock))),
        blobs: Arc::new(blobs::Files(Arc::clone(store))),
    }
}

/// Holds a folder for this process.
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Locks a folder that exists.
    pub(super) fn take(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(LOCK);
        let mut options = OpenOptions::new();
        let file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(Error::folder(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { dir: dir.into(), pid: holder(&file) }),
            Err(TryLockError::Error(source)) => return Err(Error::Folder { path, source }),
        }
        let lock = Self { file };
        lock.write(&std::process::id().to_string()).map_err(Error::folder(&path))?;
        Ok(lock)
    }

    fn write(&self, pid: &str) -> std::io::Result<()> {
        self.file.set_len(0)?;
        (&self.file).write_all(pid.as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file stays: removing it would let two processes lock two files of one name.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

fn holder(mut file: &File) -> String {
    let mut pid = String::new();
    match file.read_to_string(&mut pid) {
        Ok(_) if !pid.trim().is_empty() => pid.trim().into(),
        _ => "(unknown)".into(),
    }
}
