//! The statements on streams of messages: append, page, look for copies, trim.
//! The writing ones run in the writer's group; the reading ones on any connection, a bounded number of rows at a time.
//! Never knows who reads or waits.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::dedupe::{Key, Window};
use super::group::Group;
use super::schema::{signed, unsigned};
use crate::backend::{Appended, Delivery, Error, NewMessage, Queue};
use crate::clock::Time;
use crate::id::{ActorId, BucketId, Seq};
use crate::message::Headers;
use crate::names::MessageId;

/// Bits of a `place` that hold the position; the stream's number stands above them.
const SEQ_BITS: u32 = 48;
/// Highest position in a stream: at a million messages a second it is reached after nine years.
const SEQ_MAX: u64 = (1 << SEQ_BITS) - 1;
/// Positions that one statement looks through, so that no reader holds the journal for long.
const SCAN_POSITIONS: u64 = 4_096;
/// Messages that one trim removes: a transaction stays short even if all are large.
const TRIM_MESSAGES: u32 = 256;

/// A bucket's stream by the bucket's number, or the dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamNumber(pub(super) u16);

impl StreamNumber {
    /// The dead letters: behind the highest bucket that is possible.
    pub(super) const DEAD_LETTERS: Self = Self(256);

    /// The stream of a bucket.
    pub(super) fn of(bucket: BucketId) -> Self {
        Self(bucket.number)
    }

    /// All streams of a store.
    pub(super) fn all(buckets: u16) -> impl Iterator<Item = Self> {
        (0..buckets).map(Self).chain([Self::DEAD_LETTERS])
    }

    fn place(self, seq: Seq) -> i64 {
        (i64::from(self.0) << SEQ_BITS) | signed(seq.0.min(SEQ_MAX))
    }
}

fn seq_at(place: i64) -> Seq {
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
fn keep_last(group: &Group<'_>, stream: StreamNumber, trimmed: Option<i64>) -> rusqlite::Result<()> {
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
    let (floor, kept, trimmed): (i64, i64, i64) =
        kept.query_row([stream.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
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
fn edge(connection: &Connection, stream: StreamNumber, last: bool) -> rusqlite::Result<Option<(i64, i64)>> {
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

/// The first position whose message was stored at `since` or later; behind the last one if there is none.
/// A binary search: times grow with positions.
pub(super) fn first_since(connection: &Connection, stream: StreamNumber, since: Time) -> rusqlite::Result<Seq> {
    let (Some((first, _)), Some((last, _))) = (edge(connection, stream, false)?, edge(connection, stream, true)?)
    else {
        return Ok(Seq(1));
    };
    let mut probe =
        connection.prepare_cached("SELECT place, time FROM log WHERE place >= ?1 ORDER BY place LIMIT 1")?;
    let (mut low, mut high) = (first, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let (place, time): (i64, i64) = probe.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if Time(unsigned(time)) >= since { high = middle } else { low = place + 1 }
    }
    Ok(seq_at(low))
}

/// Messages behind `after`, at most `limit` of them, and as few as make up `bytes_max`, but one at least.
pub(super) fn page(
    connection: &Connection,
    stream: StreamNumber,
    after: Seq,
    limit: usize,
    bytes_max: usize,
) -> rusqlite::Result<Vec<Delivery>> {
    let mut select = connection.prepare_cached(
        "SELECT place, time, actor, id, committed, headers, body FROM log WHERE place > ?1 AND place <= ?2 ORDER BY place",
    )?;
    let mut rows = select.query([stream.place(after), stream.place(Seq(SEQ_MAX))])?;
    let (mut messages, mut bytes) = (Vec::new(), 0);
    while messages.len() < limit && bytes < bytes_max {
        let Some(row) = rows.next()? else { break };
        let message = delivery(row)?;
        bytes += message.body.len();
        messages.push(message);
    }
    Ok(messages)
}

/// One actor's messages behind `after`, at most `limit`. Looks through the whole stream: there is no index by actor.
pub(super) fn page_of_actor(
    connection: &Connection,
    stream: StreamNumber,
    actor: &ActorId,
    after: Seq,
    limit: usize,
) -> rusqlite::Result<Vec<Delivery>> {
    let mut select = connection.prepare_cached(
        "SELECT place, time, actor, id, committed, headers, body FROM log
            WHERE place > ?1 AND place <= ?2 AND actor = ?3 ORDER BY place",
    )?;
    let name = actor.to_string();
    let mut messages = Vec::new();
    for (from, to) in ranges(connection, stream, after, Seq(SEQ_MAX))? {
        let mut rows = select.query(params![from, to, name])?;
        while messages.len() < limit {
            let Some(row) = rows.next()? else { break };
            messages.push(delivery(row)?);
        }
        if messages.len() >= limit {
            break;
        }
    }
    Ok(messages)
}

/// Positions of the first copies of `ids` in an actor's mailbox, stored at `since` or later and before `before`.
/// And whether nothing stored since then was trimmed: looked up last, so that a trim meanwhile counts.
pub(super) fn find(
    connection: &Connection,
    stream: StreamNumber,
    actor: &ActorId,
    since: Time,
    before: Seq,
    ids: &BTreeSet<MessageId>,
) -> rusqlite::Result<(BTreeMap<MessageId, Seq>, bool)> {
    let mut select = connection
        .prepare_cached("SELECT place, id FROM log WHERE place > ?1 AND place <= ?2 AND actor = ?3 ORDER BY place")?;
    let name = actor.to_string();
    let mut found = BTreeMap::new();
    let start = first_since(connection, stream, since)?.before();
    for (from, to) in ranges(connection, stream, start, before.before())? {
        let mut rows = select.query(params![from, to, name])?;
        while let Some(row) = rows.next()? {
            let id = MessageId::stored(row.get_ref(1)?.as_str()?);
            if ids.contains(&id) {
                found.entry(id).or_insert(seq_at(row.get(0)?));
            }
        }
    }
    let mut trimmed = connection.prepare_cached("SELECT trimmed FROM stream WHERE stream = ?1")?;
    let trimmed: Option<i64> = trimmed.query_row([stream.0], |row| row.get(0))?;
    Ok((found, trimmed.is_none_or(|trimmed| Time(unsigned(trimmed)) < since)))
}

/// The places behind `after` up to `until`, in ranges that one statement may look through.
fn ranges(
    connection: &Connection,
    stream: StreamNumber,
    after: Seq,
    until: Seq,
) -> rusqlite::Result<impl Iterator<Item = (i64, i64)> + use<>> {
    let first = edge(connection, stream, false)?.map_or(Seq(SEQ_MAX), |(place, _)| seq_at(place));
    let last = edge(connection, stream, true)?.map_or(Seq(0), |(place, _)| seq_at(place));
    let (mut from, until) = (after.max(first.before()), until.min(last));
    Ok(std::iter::from_fn(move || {
        let to = until.min(Seq(from.0.saturating_add(SCAN_POSITIONS)));
        let range = (from < until).then(|| (stream.place(from), stream.place(to)));
        from = to;
        range
    }))
}

/// Fills the window from what the log still holds.
pub(super) fn recent(connection: &Connection, buckets: u16, since: Time) -> rusqlite::Result<Window> {
    let mut select =
        connection.prepare("SELECT place, id, time FROM log WHERE place >= ?1 AND place <= ?2 ORDER BY place")?;
    let mut arrivals = Vec::new();
    for stream in StreamNumber::all(buckets) {
        let first = first_since(connection, stream, since)?;
        let mut rows = select.query([stream.place(first), stream.place(Seq(SEQ_MAX))])?;
        while let Some(row) = rows.next()? {
            let id = MessageId::stored(row.get_ref(1)?.as_str()?);
            arrivals.push((Time(unsigned(row.get(2)?)), Key::new(stream, &id), seq_at(row.get(0)?)));
        }
    }
    arrivals.sort_by_key(|(time, ..)| *time);
    let mut window = Window::default();
    for (time, key, seq) in arrivals {
        window.insert(key, seq, time);
    }
    Ok(window)
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        to: ActorId::parse(row.get_ref(2)?.as_str()?).map_err(|error| unreadable(2, error))?,
        seq: seq_at(row.get(0)?),
        time: Time(unsigned(row.get(1)?)),
        id: MessageId::stored(row.get_ref(3)?.as_str()?),
        committed: Some(Time(unsigned(row.get(4)?))),
        headers: decode(row, 5)?,
        body: Bytes::from(row.get::<_, Vec<u8>>(6)?),
    })
}
