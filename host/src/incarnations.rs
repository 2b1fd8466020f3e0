//! Where a store comes from: which incarnations its buckets had before, and whether it was filled to the end. One row beside
//! the ownership rows, written by `archive` alone; `node` reads it before it takes up anything. A store that was never
//! filled from another one has no such row.

use serde::{Deserialize, Serialize};

use crate::backend::{Entry, Error, Expect, Put, Table};
use crate::clock::Time;
use crate::id::Revision;
use crate::message::Headers;

/// Where the row is kept.
const KEY: &str = "own.incarnations";
/// Version of the row that this program reads and writes.
const FORMAT: u32 = 1;
/// Earlier incarnations that are remembered; the oldest go first. Only the latest decides anything.
const RETIRED_MAX: usize = 64;

/// What the row says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnations {
    format: u32,
    /// Earlier incarnations, the latest last.
    retired: Vec<Retired>,
    /// An import that has not ended yet.
    #[serde(default)]
    importing: Option<Import>,
}

/// An incarnation that is history: everything in it was handled and handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Which.
    pub incarnation: u32,
    /// When it was exported, by its own log's time: nothing of it was made later.
    pub until: Time,
}

/// An import that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Names the file.
    pub digest: String,
    /// What the buckets become.
    pub incarnation: u32,
}

impl Default for Incarnations {
    fn default() -> Self {
        Self { format: FORMAT, retired: Vec::new(), importing: None }
    }
}

impl Incarnations {
    /// The incarnations that are history, with one more.
    #[must_use]
    pub fn after(mut retired: Vec<Retired>, latest: Retired) -> Self {
        retired.push(latest);
        let excess = retired.len().saturating_sub(RETIRED_MAX);
        retired.drain(..excess);
        Self { retired, ..Self::default() }
    }

    /// The same while an import goes on.
    #[must_use]
    pub fn importing(self, import: Import) -> Self {
        Self { importing: Some(import), ..self }
    }

    /// The import that has not ended yet.
    #[must_use]
    pub fn unfinished(&self) -> Option<&Import> {
        self.importing.as_ref()
    }

    /// Earlier incarnations, the latest last.
    #[must_use]
    pub fn retired(&self) -> &[Retired] {
        &self.retired
    }

    /// Until when the store was another one, if it ever was.
    #[must_use]
    pub fn until(&self) -> Option<Time> {
        self.retired.last().map(|retired| retired.until)
    }
}

/// Reads what is stored, and which write of it.
///
/// # Errors
/// The store's; `Damaged`: the row was changed by hand or by a newer host.
pub async fn read(table: &dyn Table) -> Result<(Incarnations, Option<Revision>), Error> {
    match table.get(KEY).await? {
        None => Ok((Incarnations::default(), None)),
        Some(Entry { value, revision, .. }) => Ok((decode(&value)?, Some(revision))),
    }
}

fn decode(value: &[u8]) -> Result<Incarnations, Error> {
    let damaged = |reason: String| Error::Damaged { reason: format!("the row {KEY}: {reason}") };
    let row: Incarnations = serde_json::from_slice(value).map_err(|error| damaged(error.to_string()))?;
    if row.format == FORMAT { Ok(row) } else { Err(damaged("made by another version: use that one".into())) }
}

/// Writes the row over the one that was read.
///
/// # Errors
/// The store's.
pub async fn write(table: &dyn Table, row: &Incarnations, read: Option<Revision>) -> Result<Put, Error> {
    let value = serde_json::to_vec(row).unwrap_or_default();
    let expect = read.map_or(Expect::Absent, Expect::Revision);
    table.put(KEY, value.into(), Headers::default(), expect, None).await
}

/// Reads where a store comes from that is to be served.
///
/// # Errors
/// As [`read`]; `Damaged`: an import into it did not end, and half of it is missing.
pub async fn whole(table: &dyn Table) -> Result<Incarnations, Error> {
    let (row, _) = read(table).await?;
    if row.importing.is_none() {
        return Ok(row);
    }
    let reason = "an import into it did not end: repeat it with the same file: hydra store import FILE";
    Err(Error::Damaged { reason: reason.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_incarnations_are_remembered() {
        let mut row = Incarnations::default();
        assert_eq!(row.until(), None);
        for incarnation in 1..=100 {
            let latest = Retired { incarnation, until: Time(incarnation.into()) };
            row = Incarnations::after(row.retired().to_vec(), latest);
        }
        assert_eq!((row.retired().len(), row.until()), (RETIRED_MAX, Some(Time(100))));
        assert_eq!(decode(&serde_json::to_vec(&row).unwrap()).unwrap(), row);
    }

    #[test]
    fn a_row_of_another_version_is_an_error() {
        assert!(decode(br#"{"format":2,"retired":[]}"#).is_err() && decode(b"").is_err());
    }
}
