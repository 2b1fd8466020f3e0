//! Workload: counters (`sample-actors/counter`). One client's own counter is asked under keys and must answer with the next
//! number each time, also after it was deleted; the counter of all clients gets messages without keys, each once.
//! Shows that an answer, however late and however often it was asked for, tells of exactly one effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::caller::{Caller, Told};
use crate::tally::Tally;

/// After this many additions a client deletes its counter, and begins anew.
const DELETED_AFTER: u64 = 25;

/// A counter that one client has for itself.
pub(crate) struct Own {
    caller: Arc<Caller>,
    name: String,
    messages: AtomicU64,
    value: AtomicU64,
    lost: AtomicU64,
    doubled: AtomicU64,
}

impl Own {
    /// The counter of this name.
    pub(crate) fn new(caller: Arc<Caller>, name: String) -> Arc<Self> {
        let [messages, value, lost, doubled] = [const { AtomicU64::new(0) }; 4];
        Arc::new(Self { caller, name, messages, value, lost, doubled })
    }

    /// Adds and deletes until it is stopped.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        while !stop.is_cancelled() {
            let number = self.messages.fetch_add(1, Ordering::Relaxed);
            let is_delete = number % (DELETED_AFTER + 1) == DELETED_AFTER;
            let (subject, wanted) = if is_delete { ("delete", 204) } else { ("add", 200) };
            let path = format!("counter/{}/{subject}", self.name);
            let outcome = self.caller.ask(&path, "1", &format!("{}-{number}", self.name)).await?;
            ensure!(outcome.status == wanted, "{path} ended with {}", outcome.status);
            match is_delete {
                true => self.value.store(0, Ordering::Relaxed),
                false => self.compare(number_in(&outcome.body)?),
            }
        }
        Ok(())
    }

    fn compare(&self, found: u64) {
        let expected = self.value.swap(found, Ordering::Relaxed) + 1;
        self.lost.fetch_add(expected.saturating_sub(found), Ordering::Relaxed);
        self.doubled.fetch_add(found.saturating_sub(expected), Ordering::Relaxed);
    }

    /// Is it all as it should be?
    pub(crate) async fn check(&self, tally: &mut Tally) -> Result<()> {
        let messages = self.messages.load(Ordering::Relaxed);
        tally.accepted += messages;
        tally.turns += messages;
        tally.compare(format!("{}: additions that were lost", self.name), 0, self.lost.load(Ordering::Relaxed));
        tally.compare(format!("{}: additions that were doubled", self.name), 0, self.doubled.load(Ordering::Relaxed));
        let key = format!("{}-check-{messages}", self.name);
        let outcome = self.caller.ask(&format!("counter/{}/get", self.name), "", &key).await?;
        tally.compare(&self.name, self.value.load(Ordering::Relaxed), number_in(&outcome.body)?);
        Ok(())
    }
}

/// A counter of all, which gets messages without keys.
pub(crate) struct Common {
    caller: Arc<Caller>,
    name: &'static str,
    accepted: AtomicU64,
    unknown: AtomicU64,
    checks: AtomicU64,
}

impl Common {
    /// The counter of this name.
    pub(crate) fn new(caller: Arc<Caller>, name: &'static str) -> Arc<Self> {
        let [accepted, unknown, checks] = [const { AtomicU64::new(0) }; 3];
        Arc::new(Self { caller, name, accepted, unknown, checks })
    }

    /// Adds until it is stopped.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        while !stop.is_cancelled() {
            match self.caller.send_once(&format!("counter/{}/add", self.name), "1").await {
                Told::Accepted => drop(self.accepted.fetch_add(1, Ordering::Relaxed)),
                Told::Nothing => drop(self.unknown.fetch_add(1, Ordering::Relaxed)),
                Told::NotStored => {}
            }
        }
        Ok(())
    }

    /// Is it all as it should be? An answer comes when everything accepted before is handled.
    pub(crate) async fn check(&self, tally: &mut Tally) -> Result<()> {
        let (accepted, unknown) = (self.accepted.load(Ordering::Relaxed), self.unknown.load(Ordering::Relaxed));
        let key = format!("{}-check-{}", self.name, self.checks.fetch_add(1, Ordering::Relaxed));
        let outcome = self.caller.ask(&format!("counter/{}/get", self.name), "", &key).await?;
        let value = number_in(&outcome.body)?;
        tally.accepted += accepted;
        tally.unknown += unknown;
        tally.turns += value;
        tally.compare(self.name, value.clamp(accepted, accepted + unknown), value);
        Ok(())
    }
}

fn number_in(body: &Bytes) -> Result<u64> {
    Ok(serde_json::from_slice(body)?)
}
