//! Which hosts live: each writes a row that expires, again and again, and reads who else has one.
//! Used by `ownership`. A host is gone when its row is, and only if this host could have seen it: never after a gap of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::backend::{Error, Expect, Table};
use crate::clock::Time;
use crate::message::Headers;

/// First word of a living host's row.
const PREFIX: &str = "node.";
/// Rows read at once. A cluster of more hosts than this is beyond what buckets can be spread over.
const PAGE: usize = 1_000;

/// A running host, told apart from the one that had its name before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Member {
    /// Its name, for people.
    pub(crate) node: String,
    /// Drawn at its start.
    pub(crate) boot: String,
}

impl Member {
    fn key(&self) -> String {
        format!("{PREFIX}{}.{}", self.node, self.boot)
    }

    fn of_key(key: &str) -> Option<Self> {
        let (node, boot) = key.strip_prefix(PREFIX)?.split_once('.')?;
        Some(Self { node: node.into(), boot: boot.into() })
    }
}

/// What a host tells the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// When its oldest unfinished message was stored; none: all are done.
    pub(crate) oldest: Option<Time>,
}

/// Who lives, as far as this host can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Living {
    /// Those who have a row; this host is among them.
    pub(crate) members: BTreeSet<Member>,
    /// Nobody's row can have been missed: whoever is not among them is gone.
    pub(crate) certain: bool,
}

/// This host among the others.
pub(crate) struct Membership {
    me: Member,
    table: Arc<dyn Table>,
    /// How long a row lives without being written again.
    lease: Duration,
    /// Since when the rows have been read without a gap.
    watched_since: Option<Instant>,
    /// When this host's row was last written.
    written: Option<Instant>,
}

impl Membership {
    /// A host that is about to join. `lease` is in whole seconds.
    pub(crate) fn new(me: Member, table: Arc<dyn Table>, lease: Duration) -> Self {
        Self { me, table, lease, watched_since: None, written: None }
    }

    /// This host.
    pub(crate) fn me(&self) -> &Member {
        &self.me
    }

    /// Reads who lives and says that this host does. To be called several times within the lease.
    ///
    /// # Errors
    /// The store's: this host may be taken for gone; call again.
    pub(crate) async fn beat(&mut self, told: Told) -> Result<Living, Error> {
        let began = Instant::now();
        let beaten = self.read_and_write(told).await;
        // A slow call is a gap too: rows may have ended and others taken their place meanwhile.
        if beaten.is_err() || began.elapsed() > self.lease {
            self.watched_since = None;
        }
        let mut members = beaten?;
        let was_written = self.written.replace(began);
        // A server that was restarted has forgotten all rows, this host's too: the others need a moment to write theirs.
        let is_known = members.contains(&self.me) && was_written.is_some_and(|then| then.elapsed() <= self.lease);
        if !is_known {
            self.watched_since = None;
        }
        let since = *self.watched_since.get_or_insert(began);
        members.insert(self.me.clone());
        Ok(Living { members, certain: since.elapsed() >= self.lease })
    }

    async fn read_and_write(&self, told: Told) -> Result<BTreeSet<Member>, Error> {
        let members = living(&*self.table).await?;
        let row: Bytes = serde_json::to_vec(&told).unwrap_or_default().into();
        self.table.put(&self.me.key(), row, Headers::default(), Expect::Any, Some(self.lease)).await?;
        Ok(members.into_iter().collect())
    }

    /// What the others have told last.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn told(&self, living: &Living) -> Result<Vec<Told>, Error> {
        let mut told = Vec::new();
        for member in living.members.iter().filter(|member| **member != self.me) {
            let row = self.table.get(&member.key()).await?;
            // A row that ended meanwhile, or that a newer host wrote: it may need everything.
            let unknown = Told { oldest: Some(Time(0)) };
            told.push(row.and_then(|row| serde_json::from_slice(&row.value).ok()).unwrap_or(unknown));
        }
        Ok(told)
    }
}

/// Who has a row now: hosts that run, or that were killed within their lease.
///
/// # Errors
/// The store's.
pub(crate) async fn living(table: &dyn Table) -> Result<Vec<Member>, Error> {
    let keys = table.list(PREFIX, None, PAGE).await?;
    Ok(keys.iter().filter_map(|key| Member::of_key(key)).collect())
}

/// Says that a host has gone, so that nobody has to wait for its row to end.
///
/// # Errors
/// The store's: the row ends by itself.
pub(crate) async fn leave(table: &dyn Table, member: &Member) -> Result<(), Error> {
    table.delete(&member.key(), Expect::Any).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::memory;
    use crate::clock::Clock;

    const LEASE: Duration = Duration::from_secs(3);
    const TOLD: Told = Told { oldest: None };

    fn table() -> Arc<dyn Table> {
        memory::open(Arc::new(Clock::of_runtime(Time(1_700_000_000_000))), 1).liveness
    }

    fn member(name: &str) -> Member {
        Member { node: name.into(), boot: "b".into() }
    }

    fn membership(table: &Arc<dyn Table>, name: &str) -> Membership {
        Membership::new(member(name), table.clone(), LEASE)
    }

    async fn second() {
        tokio::time::advance(Duration::from_secs(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn absence_is_certain_only_after_a_lease_of_watching() {
        let table = table();
        let mut one = membership(&table, "one");
        for beat in 0..6 {
            assert_eq!(one.beat(TOLD).await.unwrap().certain, beat >= 3, "{beat}");
            second().await;
        }
        second().await;
        second().await;
        second().await;
        assert!(!one.beat(TOLD).await.unwrap().certain, "it stood still for longer than its lease");
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_that_a_restarted_server_forgot_are_not_taken_for_gone() {
        let table = table();
        let mut one = membership(&table, "one");
        for _ in 0..6 {
            one.beat(TOLD).await.unwrap();
            second().await;
        }
        table.delete(&member("one").key(), Expect::Any).await.unwrap();
        assert!(!one.beat(TOLD).await.unwrap().certain);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_is_seen_until_its_row_ends_or_it_leaves() {
        let table = table();
        let (mut one, mut other) = (membership(&table, "one"), membership(&table, "other"));
        other.beat(Told { oldest: Some(Time(7)) }).await.unwrap();
        let living = one.beat(TOLD).await.unwrap();
        assert_eq!(living.members, BTreeSet::from([member("one"), member("other")]));
        assert_eq!(one.told(&living).await.unwrap(), [Told { oldest: Some(Time(7)) }]);
        leave(&*table, &member("other")).await.unwrap();
        assert_eq!(one.beat(TOLD).await.unwrap().members, BTreeSet::from([member("one")]));
        assert_eq!(one.told(&living).await.unwrap(), [Told { oldest: Some(Time(0)) }], "it may have needed anything");
    }
}
