//! Workload: accounts that send each other money (`sample-actors/transfer`), asked for under keys.
//! Shows that what actors send each other is neither lost nor doubled nor changes places: accounts number their credits,
//! and the receiver checks the numbers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;
use crate::tally::Tally;

const ACCOUNTS: u64 = 8;
const OPENED: u64 = 1_000;
/// Longest time that credits may be under way once nobody sends any more.
const PATIENCE: Duration = Duration::from_secs(30);

/// All accounts, and what clients did with them.
pub(crate) struct Transfers {
    caller: Arc<Caller>,
    /// Makes keys.
    next: AtomicU64,
    /// Transfers that were acknowledged as done.
    done: AtomicU64,
    refused: AtomicU64,
}

impl Transfers {
    /// Opens the accounts.
    ///
    /// # Errors
    /// One was not opened.
    pub(crate) async fn open(caller: Arc<Caller>) -> Result<Arc<Self>> {
        for account in 0..ACCOUNTS {
            let body = json!({ "amount": OPENED }).to_string();
            let outcome = caller.ask(&format!("transfer/{account}/open"), &body, &format!("open-{account}")).await?;
            ensure!(outcome.status == 200, "account {account} was not opened: {}", outcome.status);
        }
        let (next, done, refused) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Ok(Arc::new(Self { caller, next, done, refused }))
    }

    /// One client: sends money about until it is stopped.
    pub(crate) async fn run(
        self: Arc<Self>,
        caller: Arc<Caller>,
        mut random: Rng,
        stop: CancellationToken,
    ) -> Result<()> {
        while !stop.is_cancelled() {
            let from = random.u64(..ACCOUNTS);
            let to = (from + random.u64(1..ACCOUNTS)) % ACCOUNTS;
            let body = json!({ "to": to.to_string(), "amount": random.u64(1..=40) }).to_string();
            let key = format!("transfer-{}", self.next.fetch_add(1, Ordering::Relaxed));
            let outcome = caller.ask(&format!("transfer/{from}/transfer"), &body, &key).await?;
            match outcome.status {
                200 => self.done.fetch_add(1, Ordering::Relaxed),
                422 => self.refused.fetch_add(1, Ordering::Relaxed),
                status => anyhow::bail!("a transfer is done or refused, not {status}"),
            };
        }
        Ok(())
    }

    /// Once no credit is under way: is it all as it should be?
    pub(crate) async fn check(&self, tally: &mut Tally) -> Result<()> {
        let accounts = self.settled().await?;
        let (done, refused) = (self.done.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed));
        tally.accepted += done + refused;
        tally.turns += 2 * done + refused;
        tally.compare("money of all accounts", ACCOUNTS * OPENED, sum(&accounts, "balance"));
        tally.compare("credits that came twice or late", 0, sum(&accounts, "doubled"));
        tally.compare("credits that did not come before later ones", 0, sum(&accounts, "missed"));
        let mut happened = 0;
        for one in accounts.keys() {
            for other in accounts.keys() {
                let (sent, received) = (peer(&accounts, one, other, "sent"), peer(&accounts, other, one, "received"));
                tally.compare(format!("credits from {one} to {other}"), sent, received);
                happened += sent;
            }
        }
        tally.compare("transfers", done, happened);
        Ok(())
    }

    /// All accounts, once as much was received as was sent; as they are, if that never comes.
    async fn settled(&self) -> Result<BTreeMap<String, Value>> {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut accounts = BTreeMap::new();
            for account in 0..ACCOUNTS {
                let state = self.caller.get(&format!("/v1/actors/transfer/{account}/state")).await?;
                accounts.insert(account.to_string(), serde_json::from_slice(&state.context("an account")?)?);
            }
            if sum(&accounts, "sent") == sum(&accounts, "received") || Instant::now() > end {
                return Ok(accounts);
            }
        }
    }
}

fn sum(accounts: &BTreeMap<String, Value>, field: &str) -> u64 {
    accounts.values().map(|account| account[field].as_u64().unwrap_or_default()).sum()
}

fn peer(accounts: &BTreeMap<String, Value>, of: &str, with: &str, field: &str) -> u64 {
    accounts[of]["peers"][with][field].as_u64().unwrap_or_default()
}
