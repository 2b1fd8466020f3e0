//! One simulation: nodes on one store, what `driver` does to them, and how it ends (`settling`), all by one seed.
//! Everything runs on one thread and on a paused clock, so the same seed is the same history, event by event.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use hydra::backend::{Backend, Error, memory};
use hydra::clock::{Clock, Time};
use hydra::config::Config;
use hydra::connector::Endpoints;
use hydra::id::{ActorId, Kind};
use hydra::node::{Node, Parts};
use hydra::random::Random;
use hydra::registry::Registry;
use hydra::telemetry::Metrics;
use hydra::wasm::Sandbox;
use hydra_tests::faults::{Faults, Rule};
use hydra_tests::link::Link;
use tokio_util::task::TaskTracker;

use super::guests::{Code, Guests};
use super::operators::{Letters, Operated};
use super::oracle::Ending;
use super::scenario::{Plan, Scenario};

/// How long handled messages stay in the log.
pub(crate) const RETENTION: Duration = Duration::from_secs(120);

/// What came of one simulation.
pub(crate) struct Outcome {
    /// All that happened.
    pub(crate) events: Vec<String>,
    /// Turns that were run before the faults stopped.
    pub(crate) turns: usize,
    /// How often an actor was parked.
    pub(crate) parkings: u64,
    /// The rules that were broken; none if all is well.
    pub(crate) complaints: Vec<String>,
}

/// Runs one simulation from beginning to end.
pub(crate) fn run(seed: u64, scenario: Scenario, broken: Option<Rule>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut world = World::new(seed, scenario, broken);
        world.drive().await;
        world.settle().await
    })
}

/// A node, and its way to the store.
pub(crate) struct Running {
    pub(crate) node: Node,
    pub(crate) link: Arc<Link>,
}

/// The store and all that runs on it.
pub(crate) struct World {
    seed: u64,
    pub(crate) plan: Plan,
    pub(crate) store: Backend,
    pub(crate) faults: Arc<Faults>,
    pub(crate) guests: Arc<Guests>,
    pub(crate) nodes: Vec<Running>,
    started: u32,
    pub(crate) sent: u32,
    pub(crate) senders: TaskTracker,
    /// Why buckets stopped that should have gone on.
    pub(crate) stopped: Vec<String>,
    pub(crate) endings: Arc<Mutex<BTreeMap<(ActorId, String), Ending>>>,
    pub(crate) operated: Arc<Mutex<Vec<Operated>>>,
    pub(crate) letters: Letters,
}

impl World {
    fn new(seed: u64, scenario: Scenario, broken: Option<Rule>) -> Self {
        let (store, plan) = (memory::open(Arc::new(Clock::of_runtime(Time(1_700_000_000_000))), 2), scenario.plan());
        let faults = Faults::new(store.clone(), seed, broken);
        Self {
            seed,
            plan,
            letters: Letters::new(&store, &faults),
            faults,
            store,
            guests: Guests::new(plan.is_slow),
            nodes: Vec::new(),
            started: 0,
            sent: 0,
            senders: TaskTracker::new(),
            stopped: Vec::new(),
            endings: Arc::default(),
            operated: Arc::default(),
        }
    }

    /// Starts a node, and again if the store does not let it; what is half started dies.
    pub(crate) async fn start(&mut self) {
        loop {
            self.started += 1;
            let (name, offset) = (self.started, self.plan.offset_ms);
            let offset = self.faults.draw(|random| random.i64(-offset..=offset));
            let link = Link::new(&self.faults, name, offset);
            let patience = self.faults.draw(|random| [50, 5_000, 60_000][random.usize(..3)]);
            self.faults.note(&format!("node {name}: starts, its clock is off by {offset} ms"));
            match tokio::time::timeout(Duration::from_millis(patience), self.node(&link)).await {
                Ok(Ok(node)) => return self.nodes.push(Running { node, link }),
                Ok(Err(error)) => self.faults.note(&format!("node {name}: cannot start: {error}")),
                Err(_) => self.faults.note(&format!("node {name}: killed while it starts")),
            }
            link.die();
        }
    }

    async fn node(&self, link: &Arc<Link>) -> Result<Node, Error> {
        static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
        let sandbox =
            SANDBOX.get_or_init(|| Sandbox::new(&hydra::config::Sandbox::default(), None, 1 << 20).expect("a sandbox"));
        let registry = Registry::open(self.store.clone(), sandbox.clone()).await.expect("a registry");
        for kind in ["hop", "account", "counter", "ledger", "clock", "asker", "answerer"] {
            registry.install_native(Kind::new(kind).expect("a kind"), Arc::new(Code(self.guests.clone())));
        }
        let mut config = Config::default();
        config.store.retention_s = RETENTION.as_secs();
        config.node.mailbox_messages_max = 8;
        config.node.activation_messages_max = 4;
        let guests = tokio::runtime::Handle::current();
        let random = Random::of_seed(self.seed << 16 | u64::from(link.name));
        let (registry, metrics) = (Arc::new(registry), Arc::new(Metrics::new().expect("metrics")));
        let (backend, endpoints) = (link.backend(), Endpoints::default());
        Node::start(Parts { config, backend, registry, endpoints, guests, random, metrics }).await
    }

    pub(crate) fn kill(&mut self, index: usize) {
        let Running { node, link } = self.nodes.swap_remove(index);
        link.note("killed");
        link.die();
        self.stopped.extend(stopped(&node));
        node.kill();
    }
}

/// A bucket may wait for the store or stand down, but nothing here is a reason to stop until a human acts.
pub(crate) fn stopped(node: &Node) -> Option<String> {
    node.ready().err().filter(|why| why.starts_with("bucket")).map(|why| format!("stopped: {why}"))
}
