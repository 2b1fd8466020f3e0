//! The map of buckets: how the slots of a region are divided, which incarnation of its buckets this is, and whether all of
//! its streams were made. One row of the registry, written by the first hosts, and again only when the store is filled
//! from another one.
//! Read by `open` and `inspect`; never by the host, which asks the seam.

use serde::{Deserialize, Serialize};

use super::error::OpenError;
use super::names::{Names, TableName};
use super::session::Session;
use super::table::Rows;
use crate::backend::{self, Expect, Put, Table};
use crate::message::Headers;

/// The version of the map that this program reads and writes.
const FORMAT: u32 = 1;

/// The row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BucketMap {
    format: u32,
    /// Equal shares of the slots.
    pub(super) buckets: u16,
    /// Of every bucket.
    #[serde(default = "first_incarnation")]
    pub(super) incarnation: u32,
    /// All streams were made: one that is missing was lost.
    #[serde(default)]
    pub(super) complete: bool,
}

fn first_incarnation() -> u32 {
    1
}

/// The map of this system. A new system gets `wanted` buckets.
///
/// # Errors
/// `OpenError::Store`: the row does not read back, or the registry does not serve.
pub(super) async fn take(registry: &dyn Table, names: &Names, wanted: u16) -> Result<BucketMap, OpenError> {
    let key = names.bucket_map();
    let map = BucketMap { format: FORMAT, buckets: wanted, incarnation: first_incarnation(), complete: false };
    let stored = match registry.get(&key).await? {
        Some(entry) => read_row(&key, &entry.value)?,
        None => match registry.put(&key, write(&map).into(), Headers::default(), Expect::Absent, None).await? {
            Put::Written(_) => map,
            // Another host was faster.
            Put::Refused => read_row(&key, &registry.get(&key).await?.map(|entry| entry.value).unwrap_or_default())?,
        },
    };
    if stored.buckets != wanted {
        tracing::info!(
            buckets = stored.buckets,
            "the system has its number of buckets already: store.buckets does not count"
        );
    }
    Ok(stored)
}

/// Notes that all streams are there.
///
/// # Errors
/// `OpenError::Store`: the row does not read back, or the registry does not serve.
pub(super) async fn complete(registry: &dyn Table, names: &Names) -> Result<(), OpenError> {
    let key = names.bucket_map();
    let row = registry.get(&key).await?.ok_or_else(|| damaged(&key, "it is gone"))?;
    let map = BucketMap { complete: true, ..read_row(&key, &row.value)? };
    // Refused: another host has just noted the same, or raised the incarnation; then the next start notes it.
    registry.put(&key, write(&map).into(), Headers::default(), Expect::Revision(row.revision), None).await?;
    Ok(())
}

/// How many buckets a stored map says there are.
///
/// # Errors
/// `OpenError::Store`: it does not read back.
pub(super) fn read(key: &str, stored: &[u8]) -> Result<u16, OpenError> {
    Ok(read_row(key, stored)?.buckets)
}

/// Raises the incarnation of all buckets.
///
/// # Errors
/// `Unavailable`, `Unknown`: call again. `Damaged`: the row does not read back.
pub(super) async fn begin_incarnation(session: &Session, incarnation: u32) -> Result<(), backend::Error> {
    let (registry, key) = (Rows::new(session, TableName::Registry).await?, session.names.bucket_map());
    let row = registry.get(&key).await?.ok_or_else(|| damaged(&key, "it is gone"))?;
    let mut map = read_row(&key, &row.value)?;
    if map.incarnation >= incarnation {
        return Ok(());
    }
    map.incarnation = incarnation;
    match registry.put(&key, write(&map).into(), Headers::default(), Expect::Revision(row.revision), None).await? {
        Put::Written(_) => Ok(()),
        Put::Refused => Err(backend::Error::Unavailable { reason: format!("the row {key} was changed just now") }),
    }
}

fn write(map: &BucketMap) -> Vec<u8> {
    serde_json::to_vec(map).unwrap_or_default()
}

fn read_row(key: &str, stored: &[u8]) -> Result<BucketMap, backend::Error> {
    let map: BucketMap = serde_json::from_slice(stored).map_err(|error| damaged(key, &error.to_string()))?;
    if map.format != FORMAT || !map.buckets.is_power_of_two() || map.buckets > 256 || map.incarnation == 0 {
        return Err(damaged(key, "made by another version: use the version that made it"));
    }
    Ok(map)
}

fn damaged(key: &str, reason: &str) -> backend::Error {
    let reason = format!("the row {key} of the registry, which says how the slots are divided: {reason}");
    backend::Error::Damaged { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_from_before_there_were_incarnations_is_the_first() {
        let map = read_row("buckets.local", br#"{"format":1,"buckets":16}"#).unwrap();
        assert_eq!((map.buckets, map.incarnation, map.complete), (16, 1, false));
        assert_eq!(read_row("buckets.local", &write(&map)).unwrap(), map);
        for foreign in [&b"{}"[..], br#"{"format":2,"buckets":16}"#, br#"{"format":1,"buckets":3}"#] {
            assert!(read("buckets.local", foreign).is_err());
        }
    }
}
