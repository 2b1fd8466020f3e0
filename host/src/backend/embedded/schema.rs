//! What the database looks like: its tables, its format number, and how each connection is set up.
//! Used by `open` and `check`. Never changes a file whose format it does not know.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::stream::StreamNumber;
use super::{Error, parked};
use crate::config::Durability;

/// Name of the database in the store's folder.
const DATABASE: &str = "hydra.db";
/// Number of the format that this program reads and writes (`user_version`).
pub(super) const FORMAT: u32 = 1;
/// Says that a database is a Hydra store (`application_id`): "HYDR".
const APPLICATION: u32 = 0x4859_4452;
/// Name of the setting that tells the buckets' incarnation.
const INCARNATION: &str = "incarnation";
/// Bytes of a page.
pub(super) const PAGE_BYTES: u64 = 4_096;
/// Journal pages at which the writer itself checkpoints, if the checkpointer fell that far behind: 64 MiB.
const JOURNAL_PAGES: u32 = 16_384;
/// Size that the journal is cut to once it was checkpointed.
const JOURNAL_BYTES_KEPT: u64 = JOURNAL_PAGES as u64 * PAGE_BYTES;
/// Page cache of the writer, in KiB; taken as it is needed.
const WRITER_CACHE_KIB: u32 = 32 * 1_024;
/// Page cache of every other connection, in KiB.
const READER_CACHE_KIB: u32 = 4 * 1_024;
/// Prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 64;
/// How long a statement waits for somebody who reads or repairs the database with another tool.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// `place` is the stream's number and the position in one: a table by position, without an index beside it.
const TABLES: &str = "
    CREATE TABLE log (place INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT NOT NULL, id TEXT NOT NULL,
        committed INTEGER NOT NULL, headers BLOB NOT NULL, body BLOB NOT NULL) STRICT;
    CREATE TABLE stream (stream INTEGER PRIMARY KEY, floor INTEGER NOT NULL DEFAULT 0, last INTEGER NOT NULL DEFAULT 0,
        trimmed INTEGER) STRICT;
    CREATE TABLE entry (space INTEGER NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL, expires INTEGER,
        headers BLOB NOT NULL, value BLOB NOT NULL, UNIQUE (space, key)) STRICT;
    CREATE INDEX entry_by_expiry ON entry (expires) WHERE expires IS NOT NULL;
    CREATE TABLE setting (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// Where the database is in a store's folder.
pub(super) fn database(dir: &Path) -> PathBuf {
    dir.join(DATABASE)
}

/// Whether there is a database of ours, judged by its first bytes alone: a foreign one is not even opened.
pub(super) fn exists(dir: &Path) -> Result<bool, Error> {
    let path = database(dir);
    let mut header = [0_u8; 100];
    match File::open(&path).and_then(|mut file| file.read_exact(&mut header)) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let journal = dir.join(format!("{DATABASE}-wal"));
            let reason = "its journal is here, but the database is gone: put hydra.db back, or empty the folder";
            return if journal.exists() { Err(Error::NotAStore { path: journal, reason }) } else { Ok(false) };
        }
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            return Err(Error::NotAStore { path, reason: "the file is too short" });
        }
        Err(error) => return Err(Error::folder(&path)(error)),
    }
    let number = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_be_bytes)
    };
    // Offsets of SQLite's file format: 60 is the user version, 68 the application id.
    let (format, application) = (number(60), number(68));
    if !header.starts_with(b"SQLite format 3\0") || application != APPLICATION {
        return Err(Error::NotAStore { path, reason: "the file was made by another program: choose another folder" });
    }
    if format != FORMAT {
        return Err(Error::Format { dir: dir.into(), found: format, known: FORMAT });
    }
    Ok(true)
}

/// Makes an empty database, under another name until it is whole.
pub(super) fn create(dir: &Path, buckets: u16) -> Result<(), Error> {
    let unfinished = dir.join(format!("{DATABASE}.new"));
    remove_if_there(&unfinished)?;
    remove_if_there(&dir.join(format!("{DATABASE}.new-journal")))?;
    fill(&unfinished, buckets).map_err(Error::database(dir))?;
    finish(&unfinished, dir)
}

fn fill(path: &Path, buckets: u16) -> rusqlite::Result<()> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "page_size", signed(PAGE_BYTES))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction()?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.execute_batch(TABLES)?;
    transaction.execute("INSERT INTO setting (name, value) VALUES ('buckets', ?1), ('revision', 0)", [buckets])?;
    complete(&transaction)?;
    transaction.commit()?;
    // Stays so for good. Only now, so that the header of the file itself tells the format.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.close().map_err(|(_, error)| error)
}

/// Adds what a store may lack that was made before it was there: streams, and the index of the parked messages.
pub(super) fn complete(connection: &Connection) -> rusqlite::Result<()> {
    let buckets = u16::try_from(setting(connection, "buckets")?).unwrap_or(u16::MAX);
    for stream in StreamNumber::all(buckets) {
        connection.execute("INSERT INTO stream (stream) VALUES (?1) ON CONFLICT DO NOTHING", params![stream.0])?;
    }
    connection.execute_batch(&parked::index())
}

/// Gives a finished database its name.
pub(super) fn finish(unfinished: &Path, dir: &Path) -> Result<(), Error> {
    std::fs::rename(unfinished, database(dir)).map_err(Error::folder(dir))?;
    sync_folder(dir)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|folder| folder.sync_all()).map_err(Error::folder(dir))
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::folder(path)(error)),
        _ => Ok(()),
    }
}

fn connect(dir: &Path, cache_kib: u32) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database(dir), flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
    connection.pragma_update(None, "journal_size_limit", signed(JOURNAL_BYTES_KEPT))?;
    Ok(connection)
}

/// The connection that writes. `bytes_max` 0: no limit.
pub(super) fn writer(dir: &Path, durability: Durability, bytes_max: u64) -> rusqlite::Result<Connection> {
    let connection = connect(dir, WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "synchronous", synchronous(durability))?;
    connection.pragma_update(None, "wal_autocheckpoint", JOURNAL_PAGES)?;
    if bytes_max > 0 {
        let pages = i64::try_from(bytes_max / PAGE_BYTES).unwrap_or(i64::MAX);
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(connection)
}

/// A connection that moves the journal into the database.
pub(super) fn checkpointer(dir: &Path, durability: Durability) -> rusqlite::Result<Connection> {
    let connection = connect(dir, READER_CACHE_KIB)?;
    connection.pragma_update(None, "synchronous", synchronous(durability))?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn reader(dir: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(dir, READER_CACHE_KIB)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// `NORMAL` syncs the journal only before a checkpoint: nothing tears, but a power loss may take the last commits.
fn synchronous(durability: Durability) -> &'static str {
    match durability {
        Durability::Fsync => "FULL",
        Durability::Os => "NORMAL",
    }
}

/// A number from the `setting` table.
pub(super) fn setting(connection: &Connection, name: &str) -> rusqlite::Result<u64> {
    connection.query_row("SELECT value FROM setting WHERE name = ?1", [name], |row| row.get(0)).map(unsigned)
}

/// The incarnation of all buckets. A store that was never filled from another one does not say: it is the first.
pub(super) fn incarnation(connection: &Connection) -> rusqlite::Result<u32> {
    let told = connection.query_row("SELECT value FROM setting WHERE name = ?1", [INCARNATION], |row| row.get(0));
    Ok(told.optional()?.unwrap_or(1))
}

/// Raises the incarnation of all buckets.
pub(super) fn begin_incarnation(connection: &Connection, incarnation: u32) -> rusqlite::Result<()> {
    let mut raise = connection.prepare_cached(
        "INSERT INTO setting (name, value) VALUES (?1, ?2)
            ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
    )?;
    raise.execute(params![INCARNATION, incarnation]).map(drop)
}

/// As SQLite stores it; it knows no larger numbers than `i64::MAX`.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// As it was stored; we store no negative numbers.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
