//! Whether a store is at rest: nobody serves it, nothing waits, and nobody has come meanwhile. And whether one is empty.
//! Asked by `export` and `import`, before and after. Never changes anything.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

use super::error::Error;
use crate::backend::{self, Backend, Queue};
use crate::bucket::claim_key;
use crate::cluster;
use crate::id::{BucketId, Revision, Seq};
use crate::record;
use crate::registry;

/// Tries of one call to the store, and the waits between them.
const TRIES: usize = 6;
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Rows of the actors' table that are no records: who owns what, and where the store comes from.
const OTHER_ROWS_MAX: usize = 512;

/// Calls the store until it answers, a few times.
///
/// # Errors
/// The last try's.
pub(super) async fn patiently<T, Call, Answer>(call: Call) -> Result<T, backend::Error>
where
    Call: FnMut() -> Answer,
    Answer: Future<Output = Result<T, backend::Error>>,
{
    let pace = ExponentialBuilder::new().with_min_delay(WAITS.0).with_max_delay(WAITS.1).with_max_times(TRIES);
    call.retry(pace).when(backend::Error::is_retryable).await
}

/// A store that nobody serves, as far as anybody can see.
pub(super) struct Unserved<'b> {
    backend: &'b Backend,
    /// Which write of each bucket's ownership row: a host that comes rewrites them. By number, which no import changes.
    claims: BTreeMap<u16, Option<Revision>>,
}

impl<'b> Unserved<'b> {
    /// # Errors
    /// `Running`, `Store`.
    pub(super) async fn check(backend: &'b Backend) -> Result<Self, Error> {
        let hosts = patiently(|| cluster::living(&*backend.liveness)).await?;
        if !hosts.is_empty() {
            let names: Vec<&str> = hosts.iter().map(|host| host.node.as_str()).collect();
            return Err(Error::Running { hosts: names.join(", ") });
        }
        Ok(Self { backend, claims: claims(backend).await? })
    }

    /// Whether nobody has come since.
    ///
    /// # Errors
    /// `Running`, `Disturbed`, `Store`.
    pub(super) async fn check_again(&self) -> Result<(), Error> {
        let now = Self::check(self.backend).await?;
        if now.claims == self.claims { Ok(()) } else { Err(Error::Disturbed) }
    }
}

async fn claims(backend: &Backend) -> Result<BTreeMap<u16, Option<Revision>>, Error> {
    let mut claims = BTreeMap::new();
    for bucket in backend.log.buckets() {
        let key = claim_key(bucket);
        let row = patiently(|| backend.actors.get(&key)).await?;
        claims.insert(bucket.number, row.map(|row| row.revision));
    }
    Ok(claims)
}

/// The floor of every bucket, if nothing waits above any.
///
/// # Errors
/// `NotDrained`, `Store`.
pub(super) async fn drained(backend: &Backend) -> Result<BTreeMap<BucketId, Seq>, Error> {
    let (mut floors, mut waiting) = (BTreeMap::new(), Vec::new());
    for bucket in backend.log.buckets() {
        let standing = patiently(|| backend.log.standing(bucket)).await?;
        floors.insert(bucket, standing.floor);
        waiting.extend(standing.waiting.map(|seq| (bucket, seq)));
    }
    match waiting.first() {
        None => Ok(floors),
        Some(&(bucket, seq)) => Err(Error::NotDrained { buckets: waiting.len(), bucket, seq }),
    }
}

/// Whether nobody has ever put anything into a store.
///
/// # Errors
/// `NotEmpty`, `Store`.
pub(super) async fn empty(backend: &Backend) -> Result<(), Error> {
    let refuse = |what| Err(Error::NotEmpty { what });
    let rows = patiently(|| backend.actors.list("", None, OTHER_ROWS_MAX)).await?;
    if rows.iter().any(|key| record::actor_of(key).is_some()) {
        return refuse("actors");
    }
    if !patiently(|| backend.registry.list(registry::PREFIX, None, 1)).await?.is_empty() {
        return refuse("kinds");
    }
    if !patiently(|| backend.log.read(Queue::DeadLetters, None, Seq(0), 1)).await?.is_empty() {
        return refuse("dead letters");
    }
    for bucket in backend.log.buckets() {
        if !patiently(|| backend.log.parked_actors(bucket)).await?.is_empty() {
            return refuse("parked messages");
        }
        if patiently(|| backend.log.standing(bucket)).await?.waiting.is_some() {
            return refuse("messages that wait");
        }
    }
    Ok(())
}
