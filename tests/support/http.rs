//! A served HTTP API for black-box tests, on a port of its own, and a client for it.
//! `api` is one on a node with scripted handlers, `away` one whose store does not answer; `Served` serves either.
//! Never looks behind the API.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hydra::backend::{
    Appended, Backend, Blobs, Delivery, Entry, Error, Expect, Follow, History, Inbox, Log, NewMessage, Notice, Put,
    Queue, Standing, Table, Watch,
};
use hydra::clock::Time;
use hydra::config;
use hydra::connector::Endpoints;
use hydra::digest::Digest;
use hydra::http::{Api, view};
use hydra::id::{ActorId, BucketId, Epoch, Seq};
use hydra::message::Headers;
use hydra::names::MessageId;
use hydra::node::Node;
use reqwest::{Method, RequestBuilder, Response};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::scripted::Rig;

/// A served API. Stops when it is dropped.
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    /// Stops it.
    pub shutdown: CancellationToken,
    /// Ends when it has stopped.
    pub ended: JoinHandle<Result<(), hydra::http::Error>>,
    client: reqwest::Client,
}

impl Served {
    /// Serves this API on a free port of the loopback address.
    ///
    /// # Errors
    /// The settings are refused.
    pub async fn start(mut api: Api) -> anyhow::Result<Self> {
        api.config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = hydra::http::bind(&api.config).await?;
        let (address, shutdown) = (listener.local_addr()?, CancellationToken::new());
        let ended = TaskTracker::new().spawn(hydra::http::serve(listener, api, shutdown.clone()));
        Ok(Self { address, shutdown, ended, client: client()? })
    }

    /// A request to this API.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// `GET path`.
    ///
    /// # Errors
    /// No answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Response> {
        Ok(self.request(Method::GET, path).send().await?)
    }

    /// `POST path` with a body.
    ///
    /// # Errors
    /// No answer.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> anyhow::Result<Response> {
        Ok(self.request(Method::POST, path).body(body).send().await?)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// The problem in a response.
///
/// # Errors
/// It is no problem document, or its status is not the response's.
pub async fn problem(response: Response) -> anyhow::Result<view::Problem> {
    let status = response.status();
    let kind = response.headers().get("content-type").cloned();
    let text = response.text().await?;
    anyhow::ensure!(kind.is_some_and(|kind| kind == "application/problem+json"), "no problem: {status} {text}");
    let problem: view::Problem = serde_json::from_str(&text)?;
    anyhow::ensure!(problem.status == status.as_u16(), "{status} says {text}");
    Ok(problem)
}

/// A client that gives up after 30 s.
///
/// # Errors
/// The TLS library does not load.
pub fn client() -> anyhow::Result<reqwest::Client> {
    // The client insists on a TLS provider, though nothing here speaks TLS; a second installation changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?)
}

/// Starts a node on a rig's store, and what an API on it serves. The node ends when it is dropped by the test.
pub async fn api(rig: &Rig) -> (Arc<Node>, Api) {
    let (node, registry) = rig.start().await;
    let node = Arc::new(node);
    let probe = Arc::clone(&node);
    let (client, backend, config) = (node.client(), rig.backend.clone(), config::Http::default());
    let (inquiry, metrics, sources, endpoints, ready) =
        (node.inquiry(), rig.metrics.clone(), Vec::new(), Endpoints::default(), Arc::new(move || probe.ready()));
    (node, Api { client, registry, backend, inquiry, config, sources, endpoints, ready, metrics })
}

/// An API whose store is away: for everything that is decided before the store is asked, and for what happens then.
pub async fn away() -> Api {
    let store = Arc::new(Away::default());
    let table = || -> Arc<dyn Table> { store.clone() };
    let backend = Backend {
        actors: table(),
        registry: table(),
        liveness: table(),
        log: store.clone(),
        blobs: store.clone(),
        exclusive: true,
    };
    Api { backend, ..api(&Rig::new()).await.1 }
}

/// A store that does not answer. Only following works, and nothing is ever told.
#[derive(Default)]
struct Away {
    followers: Mutex<Vec<mpsc::Sender<Notice>>>,
}

fn unavailable<T>() -> Result<T, Error> {
    Err(Error::Unavailable { reason: "it is away".into() })
}

#[async_trait::async_trait]
impl Log for Away {
    fn now(&self) -> Result<Time, Error> {
        unavailable()
    }
    fn buckets(&self) -> Vec<BucketId> {
        Vec::new()
    }
    fn bucket_of(&self, _: &ActorId) -> BucketId {
        BucketId { number: 0, incarnation: 1 }
    }
    async fn begin_incarnation(&self, _: u32) -> Result<(), Error> {
        unavailable()
    }
    async fn standing(&self, _: BucketId) -> Result<Standing, Error> {
        unavailable()
    }
    async fn append(&self, _: Vec<NewMessage>) -> Result<Vec<Appended>, Error> {
        unavailable()
    }
    async fn inbox(&self, _: BucketId, _: Epoch) -> Result<Box<dyn Inbox>, Error> {
        unavailable()
    }
    async fn read(&self, _: Queue, _: Option<&ActorId>, _: Seq, _: usize) -> Result<Vec<Delivery>, Error> {
        unavailable()
    }
    async fn remove_dead_letter(&self, _: Seq) -> Result<bool, Error> {
        unavailable()
    }
    async fn trim_parked(&self, _: &ActorId, _: Seq) -> Result<(), Error> {
        unavailable()
    }
    async fn parked_actors(&self, _: BucketId) -> Result<Vec<ActorId>, Error> {
        unavailable()
    }
    async fn find(&self, _: &ActorId, _: Time, _: Seq, _: &[MessageId]) -> Result<History, Error> {
        unavailable()
    }
    fn notify(&self, _: Notice) {}
    fn is_followed(&self, _: &str) -> bool {
        false
    }
    async fn follow(&self, _: &str) -> Result<Follow, Error> {
        let (sender, follow) = mpsc::channel(1);
        self.followers.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        Ok(follow)
    }
}

#[async_trait::async_trait]
impl Table for Away {
    async fn get(&self, _: &str) -> Result<Option<Entry>, Error> {
        unavailable()
    }
    async fn put(&self, _: &str, _: Bytes, _: Headers, _: Expect, _: Option<Duration>) -> Result<Put, Error> {
        unavailable()
    }
    async fn delete(&self, _: &str, _: Expect) -> Result<Put, Error> {
        unavailable()
    }
    async fn list(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, Error> {
        unavailable()
    }
    async fn watch(&self, _: &str) -> Result<Watch, Error> {
        unavailable()
    }
}

#[async_trait::async_trait]
impl Blobs for Away {
    async fn put(&self, _: Bytes) -> Result<Digest, Error> {
        unavailable()
    }
    async fn get(&self, _: &Digest) -> Result<Option<Bytes>, Error> {
        unavailable()
    }
}
