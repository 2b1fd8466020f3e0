//! One simulation: nodes on one store, a driver that sends, kills, pauses and lets time pass, all by one seed.
//! Everything runs on one thread and on a paused clock, so the same seed is the same history, event by event.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use hydra::backend::{Backend, Error, memory};
use hydra::client::{self, Asked, Client, Request};
use hydra::clock::{Clock, Time};
use hydra::config::Config;
use hydra::id::{ActorId, Kind};
use hydra::message::Status;
use hydra::node::{Node, Parts};
use hydra::random::Random;
use hydra::registry::Registry;
use hydra::wasm::Sandbox;
use hydra_tests::faults::{Faults, Rates, Rule, pass};
use hydra_tests::faulty::Link;
use hydra_tests::scripted::request;
use tokio_util::task::TaskTracker;

use super::guests::{ACCOUNTS, COUNTERS, HOPS, handler};
use super::oracle::{self, Ending};
use super::scenario::{Plan, Scenario};

/// Steps of the driver: most of them send a message.
const STEPS: u32 = 220;
/// Nodes alive at once.
const NODES_MAX: usize = 3;
/// How long handled messages stay in the log.
const RETENTION: Duration = Duration::from_secs(120);
/// Once the faults have stopped, everything must be done within this much of the simulation's time.
const SETTLES_WITHIN: Duration = Duration::from_secs(3_600);

/// What came of one simulation.
pub(crate) struct Outcome {
    /// All that happened.
    pub(crate) events: Vec<String>,
    /// Turns that were run.
    pub(crate) turns: usize,
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

struct Running {
    node: Node,
    link: Arc<Link>,
}

struct World {
    seed: u64,
    plan: Plan,
    store: Backend,
    faults: Arc<Faults>,
    nodes: Vec<Running>,
    started: u32,
    sent: u32,
    turns: Arc<AtomicUsize>,
    senders: TaskTracker,
    /// Why buckets stopped that should have gone on.
    stopped: Vec<String>,
    endings: Arc<Mutex<BTreeMap<(ActorId, String), Ending>>>,
}

impl World {
    fn new(seed: u64, scenario: Scenario, broken: Option<Rule>) -> Self {
        let store = memory::open(Arc::new(Clock::of_runtime(Time(1_700_000_000_000))), 2);
        let faults = Faults::new(store.clone(), seed, broken);
        Self {
            seed,
            plan: scenario.plan(),
            store,
            faults,
            nodes: Vec::new(),
            started: 0,
            sent: 0,
            turns: Arc::default(),
            senders: TaskTracker::new(),
            stopped: Vec::new(),
            endings: Arc::default(),
        }
    }

    /// Starts a node, and again if the store does not let it; what is half started dies.
    async fn start(&mut self) {
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
        for kind in ["hop", "account", "counter", "ledger"] {
            registry.install_native(Kind::new(kind).expect("a kind"), handler(self.turns.clone()));
        }
        let mut config = Config::default();
        config.store.retention_s = RETENTION.as_secs();
        config.node.mailbox_messages_max = 8;
        config.node.activation_messages_max = 4;
        let guests = tokio::runtime::Handle::current();
        let random = Random::of_seed(self.seed << 16 | u64::from(link.name));
        Node::start(Parts { config, backend: link.backend(), registry: Arc::new(registry), guests, random }).await
    }

    fn kill(&mut self, index: usize) {
        let Running { node, link } = self.nodes.swap_remove(index);
        self.faults.note(&format!("node {}: killed", link.name));
        link.die();
        self.stopped.extend(stopped(&node));
        node.kill();
    }

    async fn drive(&mut self) {
        self.start().await;
        self.faults.set(self.plan.rates);
        for _ in 0..STEPS {
            let (choice, span) = self.faults.draw(|random| (random.u32(..1_000), random.u64(..40)));
            self.step(choice).await;
            pass(Duration::from_millis(span)).await;
        }
    }

    async fn step(&mut self, choice: u32) {
        let plan = self.plan;
        let bounds = [plan.crash, plan.takeover, plan.pause, plan.jump, plan.retention].into_iter();
        let bounds: Vec<u32> = bounds.scan(0, |sum, rate| Some(std::mem::replace(sum, *sum + rate) + rate)).collect();
        let one = self.faults.draw(|random| random.usize(..self.nodes.len()));
        match bounds.iter().position(|bound| choice < *bound) {
            Some(0) => {
                self.kill(one);
                self.start().await;
            }
            Some(1) => {
                if self.nodes.len() == NODES_MAX {
                    self.kill(one);
                }
                self.start().await;
            }
            Some(2) => {
                let longest = self.faults.draw(|random| [10, 1_000, 20_000, 60_000][random.usize(..4)]);
                let span = Duration::from_millis(self.faults.draw(|random| random.u64(10..=longest)));
                self.faults.note(&format!(
                    "node {}: stands still for {} ms",
                    self.nodes[one].link.name,
                    span.as_millis()
                ));
                self.nodes[one].link.pause(span);
            }
            Some(3) => {
                self.faults.note("time jumps");
                tokio::time::advance(Duration::from_secs(45)).await;
            }
            Some(_) => {
                self.faults.note("time passes");
                pass(RETENTION * 2).await;
            }
            None => self.send(one),
        }
    }

    /// Somebody outside sends something, asks for something, or sends the same twice under one key.
    fn send(&mut self, through: usize) {
        self.sent += 1;
        let name = format!("e{}", self.sent);
        let (choice, asks, twice) = self.faults.draw(|random| (random.u32(..100), random.bool(), random.u32(..10)));
        let pick = |bound: usize| self.faults.draw(|random| random.usize(..bound));
        let (to, subject, body) = match choice {
            0..45 => (format!("hop/{}", pick(HOPS)), "hop", format!("{name} 4")),
            45..50 => (format!("hop/{}", pick(HOPS)), "forget", format!("{name} 0")),
            50..75 => {
                let (to, amount) = (pick(ACCOUNTS), pick(60));
                (format!("account/{}", pick(ACCOUNTS)), "transfer", format!("{name} {to} {amount}"))
            }
            _ => {
                let subject = ["add", "add", "add", "add", "retry", "trap", "refuse", "fail", "break"][pick(9)];
                (format!("counter/{}", pick(COUNTERS)), subject, format!("{name} 1"))
            }
        };
        let mut request = request(&to, subject, &body);
        request.key = (twice == 0).then(|| format!("key-{name}"));
        // A transfer that is refused must leave a dead letter, or nobody could tell it from one that is lost.
        let asks = asks && subject != "transfer";
        let endings = self.endings.clone();
        let client = self.nodes[through].node.client();
        let other = self.nodes[pick(self.nodes.len())].node.client();
        self.senders.spawn(async move {
            let receiver = (request.to.clone(), name);
            let mut ending = deliver(&client, request.clone(), asks).await;
            if request.key.is_some() {
                let again = deliver(&other, request, asks).await;
                ending = if again == Ending::Unknown { ending } else { again };
            }
            endings.lock().expect("endings").insert(receiver, ending);
        });
    }

    /// The faults stop, one host starts anew, and everything must come to an end.
    async fn settle(mut self) -> Outcome {
        self.faults.note("the faults stop");
        self.faults.set(Rates::default());
        self.faults.surfacing.close();
        let mut complaints = Vec::new();
        if tokio::time::timeout(SETTLES_WITHIN, self.faults.surfacing.wait()).await.is_err() {
            complaints.push("what was on its way never arrives".to_owned());
        }
        self.faults.surfacing.reopen();
        if !self.newest_serves() {
            self.start().await;
        }
        if tokio::time::timeout(SETTLES_WITHIN, self.quiet()).await.is_err() {
            let witness = self.faults.witness();
            let (last, acknowledged) = (&witness.last, &witness.acknowledged);
            complaints.push(format!("does not settle: {last:?} stored, {acknowledged:?} acknowledged"));
        }
        complaints.append(&mut self.stopped);
        complaints.extend(self.nodes.iter().flat_map(|one| stopped(&one.node)));
        let endings = self.endings.lock().expect("endings").clone();
        let seen = std::mem::take(&mut *self.faults.witness());
        complaints.extend(oracle::check(&self.store, &seen, &endings).await);
        Outcome { events: seen.events, turns: self.turns.load(Ordering::Relaxed), complaints }
    }

    /// Whether the newest node surely has all buckets: it lives, and no earlier claim can surface.
    fn newest_serves(&self) -> bool {
        self.plan.rates.late == 0 && self.nodes.iter().any(|one| one.link.name == self.started)
    }

    /// Waits until every bucket is acknowledged to its end and stays so.
    async fn quiet(&self) {
        let mut quiet = 0;
        while quiet < 5 {
            pass(Duration::from_secs(1)).await;
            let witness = self.faults.witness();
            let done = witness.last.iter().all(|(bucket, last)| witness.acknowledged.get(bucket) >= Some(last));
            quiet = if done { quiet + 1 } else { 0 };
        }
    }
}

/// A bucket may wait for the store or stand down, but nothing here is a reason to stop until a human acts.
fn stopped(node: &Node) -> Option<String> {
    node.ready().err().filter(|why| why.starts_with("bucket")).map(|why| format!("stopped: {why}"))
}

async fn deliver(client: &Client, request: Request, asks: bool) -> Ending {
    if !asks {
        let sent = client.send(request).await;
        return sent.map_or(Ending::Unknown, |_| Ending::Accepted);
    }
    match client.ask(request, Duration::from_secs(30)).await {
        Ok(Asked::Answered(answer)) => match answer.status {
            Status::Replied | Status::Done => Ending::Handled,
            _ => Ending::NotHandled,
        },
        Ok(Asked::TimedOut(_)) => Ending::Accepted,
        Err(client::Error::Store(_)) => Ending::Unknown,
        Err(error) => panic!("the request was refused: {error}"),
    }
}
