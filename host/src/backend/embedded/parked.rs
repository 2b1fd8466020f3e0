//! The statements on parked messages: one actor's, in order, and who has any.
//! A part of the log like every stream, but with an index by actor over just this part: parking is for actors that stand
//! still, so the others pay nothing for it. Appending is `stream`'s, as for every message.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::group::Group;
use super::scan::delivery;
use super::stream::{self, StreamNumber, TRIM_MESSAGES, unreadable};
use crate::backend::Delivery;
use crate::id::{ActorId, Seq};

/// What makes the index. Idempotent.
pub(super) fn index() -> String {
    format!("CREATE INDEX IF NOT EXISTS log_parked ON log (actor) WHERE {}", is_parked())
}

/// Which messages are parked. Written out, not bound: only so does a statement get to use the index.
fn is_parked() -> String {
    format!("place >= {}", StreamNumber::PARKED.place(Seq(0)))
}

/// An actor's parked messages behind `after`, in order, at most `limit`.
pub(super) fn page(
    connection: &Connection,
    actor: &ActorId,
    after: Seq,
    limit: usize,
) -> rusqlite::Result<Vec<Delivery>> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT place, time, actor, id, committed, headers, body FROM log INDEXED BY log_parked
            WHERE {} AND actor = ?1 AND place > ?2 ORDER BY place LIMIT ?3",
        is_parked()
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    select.query_map(params![actor.to_string(), StreamNumber::PARKED.place(after), limit], delivery)?.collect()
}

/// All actors that have anything parked: one look into the index for each.
pub(super) fn actors(connection: &Connection) -> rusqlite::Result<Vec<ActorId>> {
    let mut next = connection.prepare_cached(&format!(
        "SELECT actor FROM log INDEXED BY log_parked WHERE {} AND actor > ?1 ORDER BY actor LIMIT 1",
        is_parked()
    ))?;
    let (mut actors, mut last) = (Vec::new(), String::new());
    while let Some(actor) = next.query_row([&last], |row| row.get::<_, String>(0)).optional()? {
        actors.push(ActorId::parse(&actor).map_err(|error| unreadable(0, error))?);
        last = actor;
    }
    Ok(actors)
}

/// Removes the first of an actor's parked messages up to `up_to`, a bounded number of them. True: there may be more.
pub(super) fn trim(group: &mut Group<'_>, actor: &ActorId, up_to: Seq) -> rusqlite::Result<bool> {
    let mut delete = group.connection.prepare_cached(&format!(
        "DELETE FROM log WHERE place IN (SELECT place FROM log INDEXED BY log_parked
            WHERE {} AND actor = ?1 AND place <= ?2 ORDER BY place LIMIT ?3)",
        is_parked()
    ))?;
    let last = StreamNumber::PARKED.place(up_to);
    let removed = delete.execute(params![actor.to_string(), last, TRIM_MESSAGES])?;
    if removed > 0 {
        stream::keep_last(group, StreamNumber::PARKED, None)?;
    }
    Ok(u32::try_from(removed).is_ok_and(|removed| removed == TRIM_MESSAGES))
}
