//! The statements that change streams of messages: append, trim, floors; and where a stream stands.
//! They run in the writer's group. Never knows who reads or waits; reading is `scan`.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::dedupe::Key;
use super::group::Group;
use super::schema::{signed, unsigned};
use crate::backend::{Appended, Delivery, Error, NewMessage, Queue};
use crate::clock::Time;
use crate::id::{BucketId, Seq};
use crate::message::Headers;

/// Bits of a `place` that hold the position; the stream's number stands above them.
const SEQ_BITS: u32 = 48;
/// Highest position in a stream: at a million messages a second it is reached after nine years.
pub(super) const SEQ_MAX: u64 = (1 << SEQ_BITS) - 1;
/// Messages that one trim removes: a transaction stays short even if all are large.
pub(super) const TRIM_MESSAGES: u32 = 256;

/// A bucket's stream by the bucket's number, or the dead letters, or the parked messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamNumber(pub(super) u16);

impl StreamNumber {
    /// The dead letters: behind the highest bucket that is possible.
    pub(super) const DEAD_LETTERS: Self = Self(256);
    /// The parked messages.
    pub(super) const PARKED: Self = Self(257);

    /// The stream of a bucket.
    pub(super) fn of(bucket: BucketId) -> Self {
        Self(bucket.number)
    }

    /// All streams of a store.
    pub(super) fn all(buckets: u16) -> impl Iterator<Item = Self> {
        (0..buckets).map(Self).chain([Self::DEAD_LETTERS, Self::PARKED])
    }

    /// Where a message of this stream stands in the table.
    pub(super) fn place(self, seq: Seq) -> i64 {
        (i64::from(self.0) << SEQ_BITS) | signed(seq.0.min(SEQ_MAX))
    }
}

/// The position of the message at this place.
pub(super) fn seq_at(place: i64) -> Seq {
    Seq(unsigned(place) & SEQ_MAX)
}

/// A message with everything that can be worked out before it is the writer's turn.
pub(super) struct Prepared {
    stream: StreamNumber,
    key: Key,
    headers: Vec<u8>,
    message: NewMessage,
}

impl Prepared {
    pub(super) fn new(message: NewMessage, buckets: u16) -> Result<Self, Error> {
        let stream = match message.queue {
            Queue::Inbox => StreamNumber(message.to.slot().bucket_number(buckets)),
            Queue::DeadLetters => StreamNumber::DEAD_LETTERS,
            Queue::Parked => StreamNumber::PARKED,
        };
        let headers = encode(&message.headers)?;
        Ok(Self { stream, key: Key::new(stream, &message.id), headers, message })
    }

    /// About what it takes in the journal.
    pub(super) fn bytes(&self) -> usize {
        self.message.body.len() + self.headers.len()
    }
}

/// Headers as they are stored.
pub(super) fn encode(headers: &Headers) -> Result<Vec<u8>, Error> {
    rmp_serde::to_vec(headers).map_err(|error| Error::Unavailable { reason: error.to_string() })
}

/// Headers as they were stored.
pub(super) fn decode(row: &Row<'_>, column: usize) -> rusqlite::Result<Headers> {
    let bytes = row.get_ref(column)?.as_blob()?;
    rmp_serde::from_slice(bytes).map_err(|error| unreadable(column, error))
}

/// A stored value that we cannot have written.
pub(super) fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, Box::new(error))
}

/// Stores messages behind their streams' last, but for those whose id came within the window.
pub(super) fn append(group: &mut Group<'_>, messages: Vec<Prepared>) -> rusqlite::Result<Vec<Appended>> {
    let connection = group.connection;
    let mut insert = connection.prepare_cached(
        "INSERT INTO log (place, time, actor, id, committed, headers, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let mut appended = Vec::with_capacity(messages.len());
    for Prepared { stream, key, headers, message } in messages {
        let (seq, duplicate) = group.position_of(stream, key);
        appended.push(Appended { seq, duplicate });
        if duplicate {
            continue;
        }
        let time = group.now;
        let NewMessage { queue: _, to, id, committed, headers: plain, body } = message;
        let committed = committed.unwrap_or(time);
        let actor = to.to_string();
        let (place, at) = (stream.place(seq), signed(time.0));
        insert.execute(params![place, at, actor, id.as_str(), signed(committed.0), headers, &body[..]])?;
        let delivery = Delivery { to, seq, time, id, committed: Some(committed), headers: plain, body };
        group.deliver(stream, delivery);
    }
    Ok(appended)
}

/// Removes the oldest messages before `before`, a bounded number of them. True: there are more.
pub(super) fn trim(group: &mut Group<'_>, stream: StreamNumber, before: Seq) -> rusqlite::Result<bool> {
    let connection = group.connection;
    let (from, to) = (stream.place(Seq(0)), stream.place(before));
    let mut oldest = connection.prepare_cached(
        "SELECT count(*), max(place), max(time) FROM
            (SELECT place, time FROM log WHERE place >= ?1 AND place < ?2 ORDER BY place LIMIT ?3)",
    )?;
    let (count, place, time): (u32, Option<i64>, Option<i64>) =
        oldest.query_row(params![from, to, TRIM_MESSAGES], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let (Some(place), Some(time)) = (place, time) else { return Ok(false) };
    connection.prepare_cached("DELETE FROM log WHERE place >= ?1 AND place <= ?2")?.execute([from, place])?;
    keep_last(group, stream, Some(time))?;
    Ok(count == TRIM_MESSAGES)
}

/// Removes one dead letter. False: it was not there.
pub(super) fn remove_dead_letter(group: &mut Group<'_>, seq: Seq) -> rusqlite::Result<bool> {
    let stream = StreamNumber::DEAD_LETTERS;
    let removed =
        group.connection.prepare_cached("DELETE FROM log WHERE place = ?1")?.execute([stream.place(seq)])? > 0;
    if removed {
        keep_last(group, stream, None)?;
    }
    Ok(removed)
}

/// Keeps a stream's last position, which its messages may no longer tell, and the time of the latest one trimmed.
pub(super) fn keep_last(group: &Group<'_>, stream: StreamNumber, trimmed: Option<i64>) -> rusqlite::Result<()> {
    let last = signed(group.last(stream).0);
    let mut update = group.connection.prepare_cached(
        "UPDATE stream SET last = max(last, ?2), trimmed = nullif(max(coalesce(trimmed, -1), coalesce(?3, -1)), -1)
            WHERE stream = ?1",
    )?;
    update.execute(params![stream.0, last, trimmed]).map(|_| ())
}

/// Stores how far a bucket was acknowledged.
pub(super) fn store_floor(connection: &Connection, stream: StreamNumber, floor: Seq) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached("UPDATE stream SET floor = max(floor, ?2) WHERE stream = ?1")?;
    update.execute(params![stream.0, signed(floor.0)]).map(|_| ())
}

/// Where a stream stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Position {
    /// Acknowledged up to here, at least.
    pub(super) floor: Seq,
    /// The first message that is still there.
    pub(super) first: Option<Seq>,
    /// The highest position given out.
    pub(super) last: Seq,
    /// When the latest message was stored, trimmed ones included.
    pub(super) newest: Time,
}

/// Reads where a stream stands.
pub(super) fn position(connection: &Connection, stream: StreamNumber) -> rusqlite::Result<Position> {
    let mut kept =
        connection.prepare_cached("SELECT floor, last, coalesce(trimmed, 0) FROM stream WHERE stream = ?1")?;
    let kept = kept.query_row([stream.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    // None: the store was made before there were such streams, and was not opened since.
    let (floor, kept, trimmed): (i64, i64, i64) = kept.optional()?.unwrap_or_default();
    let (first, last) = (edge(connection, stream, false)?, edge(connection, stream, true)?);
    let (last_place, time) = last.unwrap_or_default();
    Ok(Position {
        floor: Seq(unsigned(floor)),
        first: first.map(|(place, _)| seq_at(place)),
        last: seq_at(last_place).max(Seq(unsigned(kept))),
        newest: Time(unsigned(time.max(trimmed))),
    })
}

/// Place and time of a stream's first or last message.
pub(super) fn edge(connection: &Connection, stream: StreamNumber, last: bool) -> rusqlite::Result<Option<(i64, i64)>> {
    let statement = if last {
        "SELECT place, time FROM log WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT 1"
    } else {
        "SELECT place, time FROM log WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT 1"
    };
    let bounds = [stream.place(Seq(0)), stream.place(Seq(SEQ_MAX))];
    connection.prepare_cached(statement)?.query_row(bounds, |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// How many messages a stream holds.
pub(super) fn count(connection: &Connection, stream: StreamNumber) -> rusqlite::Result<u64> {
    let bounds = [stream.place(Seq(0)), stream.place(Seq(SEQ_MAX))];
    connection
        .query_row("SELECT count(*) FROM log WHERE place BETWEEN ?1 AND ?2", bounds, |row| row.get(0))
        .map(unsigned)
}
