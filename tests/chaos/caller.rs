//! A careful client: what was not answered is repeated under its key until there is an outcome, wherever a host serves.
//! All workloads call through it; it counts outcomes, so that the test knows when work goes on again.
//! Never decides what an outcome means: the workloads do.

use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hydra_tests::http;
use reqwest::Response;
use tokio::sync::{Notify, watch};

/// Longest time that anything may take before the test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Wait before a host that did not take a message is asked again, unless hosts change before.
const AGAIN_AFTER: Duration = Duration::from_millis(20);
/// How long one try waits for an outcome.
const TRY: Duration = Duration::from_secs(2);

/// Of a host that is not this world's.
const FOREIGN: u16 = 401;

/// How a message ended.
pub(crate) struct Outcome {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Calls hosts, for one client.
pub(crate) struct Caller {
    shared: Arc<Shared>,
    outcomes: Arc<AtomicU64>,
}

/// What all clients share.
struct Shared {
    http: reqwest::Client,
    /// Where a host was killed another world's may serve soon: that one refuses who comes with this world's token.
    token: String,
    /// Where hosts serve, as far as the test knows.
    urls: watch::Receiver<Vec<String>>,
    /// For each client that is never idle, how many outcomes it was told.
    busy: Mutex<Vec<Arc<AtomicU64>>>,
    progress: Notify,
    /// Between one message of a client and its next.
    pace: Duration,
}

impl Caller {
    /// A caller of these hosts, whose clients wait this long between messages.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub(crate) fn new(urls: watch::Receiver<Vec<String>>, token: String, pace: Duration) -> Result<Self> {
        let (http, busy, progress) = (http::client()?, Mutex::default(), Notify::new());
        let shared = Shared { http, token, urls, busy, progress, pace };
        Ok(Self { shared: Arc::new(shared), outcomes: Arc::default() })
    }

    /// For a client that may be idle.
    pub(crate) fn idle(&self) -> Arc<Self> {
        Arc::new(Self { shared: self.shared.clone(), outcomes: Arc::default() })
    }

    /// For a client that always has a message under way.
    pub(crate) fn busy(&self) -> Arc<Self> {
        let caller = self.idle();
        self.clients().push(caller.outcomes.clone());
        caller
    }

    fn clients(&self) -> MutexGuard<'_, Vec<Arc<AtomicU64>>> {
        self.shared.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks `KIND/ID/SUBJECT` until there is an outcome: all that a careful client has to do.
    ///
    /// # Errors
    /// There was none: what was said last.
    pub(crate) async fn ask(&self, path: &str, body: &str, key: &str) -> Result<Outcome> {
        self.until_outcome(&format!("{path}?timeout={}s", TRY.as_secs()), body.to_owned(), key).await
    }

    /// Sends a message until it is accepted.
    ///
    /// # Errors
    /// It was not: what was said last.
    pub(crate) async fn send(&self, path: &str, body: impl Into<Bytes>, key: &str) -> Result<()> {
        let outcome = self.until_outcome(&format!("{path}?send"), body, key).await?;
        ensure!(outcome.status == 202, "{path} was not accepted: {}", outcome.status);
        Ok(())
    }

    /// Has an operator act on `KIND/ID` until it is done.
    ///
    /// # Errors
    /// It was not: what was said last.
    pub(crate) async fn operate(&self, actor: &str, operation: &str) -> Result<()> {
        let path = format!("/v1/admin/actors/{actor}/{operation}");
        let act =
            |base: String| self.shared.post(format!("{base}{path}?timeout={}s", TRY.as_secs())).timeout(2 * TRY).send();
        let outcome = self.persistently(&path, act).await?;
        ensure!(outcome.status == 204, "{path}: {} {:?}", outcome.status, outcome.body);
        Ok(())
    }

    /// Sends a message once, without a key. Whether it was accepted; if not, it may be stored or not.
    pub(crate) async fn send_once(&self, path: &str, body: impl Into<Bytes>) -> bool {
        let base = loop {
            match self.url(0) {
                Some(base) => break base,
                None => self.hosts_change().await,
            }
        };
        let answer = self.shared.post(format!("{base}/v1/actors/{path}?send")).body(body.into()).timeout(TRY).send();
        let is_accepted = answer.await.is_ok_and(|answer| answer.status() == 202);
        if !is_accepted {
            self.hosts_change().await;
        }
        self.keep_pace().await;
        is_accepted
    }

    /// Reads what a host tells; none where there is nothing.
    ///
    /// # Errors
    /// No host tells it.
    pub(crate) async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        let shared = &self.shared;
        let read =
            |base: String| shared.http.get(format!("{base}{path}")).bearer_auth(&shared.token).timeout(TRY).send();
        let outcome = self.persistently(path, read).await?;
        ensure!([200, 404].contains(&outcome.status), "{path}: {}", outcome.status);
        Ok((outcome.status == 200).then_some(outcome.body))
    }

    /// Waits for this many more outcomes of busy clients.
    ///
    /// # Errors
    /// They do not come.
    pub(crate) async fn wait_for(&self, more: u64) -> Result<()> {
        let goal = self.told().iter().sum::<u64>() + more;
        self.wait_until(|told| told.iter().sum::<u64>() >= goal).await
    }

    /// Waits until every busy client was told an outcome of something that it asked from now on.
    ///
    /// # Errors
    /// One is not.
    pub(crate) async fn wait_for_everybody(&self) -> Result<()> {
        // The next one may be of what was asked before.
        let goals: Vec<u64> = self.told().iter().map(|told| told + 2).collect();
        self.wait_until(|told| told.iter().zip(&goals).all(|(told, goal)| told >= goal)).await
    }

    fn told(&self) -> Vec<u64> {
        self.clients().iter().map(|outcomes| outcomes.load(Ordering::Relaxed)).collect()
    }

    async fn wait_until(&self, reached: impl Fn(&[u64]) -> bool) -> Result<()> {
        let reached = async {
            while !reached(&self.told()) {
                self.shared.progress.notified().await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, reached).await;
        ended.with_context(|| format!("clients make no progress: {:?}", self.told()))
    }

    async fn keep_pace(&self) {
        if !self.shared.pace.is_zero() {
            let _ = tokio::time::timeout(self.shared.pace, pending::<()>()).await;
        }
    }

    async fn until_outcome(&self, path: &str, body: impl Into<Bytes>, key: &str) -> Result<Outcome> {
        let body = body.into();
        let ask = |base: String| {
            let request = self.shared.post(format!("{base}/v1/actors/{path}")).header("Idempotency-Key", key);
            request.body(body.clone()).timeout(2 * TRY).send()
        };
        let outcome = self.persistently(path, ask).await.with_context(|| format!("the message with key {key}"))?;
        self.outcomes.fetch_add(1, Ordering::Relaxed);
        self.shared.progress.notify_one();
        self.keep_pace().await;
        Ok(outcome)
    }

    async fn persistently<Call, Answer>(&self, what: &str, call: Call) -> Result<Outcome>
    where
        Call: Fn(String) -> Answer,
        Answer: Future<Output = reqwest::Result<Response>>,
    {
        let mut last = String::from("no host serves");
        let tried = async {
            for attempt in 0.. {
                if let Some(base) = self.url(attempt) {
                    match outcome(call(base).await).await {
                        Ok(outcome) => return Some(outcome),
                        Err(why) => last = why,
                    }
                }
                self.hosts_change().await;
            }
            None
        };
        let found = tokio::time::timeout(PATIENCE, tried).await.ok().flatten();
        found.with_context(|| format!("{what} had no outcome within {PATIENCE:?}: {last}"))
    }

    /// One of the hosts, another one at each attempt.
    fn url(&self, attempt: usize) -> Option<String> {
        let urls = self.shared.urls.borrow();
        urls.get(attempt.checked_rem(urls.len())?).cloned()
    }

    /// Waits until hosts come or go, for a moment at most.
    async fn hosts_change(&self) {
        let mut urls = self.shared.urls.clone();
        urls.mark_unchanged();
        let _ = tokio::time::timeout(AGAIN_AFTER, urls.changed()).await;
    }
}

impl Shared {
    fn post(&self, url: String) -> reqwest::RequestBuilder {
        self.http.post(url).bearer_auth(&self.token)
    }
}

/// What counts as an outcome: neither a host that is away, nor one that still tries, nor another world's.
async fn outcome(answer: reqwest::Result<Response>) -> Result<Outcome, String> {
    let answer = answer.map_err(|error| format!("{error:?}"))?;
    let status = answer.status().as_u16();
    let body = answer.bytes().await.map_err(|error| format!("{error:?}"))?;
    if [FOREIGN, 503, 504].contains(&status) {
        return Err(String::from_utf8_lossy(&body).into_owned());
    }
    Ok(Outcome { status, body })
}
