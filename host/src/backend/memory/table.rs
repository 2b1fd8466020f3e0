//! The seam's `Table` in memory. A row that has expired goes when its table is used next.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::bounds::check_row;
use crate::backend::watchers::Watchers;
use crate::backend::{Entry, Error, Expect, Put, Table, Watch};
use crate::clock::{Clock, Time};
use crate::guard::lock;
use crate::id::Revision;
use crate::message::Headers;

/// One table of one store.
pub(in crate::backend) struct Rows {
    clock: Arc<Clock>,
    state: Mutex<RowsState>,
    watchers: Watchers,
}

#[derive(Default)]
struct RowsState {
    entries: BTreeMap<String, Entry>,
    /// The rows that expire, soonest first.
    expiries: BTreeMap<(Time, String), Revision>,
    revision: Revision,
}

impl Rows {
    pub(in crate::backend) fn new(clock: Arc<Clock>) -> Self {
        Self { clock, state: Mutex::default(), watchers: Watchers::new() }
    }

    /// Does something with the rows that have not expired.
    fn with<T>(&self, act: impl FnOnce(&mut RowsState, Time) -> T) -> T {
        let mut state = lock(&self.state);
        let now = self.clock.now();
        while let Some(((expires, key), revision)) = state.expiries.pop_first() {
            if expires > now {
                state.expiries.insert((expires, key), revision);
                break;
            }
            if state.entries.get(&key).is_some_and(|entry| entry.revision == revision) {
                state.entries.remove(&key);
                self.watchers.tell(&key, None);
            }
        }
        act(&mut state, now)
    }

    fn change(&self, key: &str, expect: Expect, entry: Option<Entry>, expires_after: Option<Duration>) -> Put {
        self.with(|state, now| {
            let found = state.entries.get(key).map(|entry| entry.revision);
            let as_expected = match expect {
                Expect::Any => true,
                Expect::Absent => found.is_none(),
                Expect::Revision(revision) => found == Some(revision),
            };
            if !as_expected {
                return Put::Refused;
            }
            state.revision.0 += 1;
            let revision = state.revision;
            let entry = entry.map(|entry| Entry { revision, ..entry });
            self.watchers.tell(key, entry.as_ref());
            match entry {
                Some(entry) => state.entries.insert(key.into(), entry),
                None => state.entries.remove(key),
            };
            if let Some(span) = expires_after {
                state.expiries.insert((now.plus(span), key.into()), revision);
            }
            Put::Written(revision)
        })
    }
}

#[async_trait]
impl Table for Rows {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        Ok(self.with(|state, _| state.entries.get(key).cloned()))
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        headers: Headers,
        expect: Expect,
        expires_after: Option<Duration>,
    ) -> Result<Put, Error> {
        check_row(&value, &headers)?;
        Ok(self.change(key, expect, Some(Entry { value, headers, revision: Revision(0) }), expires_after))
    }

    async fn delete(&self, key: &str, expect: Expect) -> Result<Put, Error> {
        Ok(self.change(key, expect, None, None))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, Error> {
        let from =
            after.map_or(Included(prefix), |after| if after < prefix { Included(prefix) } else { Excluded(after) });
        Ok(self.with(|state, _| {
            let keys = state.entries.range::<str, _>((from, Unbounded)).map(|(key, _)| key);
            keys.take_while(|key| key.starts_with(prefix)).take(limit).cloned().collect()
        }))
    }

    async fn watch(&self, prefix: &str) -> Result<Watch, Error> {
        self.watchers.watch(prefix)
    }
}
