//! A host that is killed with -9 again and again while money moves between accounts: none is lost, none is made, and every
//! acknowledged transfer happened exactly once. The accounts count each other's credits (`sample-actors/transfer`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hydra_tests::host::{Host, sample};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

const KILLS: u64 = 50;
const ACCOUNTS: u64 = 8;
const OPENED: u64 = 1_000;
const CLIENTS: u64 = 8;
/// Longest time that anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_with_fsync_lose_and_double_nothing() -> Result<()> {
    killed_again_and_again("fsync").await
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_with_the_systems_buffers_lose_and_double_nothing() -> Result<()> {
    killed_again_and_again("os").await
}

async fn killed_again_and_again(durability: &'static str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("store");
    let start = || Host::start(&data, &["--durability", durability, "--log", "info"]);
    let mut host = start()?;
    let component = sample("transfer")?;
    host.hydra(&["deploy", component.to_str().context("a path")?, "--kind", "transfer"])?;

    let (urls, url) = watch::channel(host.url.clone());
    let load = Arc::new(Load { url, ..Load::new() });
    for account in 0..ACCOUNTS {
        let body = json!({ "amount": OPENED });
        ensure!(load.until_answered(&account.to_string(), "open", &body, &format!("open-{account}")).await? == 200);
    }
    let mut clients: JoinSet<Result<()>> = (0..CLIENTS).map(|number| load.clone().run(number)).collect();
    for kill in 0..KILLS {
        load.wait_for(1 + (kill * 7919) % 61).await?;
        host.kill()?;
        host = start()?;
        urls.send_replace(host.url.clone());
    }
    load.wait_for(100).await?;
    load.stop.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    let accounts = load.settled().await?;
    check(&accounts, load.sent.load(Ordering::Relaxed))?;
    ensure!(host.terminate()?.code() == Some(0), "SIGTERM ends a host with 0");
    Ok(())
}

/// Clients that send money about, and keep trying until they are answered.
struct Load {
    http: reqwest::Client,
    url: watch::Receiver<String>,
    stop: AtomicBool,
    answered: AtomicU64,
    /// Transfers that were acknowledged as done.
    sent: AtomicU64,
    progress: Notify,
}

impl Load {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().expect("a client");
        let url = watch::channel(String::new()).1;
        let (stop, answered, sent) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
        Self { http, url, stop, answered, sent, progress: Notify::new() }
    }

    async fn run(self: Arc<Self>, client: u64) -> Result<()> {
        let mut random = client + 1;
        for number in 0_u64.. {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let from = (random >> 33) % ACCOUNTS;
            let to = (from + 1 + (random >> 45) % (ACCOUNTS - 1)) % ACCOUNTS;
            let body = json!({ "to": to.to_string(), "amount": 1 + (random >> 50) % 40 });
            let status =
                self.until_answered(&from.to_string(), "transfer", &body, &format!("{client}-{number}")).await?;
            ensure!(status == 200 || status == 422, "a transfer is done or refused, not {status}");
            self.sent.fetch_add(u64::from(status == 200), Ordering::Relaxed);
            self.answered.fetch_add(1, Ordering::Relaxed);
            self.progress.notify_one();
        }
        Ok(())
    }

    /// Repeats a message under its key until there is an outcome: all that a careful client has to do.
    async fn until_answered(&self, account: &str, subject: &str, body: &Value, key: &str) -> Result<u16> {
        let tried = async {
            let mut url = self.url.clone();
            loop {
                let base = url.borrow_and_update().clone();
                let request = self.http.post(format!("{base}/v1/actors/transfer/{account}/{subject}")).json(body);
                match request.header("Idempotency-Key", key).send().await {
                    Ok(answer) if answer.status().as_u16() != 503 => return Ok(answer.status().as_u16()),
                    // Away: it is started again elsewhere, or it answers again at once.
                    Ok(_) => tokio::task::yield_now().await,
                    Err(_) => drop(tokio::time::timeout(Duration::from_millis(50), url.changed()).await),
                }
            }
        };
        tokio::time::timeout(PATIENCE, tried).await.with_context(|| format!("{key} was never answered"))?
    }

    /// Waits for this many more answers.
    async fn wait_for(&self, more: u64) -> Result<()> {
        let goal = self.answered.load(Ordering::Relaxed) + more;
        let reached = async {
            while self.answered.load(Ordering::Relaxed) < goal {
                self.progress.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.context("the clients make no progress")
    }

    /// All accounts, once no credit is under way.
    async fn settled(&self) -> Result<BTreeMap<String, Value>> {
        let quiet = async {
            loop {
                let mut accounts = BTreeMap::new();
                for account in 0..ACCOUNTS {
                    let url = format!("{}/v1/actors/transfer/{account}/state", self.url.borrow().as_str());
                    let state = self.http.get(url).send().await?.error_for_status()?.json().await?;
                    accounts.insert(account.to_string(), state);
                }
                if sum(&accounts, "sent") == sum(&accounts, "received") {
                    return Ok(accounts);
                }
            }
        };
        tokio::time::timeout(PATIENCE, quiet).await.context("the accounts never settle")?
    }
}

fn sum(accounts: &BTreeMap<String, Value>, field: &str) -> u64 {
    accounts.values().map(|account| account[field].as_u64().unwrap_or_default()).sum()
}

fn check(accounts: &BTreeMap<String, Value>, acknowledged: u64) -> Result<()> {
    ensure!(sum(accounts, "balance") == ACCOUNTS * OPENED, "money was lost or made: {accounts:#?}");
    for field in ["doubled", "missed", "unchecked"] {
        ensure!(sum(accounts, field) == 0, "{field}: {accounts:#?}");
    }
    let peer = |of: &str, with: &str, field: &str| accounts[of]["peers"][with][field].as_u64().unwrap_or_default();
    let mut transfers = 0;
    for one in accounts.keys() {
        for other in accounts.keys() {
            let (sent, received) = (peer(one, other, "sent"), peer(other, one, "received"));
            ensure!(sent == received, "{one} sent {other} {sent} credits, {received} arrived");
            transfers += sent;
        }
    }
    ensure!(transfers == acknowledged, "{acknowledged} transfers were acknowledged, {transfers} happened");
    Ok(())
}
