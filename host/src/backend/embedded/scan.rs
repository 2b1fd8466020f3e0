//! The statements that read streams: pages, one actor's messages, earlier copies, what the window held.
//! They run on any connection, a bounded number of rows at a time. Never changes a row.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::dedupe::{Key, Window};
use super::schema::unsigned;
use super::stream::{SEQ_MAX, StreamNumber, decode, edge, seq_at, unreadable};
use crate::backend::Delivery;
use crate::clock::Time;
use crate::id::{ActorId, Seq};
use crate::names::MessageId;

/// Positions that one statement looks through, so that no reader holds the journal for long.
const SCAN_POSITIONS: u64 = 4_096;

/// The first position whose message was stored at `since` or later; behind the last one if there is none.
/// A binary search: times grow with positions.
pub(super) fn first_since(connection: &Connection, stream: StreamNumber, since: Time) -> rusqlite::Result<Seq> {
    let (Some((first, _)), Some((last, _))) = (edge(connection, stream, false)?, edge(connection, stream, true)?)
    else {
        return Ok(Seq(1));
    };
    let mut probe = connection
        .prepare_cached("SELECT place, time FROM log WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT 1")?;
    let (mut low, mut high) = (first, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let found = probe.query_row([middle, last], |row| Ok((row.get::<_, i64>(0)?, Time(unsigned(row.get(1)?)))));
        match found.optional()? {
            Some((place, time)) if time < since => low = place + 1,
            // None: all from here on was trimmed meanwhile.
            _ => high = middle,
        }
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

/// Reads a row of `place, time, actor, id, committed, headers, body`.
pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
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
