//! Wakes actors when something is due that they wait for, and finds out after a claim which do.
//! Called by `inbox`, `activation` and `commit`. What is due is put into the actor's mailbox, as a message like any other;
//! the record alone says whether it counts. Never changes a record.
//!
//! A *marker* is an empty row for each actor that waits for anything, so that a new owner does not have to read all
//! records. It is written anew before the first record under each claim that needs it, and removed only as it was seen: so
//! an owner whose time is over cannot remove one on which a later record relies. Were all markers lost, the search for
//! tombstones after a claim, which reads every record, would find the same.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::backend::{Error, Expect, NewMessage, Put, Queue};
use crate::bucket::Bucket;
use crate::crash::{self, Step};
use crate::id::{ActorId, BucketId};
use crate::message::Headers;
use crate::record::{self, Record, Status};

/// First word of a marker's key.
pub(crate) const MARKER: &str = "timers";
/// Markers listed at once.
const PAGE: usize = 1_000;
/// Markers removed at once.
const SWEPT_MAX: usize = 1_000;
/// Records read at once after a claim.
const READS: usize = 32;

/// The rows of a bucket's markers begin so.
fn prefix(bucket: BucketId) -> String {
    format!("{MARKER}.{:02x}.", bucket.number)
}

/// Where an actor's marker is kept.
pub(crate) fn key(bucket: BucketId, actor: &ActorId) -> String {
    format!("{}{}.{}", prefix(bucket), actor.kind(), actor.escaped_id())
}

/// Whose marker is kept there; none if the key is another row's. A record's key has three words, a marker's four.
#[must_use]
pub(crate) fn marked_actor(key: &str) -> Option<ActorId> {
    let (_, actor) = key.strip_prefix(MARKER)?.strip_prefix('.')?.split_once('.')?;
    let (kind, id) = actor.split_once('.')?;
    ActorId::parse_escaped(&format!("{kind}/{id}")).ok()
}

/// Sees to it that the bucket's next owner will read this record, before it is written.
///
/// # Errors
/// `Closed`, `Damaged`: the bucket cannot go on.
pub(crate) async fn mark(bucket: &Bucket, actor: &ActorId, record: &Record) -> Result<(), Error> {
    if record.waits.is_empty() || bucket.alarms().rely_on_mark(actor) {
        return Ok(());
    }
    let (table, key) = (&bucket.context.backend.actors, key(bucket.id, actor));
    let write = || table.put(&key, Bytes::new(), Headers::default(), Expect::Any, None);
    if let Put::Written(revision) = Box::pin(bucket.patiently("timer marker", write)).await? {
        bucket.alarms().set_mark(actor, revision);
    }
    crash::at(Step::TimerMarked);
    Ok(())
}

/// Sets an actor's alarm as its record says.
pub(crate) fn note(bucket: &Bucket, actor: &ActorId, record: &Record) {
    if bucket.alarms().note(actor, record, Instant::now()) {
        bucket.set_earlier.notify_one();
    }
}

/// Sets an actor's alarm as a record says that was read after a claim, unless more is known by now.
pub(crate) fn found(bucket: &Bucket, actor: &ActorId, record: &Record) {
    if bucket.alarms().found(actor, record, Instant::now()) {
        bucket.set_earlier.notify_one();
    }
}

/// Puts what is due by now into the actor's own mailbox, each once under this claim.
///
/// # Errors
/// `Closed`, `Damaged`: the bucket cannot go on.
pub(crate) async fn tell(bucket: &Bucket, actor: &ActorId, record: &Record) -> Result<(), Error> {
    let now = bucket.patiently("time", || async { bucket.context.backend.log.due_time() }).await?;
    let rests = matches!(record.status, Status::Suspended(_));
    let due = if rests { Vec::new() } else { bucket.alarms().untold(actor, &record.waits, now) };
    let message = |(id, headers, body)| {
        // No T: whether a copy counts is not the log's to say, and nobody has to look for an earlier one.
        NewMessage { queue: Queue::Inbox, to: actor.clone(), id, committed: None, headers, body }
    };
    let messages: Vec<NewMessage> = due.iter().map(|due| message(due.message(actor, &record.waits))).collect();
    if !messages.is_empty() {
        crash::at(Step::BeforeTick);
        let log = &bucket.context.backend.log;
        bucket.patiently("timers", || async { log.append(messages.clone()).await.map(drop) }).await?;
        crash::at(Step::TickStored);
        bucket.alarms().set_told(actor, due);
    }
    note(bucket, actor, record);
    Ok(())
}

/// Removes markers of actors that have waited for nothing for a while.
pub(crate) async fn sweep(bucket: &Bucket) {
    let table = &bucket.context.backend.actors;
    let idle = bucket.alarms().take_idle_marks(Instant::now(), SWEPT_MAX);
    // All at once: the store writes them together.
    join_all(idle.into_iter().map(async |(actor, revision)| {
        // One that stays by mistake costs the next owner a read.
        if let Err(error) = table.delete(&key(bucket.id, &actor), Expect::Revision(revision)).await {
            tracing::debug!(%error, "a timer marker stays");
        }
    }))
    .await;
}

/// Finds the actors that wait for anything, after a claim.
pub(crate) async fn search(bucket: Arc<Bucket>) {
    match search_all(&bucket).await {
        Ok(0) | Err(Error::Closed) => {}
        Ok(actors) => tracing::debug!(bucket = %bucket.id, actors, "found the actors that have timers"),
        Err(error) => bucket.stop(error.to_string()),
    }
}

async fn search_all(bucket: &Bucket) -> Result<usize, Error> {
    let (table, prefix) = (&bucket.context.backend.actors, prefix(bucket.id));
    let (mut after, mut found): (Option<String>, usize) = (None, 0);
    loop {
        let list = || table.list(&prefix, after.as_deref(), PAGE);
        let page = bucket.patiently("timer markers", list).await?;
        let Some(last) = page.last().cloned() else { return Ok(found) };
        let actors: Vec<ActorId> = page.iter().filter_map(|key| marked_actor(key)).collect();
        found += actors.len();
        let mut reads = futures_util::stream::iter(actors).map(|actor| read(bucket, actor)).buffer_unordered(READS);
        while let Some(read) = reads.next().await {
            read?;
        }
        drop(reads);
        after = Some(last);
    }
}

/// Reads one marked actor's record. The marker is read first: one that is written later is another.
async fn read(bucket: &Bucket, actor: ActorId) -> Result<(), Error> {
    let table = &bucket.context.backend.actors;
    let (marker, record) = (key(bucket.id, &actor), record::key(&actor));
    let marker = bucket.patiently("timer marker", || table.get(&marker)).await?;
    let record = bucket.patiently("record", || table.get(&record)).await?;
    // One that cannot be read is told of when its actor's next message comes.
    let record = record.and_then(|entry| Record::decode(&entry).ok()).unwrap_or_default();
    if record.waits.is_empty() {
        if let Some(marker) = marker {
            bucket.alarms().found_idle_mark(&actor, marker.revision, Instant::now());
        }
    } else {
        found(bucket, &actor, &record);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_names_its_actor_and_no_record_looks_like_one() {
        let bucket = BucketId { number: 0x3a, incarnation: 1 };
        for name in ["counter/a b/ö", "timers/state", "counter/state"] {
            let actor = ActorId::parse(name).unwrap();
            assert_eq!(marked_actor(&key(bucket, &actor)), Some(actor.clone()));
            assert_eq!(record::actor_of(&key(bucket, &actor)), None);
            assert_eq!(marked_actor(&record::key(&actor)), None);
        }
        let like = ActorId::parse("timers/3a").unwrap();
        assert_eq!(marked_actor(&record::key(&like)), None);
    }
}
