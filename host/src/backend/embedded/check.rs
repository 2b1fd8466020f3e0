//! Looks over, and copies, a store that nobody has open: `hydra store check` and `hydra store backup`.
//! Takes the folder's lock, so it never runs beside a host. Changes nothing but what SQLite itself recovers.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use serde::Serialize;

use super::error::Error;
use super::open::{Lock, make_folder};
use super::row::{self, Space};
use super::stream::{self, StreamNumber};
use super::{blobs, schema};
use crate::digest::Digest;
use crate::id::{BucketId, Seq};

/// Problems that a report names at most.
const PROBLEMS_MAX: u32 = 100;
/// Pages that one step of a copy takes.
const COPY_PAGES: std::ffi::c_int = 4_096;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The folder's format.
    pub format: u32,
    /// The version of SQLite that looked.
    pub sqlite: String,
    /// Size of the database in bytes, without its journal.
    pub bytes: u64,
    /// Buckets, then dead letters.
    pub streams: Vec<StreamReport>,
    /// Rows of actors: their records, and who owns which bucket.
    pub actors: u64,
    /// Rows of the registry.
    pub registry: u64,
    /// Components.
    pub blobs: u64,
    /// What is wrong, for people; at most 100 of the database's. Empty: the store is sound.
    pub problems: Vec<String>,
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    /// The bucket, or `dead-letters`.
    pub name: String,
    /// Messages that are there.
    pub messages: u64,
    /// The first of them.
    pub first: Option<Seq>,
    /// The highest position ever given out.
    pub last: Seq,
    /// Acknowledged up to here.
    pub floor: Seq,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Looks over the store in this folder. Takes as long as reading all of it.
///
/// # Errors
/// `Missing`, `NotAStore`, `Format`: name another folder. `Locked`: stop the host. `Database`: it cannot even be opened.
pub fn check(dir: &Path) -> Result<Report, Error> {
    let (_lock, connection) = open_stopped(dir)?;
    let mut report = survey(&connection).map_err(Error::database(dir))?;
    for path in blob_files(dir)? {
        report.blobs += 1;
        let bytes = fs::read(&path).map_err(Error::folder(&path))?;
        if blobs::named(&path) != Some(Digest::of(&bytes)) {
            report.problems.push(format!("{} does not have its digest: deploy it again", path.display()));
        }
    }
    Ok(report)
}

/// Copies the store in `dir` into the folder `to`, which is made. It can be served like the original.
///
/// # Errors
/// As [`check`]; `NotEmpty`: choose another folder to copy to. After an error `to` holds no store.
pub fn backup(dir: &Path, to: &Path) -> Result<(), Error> {
    let (_lock, connection) = open_stopped(dir)?;
    make_folder(to)?;
    if fs::read_dir(to).map_err(Error::folder(to))?.next().is_some() {
        return Err(Error::NotEmpty { dir: to.into() });
    }
    let copies = blobs::folder(to);
    make_folder(&copies)?;
    for path in blob_files(dir)? {
        let copy = copies.join(path.file_name().unwrap_or_default());
        fs::copy(&path, &copy).map_err(Error::folder(&copy))?;
        fs::File::open(&copy).and_then(|file| file.sync_all()).map_err(Error::folder(&copy))?;
    }
    schema::sync_folder(&copies)?;
    // The database gets its name last: an unfinished copy is no store.
    let unfinished = to.join("copy.unfinished");
    copy(&connection, &unfinished).map_err(Error::database(dir))?;
    fs::File::open(&unfinished).and_then(|file| file.sync_all()).map_err(Error::folder(&unfinished))?;
    schema::finish(&unfinished, to)
}

/// Opens a store that nobody has open.
fn open_stopped(dir: &Path) -> Result<(Lock, Connection), Error> {
    // Looked at before the lock, so that a mistyped folder does not get a lock file.
    if !dir.is_dir() || !schema::exists(dir)? {
        return Err(Error::Missing { dir: dir.into() });
    }
    let lock = Lock::take(dir)?;
    let connection = schema::reader(dir).map_err(Error::database(dir))?;
    Ok((lock, connection))
}

fn survey(connection: &Connection) -> rusqlite::Result<Report> {
    let buckets = u16::try_from(schema::setting(connection, "buckets")?).unwrap_or(u16::MAX);
    let incarnation = schema::incarnation(connection)?;
    let pages: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    Ok(Report {
        format: schema::FORMAT,
        sqlite: rusqlite::version().into(),
        bytes: u64::from(pages) * schema::PAGE_BYTES,
        streams: StreamNumber::all(buckets)
            .map(|stream| look_at(connection, stream, incarnation))
            .collect::<rusqlite::Result<_>>()?,
        actors: row::count(connection, Space::Actors)?,
        registry: row::count(connection, Space::Registry)?,
        blobs: 0,
        problems: integrity(connection)?,
    })
}

fn look_at(connection: &Connection, stream: StreamNumber, incarnation: u32) -> rusqlite::Result<StreamReport> {
    let position = stream::position(connection, stream)?;
    let name = match stream {
        StreamNumber::DEAD_LETTERS => "dead-letters".into(),
        StreamNumber::PARKED => "parked".into(),
        StreamNumber(number) => BucketId { number, incarnation }.to_string(),
    };
    let messages = stream::count(connection, stream)?;
    Ok(StreamReport { name, messages, first: position.first, last: position.last, floor: position.floor })
}

fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare(&format!("PRAGMA integrity_check({PROBLEMS_MAX})"))?;
    let found: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

fn copy(from: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut to = Connection::open(to)?;
    let backup = Backup::new(from, &mut to)?;
    while backup.step(COPY_PAGES)? == StepResult::More {}
    let progress = backup.progress();
    drop(backup);
    if progress.remaining > 0 {
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(busy, Some("somebody else uses the database".into())));
    }
    to.close().map_err(|(_, error)| error)
}

/// The files of all blobs, without unfinished ones.
fn blob_files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let folder = blobs::folder(dir);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries.collect::<std::io::Result<Vec<_>>>().map_err(Error::folder(&folder))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::folder(&folder)(error)),
    };
    let mut paths: Vec<_> =
        entries.into_iter().map(|entry| entry.path()).filter(|path| blobs::named(path).is_some()).collect();
    paths.sort();
    Ok(paths)
}
