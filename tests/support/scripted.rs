//! A host in the test's own process, on the memory store, with handlers that are closures.
//! For what the host promises whatever the guest is; components are tested in `sandbox` and `e2e`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hydra::backend::{Backend, memory};
use hydra::client::{Asked, Client, Request};
use hydra::clock::{Clock, Time};
use hydra::config::Config;
use hydra::connector::Endpoints;
use hydra::digest::Digest;
use hydra::effects::{Effects, Fault, Outcome, Payload, Send as Sending, StateChange};
use hydra::id::{ActorId, Kind};
use hydra::manifest::Manifest;
use hydra::message::{Answer, Headers, Problem};
use hydra::names::Subject;
use hydra::node::{Node, Parts};
use hydra::random::Random;
use hydra::record::{self, Record};
use hydra::registry::Registry;
use hydra::telemetry::Metrics;
use hydra::wasm::{Handled, Handler, Input, Instance, Sandbox};

/// What a scripted turn does.
pub type Script = Arc<dyn Fn(&Input<'_>) -> Handled + Send + Sync>;

/// A kind whose code is a closure.
#[derive(Clone)]
pub struct Scripted {
    manifest: Manifest,
    script: Script,
}

impl Scripted {
    /// A handler that runs this closure for every turn.
    pub fn new(script: impl Fn(&Input<'_>) -> Handled + Send + Sync + 'static) -> Arc<Self> {
        Self::granted(Manifest::default(), script)
    }

    /// The same with the grants of this manifest.
    pub fn granted(manifest: Manifest, script: impl Fn(&Input<'_>) -> Handled + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { manifest, script: Arc::new(script) })
    }
}

#[async_trait]
impl Handler for Scripted {
    fn version(&self) -> Digest {
        Digest::of(b"scripted")
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    async fn instance(&self, _: &ActorId) -> Result<Box<dyn Instance>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Instance for Scripted {
    async fn handle(&mut self, input: Input<'_>) -> Handled {
        // A real guest takes time: others get their turn meanwhile.
        tokio::task::yield_now().await;
        (self.script)(&input)
    }
}

/// A turn that succeeds.
pub fn ok(outcome: Outcome, state: StateChange, sends: Vec<Sending>) -> Handled {
    let effects = Effects { state, sends, ..Effects::default() };
    Handled::native(Ok((outcome, effects)))
}

/// A turn that replies with these bytes.
pub fn reply(body: impl Into<Bytes>, state: StateChange) -> Handled {
    ok(Outcome::Reply(Payload { headers: Headers::default(), body: body.into() }), state, Vec::new())
}

/// A guest that traps.
pub fn broken() -> Fault {
    Fault::Broken { problem: Problem::new("trap", "unreachable"), backtrace: "0: handle".into() }
}

/// Something to send to another actor.
pub fn sending(to: &ActorId, subject: &str, body: impl Into<Bytes>) -> Sending {
    let subject = Subject::new(subject).expect("a subject");
    Sending { to: to.clone(), subject, headers: Headers::default(), body: body.into(), awaited: None }
}

/// The number that a counting actor's state holds.
pub fn number(state: Option<&Bytes>) -> i64 {
    state.map_or(0, |bytes| String::from_utf8_lossy(bytes).parse().expect("a number"))
}

/// Counts: `add N` replies the new value, `get` the old one, `forget` deletes; anything else is refused.
pub fn counter() -> Arc<Scripted> {
    Scripted::new(|input| {
        let before = number(input.state.as_ref());
        match input.message.subject.as_str() {
            "get" => reply(before.to_string(), StateChange::Keep),
            "forget" => ok(Outcome::Done, StateChange::Delete, Vec::new()),
            "add" => {
                let after = (before + number(Some(&input.message.body))).to_string();
                reply(after.clone(), StateChange::Set(after.into()))
            }
            other => Handled::fault(Fault::Refuse(Problem::new("unknown-subject", other))),
        }
    })
}

/// A store and what runs on it. Nodes come and go, the store stays.
pub struct Rig {
    /// The store.
    pub backend: Backend,
    /// The settings of every node.
    pub config: Config,
    /// Where all nodes count: their figures add up.
    pub metrics: Arc<Metrics>,
    kinds: Mutex<Vec<(Kind, Arc<dyn Handler>)>>,
    sandbox: Sandbox,
}

impl Rig {
    /// An empty store with four buckets, on tokio's clock.
    pub fn new() -> Self {
        let clock = Arc::new(Clock::of_runtime(Time(1_700_000_000_000)));
        let sandbox = Sandbox::new(&hydra::config::Sandbox::default(), None, 1 << 20).expect("a sandbox");
        let (backend, metrics) = (memory::open(clock, 4), Arc::new(Metrics::new().expect("metrics")));
        Self { backend, config: Config::default(), metrics, kinds: Mutex::default(), sandbox }
    }

    /// Adds a kind to all nodes that start from now on.
    pub fn with(self, kind: &str, handler: Arc<dyn Handler>) -> Self {
        self.kinds.lock().expect("kinds").push((Kind::new(kind).expect("a kind"), handler));
        self
    }

    /// Starts a node on the store, with a registry of its own.
    pub async fn start(&self) -> (Node, Arc<Registry>) {
        let registry = Registry::open(self.backend.clone(), self.sandbox.clone()).await.expect("a registry");
        for (kind, handler) in self.kinds.lock().expect("kinds").iter() {
            registry.install_native(kind.clone(), handler.clone());
        }
        let registry = Arc::new(registry);
        let guests = tokio::runtime::Handle::current();
        let (config, backend) = (self.config.clone(), self.backend.clone());
        let endpoints = Endpoints::open(&config.endpoint).expect("endpoints");
        let (random, metrics) = (Random::of_system(), self.metrics.clone());
        let parts = Parts { config, backend, registry: registry.clone(), endpoints, guests, random, metrics };
        (Node::start(parts).await.expect("a node"), registry)
    }

    /// An actor's record as stored; empty if there is none.
    pub async fn record(&self, actor: &ActorId) -> Record {
        let row = self.backend.actors.get(&record::key(actor)).await.expect("a table");
        row.map_or_else(Record::default, |row| Record::decode(&row).expect("a record"))
    }
}

impl Default for Rig {
    fn default() -> Self {
        Self::new()
    }
}

/// An address.
pub fn actor(text: &str) -> ActorId {
    ActorId::parse(text).expect("an actor")
}

/// A message from outside.
pub fn request(to: &str, subject: &str, body: &str) -> Request {
    Request {
        to: actor(to),
        subject: Subject::new(subject).expect("a subject"),
        headers: Headers::default(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        key: None,
        trace: None,
    }
}

/// Asks and waits for the answer, an hour of the test's time at the most.
pub async fn ask(client: &Client, request: Request) -> Answer {
    match client.ask(request, Duration::from_secs(3_600)).await.expect("an accepted message") {
        Asked::Answered(answer) => answer,
        Asked::TimedOut(id) => panic!("{id} was not answered within an hour"),
    }
}

/// What an ask replied, as text.
pub async fn reply_to(client: &Client, to: &str, subject: &str, body: &str) -> String {
    String::from_utf8_lossy(&ask(client, request(to, subject, body)).await.body).into_owned()
}

/// Runs another handler's script: for handlers that differ in a few subjects.
pub fn run(handler: &Scripted, input: &Input<'_>) -> Handled {
    (handler.script)(input)
}
