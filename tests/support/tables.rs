//! The tables as one node sees them on a bad day: the actors' records and claims, and who lives.
//! Called by the host in place of the real ones; `link` says what goes wrong. Breaks a rule only if it is told to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hydra::backend::{Entry, Error, Expect, Put, Table, Watch};
use hydra::message::Headers;

use crate::faults::Rule;
use crate::link::{Link, Way};

/// Earlier entries of one row that a stale read may bring.
const EARLIER_MAX: usize = 4;
/// First word of an ownership row.
const CLAIM: &str = "own.";
/// A living node's row, while rows end early: gone before it is written again.
const EARLY: Duration = Duration::from_millis(100);

/// Records and claims.
pub(crate) struct Actors(pub(crate) Arc<Link>);

#[async_trait]
impl Table for Actors {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        let faults = &self.0.faults;
        let mut entry = self.0.ask(Way::Store, "read a row", faults.store.actors.get(key)).await?;
        if entry.is_some()
            && let Some(earlier) = self.0.earlier(key)
        {
            entry = Some(earlier);
        }
        if key.starts_with(CLAIM) && faults.is_broken(Rule::Claim) {
            let own = self.0.written.lock().expect("rows").get(key).cloned();
            return Ok(own.or(entry));
        }
        if let Some(entry) = &mut entry {
            // As a store may that keeps headers in an order of its own.
            entry.headers.0.sort_by(|(one, _), (other, _)| other.cmp(one));
        }
        Ok(entry.map(|entry| Entry { headers: disguised(entry.headers, faults.broken), ..entry }))
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        headers: Headers,
        mut expect: Expect,
        mut expires_after: Option<Duration>,
    ) -> Result<Put, Error> {
        let (link, key) = (self.0.clone(), key.to_owned());
        if link.faults.is_broken(Rule::CompareAndSwap) && key.ends_with(".state") {
            expect = Expect::Any;
        }
        if link.faults.is_broken(Rule::Tombstone) {
            expires_after = expires_after.map(|_| Duration::ZERO);
        }
        let put = async move {
            let table = &link.faults.store.actors;
            let before = table.get(&key).await?;
            let put = table.put(&key, value.clone(), headers.clone(), expect, expires_after).await?;
            let Put::Written(revision) = put else {
                link.note(&format!("may not write {key}"));
                return Ok(put);
            };
            let entry = Entry { value, headers, revision };
            link.faults.witness().wrote(link.faults.now(), link.name, &key, &entry);
            link.written.lock().expect("rows").insert(key.clone(), entry);
            let mut earlier = link.faults.earlier.lock().expect("entries");
            let entries = earlier.entry(key).or_default();
            entries.extend(before);
            let surplus = entries.len().saturating_sub(EARLIER_MAX);
            drop(entries.drain(..surplus));
            Ok(put)
        };
        self.0.change(Way::Store, "write", put).await
    }

    async fn delete(&self, key: &str, expect: Expect) -> Result<Put, Error> {
        let (store, key) = (self.0.faults.store.actors.clone(), key.to_owned());
        self.0.change(Way::Store, "delete", async move { store.delete(&key, expect).await }).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, Error> {
        self.0.ask(Way::Store, "list", self.0.faults.store.actors.list(prefix, after, limit)).await
    }

    async fn watch(&self, prefix: &str) -> Result<Watch, Error> {
        self.0.ask(Way::Store, "watch", self.0.faults.store.actors.watch(prefix)).await
    }
}

/// A record as a host reads it that does not know a rule.
fn disguised(headers: Headers, broken: Option<Rule>) -> Headers {
    let hidden = match broken {
        Some(Rule::Cursor) => "Hydra-Cursor",
        Some(Rule::Outbox) => "Hydra-Outbox",
        Some(Rule::ParkedPosition) => return forgotten_position(headers),
        _ => return headers,
    };
    Headers(headers.0.into_iter().filter(|(name, _)| name != hidden).collect())
}

/// The position in the parked queue is its beginning.
fn forgotten_position(mut headers: Headers) -> Headers {
    for (_, value) in headers.0.iter_mut().filter(|(name, _)| name == "Hydra-Parked") {
        let (bucket, count) = (value.split(':').next(), value.split(' ').next_back());
        *value = format!("{}:0 {}", bucket.unwrap_or_default(), count.unwrap_or_default());
    }
    headers
}

/// Who lives.
pub(crate) struct Liveness(pub(crate) Arc<Link>);

#[async_trait]
impl Table for Liveness {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        self.0.ask(Way::Liveness, "see a living node", self.0.faults.store.liveness.get(key)).await
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        headers: Headers,
        expect: Expect,
        expires_after: Option<Duration>,
    ) -> Result<Put, Error> {
        let (link, key) = (self.0.clone(), key.to_owned());
        let expires_after = expires_after.map(|span| if link.faults.rows_end_early() { EARLY } else { span });
        let put = async move {
            let table = &link.faults.store.liveness;
            let put = table.put(&key, value.clone(), headers.clone(), expect, expires_after).await?;
            if let Put::Written(revision) = put {
                link.written.lock().expect("rows").insert(key, Entry { value, headers, revision });
            }
            Ok(put)
        };
        self.0.change(Way::Liveness, "say that it lives", put).await
    }

    async fn delete(&self, key: &str, expect: Expect) -> Result<Put, Error> {
        let (store, key) = (self.0.faults.store.liveness.clone(), key.to_owned());
        self.0.change(Way::Liveness, "leave", async move { store.delete(&key, expect).await }).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, Error> {
        let list = self.0.faults.store.liveness.list(prefix, after, limit);
        let mut keys = self.0.ask(Way::Liveness, "see who lives", list).await?;
        if self.0.is_blind() {
            let written = self.0.written.lock().expect("rows");
            keys.retain(|key| written.contains_key(key));
        }
        Ok(keys)
    }

    async fn watch(&self, prefix: &str) -> Result<Watch, Error> {
        self.0.ask(Way::Liveness, "watch who lives", self.0.faults.store.liveness.watch(prefix)).await
    }
}
