//! The statements on table rows: read, compare-and-swap, list, sweep.
//! The writing ones run in the writer's group; the reading ones on any connection. Expired rows are never seen.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::group::Group;
use super::schema::{signed, unsigned};
use super::stream::decode;
use crate::backend::{Entry, Expect, Put};
use crate::clock::Time;
use crate::id::Revision;

/// Expired rows that one sweep removes.
const SWEEP_ROWS: u32 = 256;

/// Which of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// Actor records and bucket ownership.
    Actors = 0,
    /// Kinds and settings of the system.
    Registry = 1,
}

impl Space {
    /// All tables.
    pub(super) const ALL: [Self; 2] = [Self::Actors, Self::Registry];

    fn number(self) -> u8 {
        self as u8
    }
}

/// A row to be written.
pub(super) struct NewRow {
    pub(super) key: String,
    /// Its revision is not known yet.
    pub(super) entry: Entry,
    /// The entry's headers as they are stored.
    pub(super) headers: Vec<u8>,
    pub(super) expires_after: Option<std::time::Duration>,
}

/// Writes a row if it is as expected.
pub(super) fn put(group: &mut Group<'_>, space: Space, new: NewRow, expect: Expect) -> rusqlite::Result<Put> {
    let NewRow { key, entry, headers, expires_after } = new;
    let connection = group.connection;
    let revision = group.next_revision()?;
    let (written, now) = (signed(revision.0), signed(group.now.0));
    let expires = expires_after.map(|span| signed(group.now.plus(span).0));
    let value = &entry.value[..];
    let stored = match expect {
        Expect::Any => connection
            .prepare_cached(
                "INSERT INTO entry (space, key, revision, expires, headers, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                    ON CONFLICT (space, key) DO UPDATE
                    SET revision = ?3, expires = ?4, headers = ?5, value = ?6",
            )?
            .execute(params![space.number(), key, written, expires, headers, value])?,
        Expect::Absent => connection
            .prepare_cached(
                "INSERT INTO entry (space, key, revision, expires, headers, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                    ON CONFLICT (space, key) DO UPDATE
                    SET revision = ?3, expires = ?4, headers = ?5, value = ?6 WHERE entry.expires <= ?7",
            )?
            .execute(params![space.number(), key, written, expires, headers, value, now])?,
        Expect::Revision(expected) => connection
            .prepare_cached(
                "UPDATE entry SET revision = ?3, expires = ?4, headers = ?5, value = ?6
                    WHERE space = ?1 AND key = ?2 AND revision = ?8 AND (expires IS NULL OR expires > ?7)",
            )?
            .execute(params![space.number(), key, written, expires, headers, value, now, signed(expected.0)])?,
    };
    if stored == 0 {
        return Ok(Put::Refused);
    }
    group.change(space, key, Some(Entry { revision, ..entry }));
    Ok(Put::Written(revision))
}

/// Removes a row if it is as expected.
pub(super) fn delete(group: &mut Group<'_>, space: Space, key: String, expect: Expect) -> rusqlite::Result<Put> {
    let found = get(group.connection, space, &key, group.now)?.map(|entry| entry.revision);
    let as_expected = match expect {
        Expect::Any => true,
        Expect::Absent => found.is_none(),
        Expect::Revision(revision) => found == Some(revision),
    };
    if !as_expected {
        return Ok(Put::Refused);
    }
    let revision = group.next_revision()?;
    let mut delete = group.connection.prepare_cached("DELETE FROM entry WHERE space = ?1 AND key = ?2")?;
    if delete.execute(params![space.number(), key])? > 0 {
        group.change(space, key, None);
    }
    Ok(Put::Written(revision))
}

/// Removes expired rows, a bounded number of them. True: there are more.
pub(super) fn sweep(group: &mut Group<'_>) -> rusqlite::Result<bool> {
    let mut delete = group.connection.prepare_cached(
        "DELETE FROM entry WHERE rowid IN (SELECT rowid FROM entry WHERE expires <= ?1 ORDER BY expires LIMIT ?2)
            RETURNING space, key",
    )?;
    let swept = delete.query_map(params![signed(group.now.0), SWEEP_ROWS], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let swept: Vec<(u8, String)> = swept.collect::<rusqlite::Result<_>>()?;
    let more = u32::try_from(swept.len()).is_ok_and(|count| count == SWEEP_ROWS);
    for (number, key) in swept {
        if let Some(space) = Space::ALL.into_iter().find(|space| space.number() == number) {
            group.change(space, key, None);
        }
    }
    Ok(more)
}

/// Whether there are rows to sweep.
pub(super) fn has_expired(connection: &Connection, now: Time) -> rusqlite::Result<bool> {
    let mut select = connection.prepare_cached("SELECT 1 FROM entry WHERE expires <= ?1 LIMIT 1")?;
    select.exists([signed(now.0)])
}

/// Reads a row.
pub(super) fn get(connection: &Connection, space: Space, key: &str, now: Time) -> rusqlite::Result<Option<Entry>> {
    let mut select = connection.prepare_cached(
        "SELECT revision, headers, value FROM entry
            WHERE space = ?1 AND key = ?2 AND (expires IS NULL OR expires > ?3)",
    )?;
    let entry = select.query_row(params![space.number(), key, signed(now.0)], |row| {
        Ok(Entry {
            value: Bytes::from(row.get::<_, Vec<u8>>(2)?),
            headers: decode(row, 1)?,
            revision: Revision(unsigned(row.get(0)?)),
        })
    });
    entry.optional()
}

/// Keys that begin with `prefix` and come after `after`, in order.
pub(super) fn list(
    connection: &Connection,
    space: Space,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
    now: Time,
) -> rusqlite::Result<Vec<String>> {
    let mut select = connection.prepare_cached(
        "SELECT key FROM entry WHERE space = ?1 AND key >= ?2 AND key > ?3 AND key < ?4
            AND (expires IS NULL OR expires > ?5) ORDER BY key LIMIT ?6",
    )?;
    // Keys are ASCII, so everything that begins with the prefix comes before this.
    let end = format!("{prefix}{}", char::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let after = after.unwrap_or_default();
    let keys = select.query_map(params![space.number(), prefix, after, end, signed(now.0), limit], |row| row.get(0))?;
    keys.collect()
}

/// How many rows a table holds.
pub(super) fn count(connection: &Connection, space: Space) -> rusqlite::Result<u64> {
    connection
        .query_row("SELECT count(*) FROM entry WHERE space = ?1", [space.number()], |row| row.get(0))
        .map(unsigned)
}
