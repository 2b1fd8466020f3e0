//! Deleted actors: a record is never purged while a stale owner or a redelivery could need its cursor.
//! Called by `inbox` from time to time. A tombstone that the bucket's floor has passed is rewritten, cursor and all, with
//! an end a day away; a message that arrives meanwhile writes a new record over it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::backend::{Error, Expect};
use crate::bucket::Bucket;
use crate::id::{ActorId, Seq};
use crate::record::{self, Record, Status};
use crate::wake;

/// How long a tombstone stays once it has an end.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Header of a tombstone that has an end already.
const ENDS: &str = "Hydra-Ends";
/// Rows looked at per call when a newly claimed bucket is searched.
const PAGE: usize = 1_000;

/// Gives an end to the tombstones that the floor has passed.
pub(crate) async fn sweep(bucket: &Bucket) {
    // All at once: the store writes them together.
    join_all(bucket.passed_tombstones().into_iter().map(async |(position, actor)| match end(bucket, &actor).await {
        Ok(()) => {}
        Err(error) if error.is_retryable() => bucket.remember_tombstone(position, actor),
        Err(error) => tracing::warn!(%error, %actor, "cannot give a tombstone an end"),
    }))
    .await;
}

async fn end(bucket: &Bucket, actor: &ActorId) -> Result<(), Error> {
    let (table, key) = (&bucket.context.backend.actors, record::key(actor));
    let Some(entry) = table.get(&key).await? else { return Ok(()) };
    let is_tombstone = |record: Record| {
        record.status == Status::Deleted
            && record.parked.is_none()
            && record.waits.is_empty()
            && record.position().is_some_and(|at| at.seq <= bucket.floor())
    };
    if entry.headers.get(ENDS).is_none() && Record::decode(&entry).is_ok_and(is_tombstone) {
        bucket.context.records.remove(actor);
        let mut headers = entry.headers;
        headers.push(ENDS, "true");
        table.put(&key, entry.value, headers, Expect::Revision(entry.revision), Some(KEPT_FOR)).await?;
    }
    Ok(())
}

/// Finds the tombstones that earlier owners of these buckets left without an end: once, after a claim.
pub(crate) async fn search(buckets: Vec<Arc<Bucket>>) {
    if let Err(error) = search_all(&buckets).await {
        tracing::warn!(%error, "tombstones were not searched: the next claim does it");
    }
}

async fn search_all(buckets: &[Arc<Bucket>]) -> Result<(), Error> {
    let Some(first) = buckets.first() else { return Ok(()) };
    let (table, log) = (&first.context.backend.actors, &first.context.backend.log);
    let mut after: Option<String> = None;
    loop {
        let page = table.list("", after.as_deref(), PAGE).await?;
        let Some(last) = page.last().cloned() else { return Ok(()) };
        for key in &page {
            let Some(actor) = record::actor_of(key) else { continue };
            let Some(bucket) = buckets.iter().find(|bucket| bucket.id == log.bucket_of(&actor)) else { continue };
            let entry = table.get(key).await?.filter(|entry| entry.headers.get(ENDS).is_none());
            let record = entry.and_then(|entry| Record::decode(&entry).ok());
            if let Some(record) = record.as_ref().filter(|record| !record.waits.is_empty()) {
                // Its marker should have led here before.
                wake::found(bucket, &actor, record);
            }
            if let Some(record) = record.filter(|record| record.status == Status::Deleted) {
                bucket.remember_tombstone(record.position().map_or(Seq(0), |at| at.seq), actor);
            }
        }
        after = Some(last);
    }
}
