//! A store of one kind, and its time. Laws get one each; they reopen it and let time pass without sleeping.

use std::future::{Future, pending};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use hydra::backend::embedded::{Embedded, open_with_clock};
use hydra::backend::nats::{self, Nats};
use hydra::backend::{Backend, DEDUPE_WINDOW, Delivery, Inbox, NewMessage, Queue, memory};
use hydra::clock::{Clock, Time};
use hydra::config::{self, Durability, Store};
use hydra::id::{ActorId, Epoch, Kind, Seq};
use hydra::message::Headers;
use hydra::names::MessageId;
use hydra_tests::cluster::{NatsCluster, SERVERS};
use hydra_tests::nats::NatsServer;
use tempfile::TempDir;
use tokio::sync::Mutex;

/// Buckets of every store here.
pub(crate) const BUCKETS: u16 = 4;
/// When every store's time begins.
pub(crate) const START: Time = Time(1_800_000_000_000);
/// How long a server that tests wait for recognises a repeated id.
const WINDOW: Duration = Duration::from_secs(2);
/// A server acts on what is due up to so much later.
const LATENESS: Duration = Duration::from_millis(600);
/// After so long something that must happen did not.
const TOO_LONG: Duration = Duration::from_secs(20);

/// With 3 all laws of NATS are run on servers that keep three copies.
const REPLICAS: &str = "HYDRA_CONFORMANCE_REPLICAS";
/// Servers in a cluster are shared by the laws that run at the same time: each has a system of its own there.
static CLUSTER: Mutex<Weak<NatsCluster>> = Mutex::const_new(Weak::new());
/// Systems that were begun there.
static SYSTEMS: AtomicU32 = AtomicU32::new(0);

/// One store.
pub(crate) struct World {
    place: Place,
}

enum Place {
    Memory(Backend),
    /// The store is none only while it is reopened.
    Embedded {
        store: Option<Embedded>,
        clock: Arc<Clock>,
        config: Store,
        /// Removed at the end.
        _dir: TempDir,
    },
    /// The store is none only while it is reopened. Time is the server's own, so it is waited for.
    Nats {
        store: Option<Box<Nats>>,
        settings: Box<(config::Nats, Store)>,
        _servers: Servers,
    },
}

/// Killed at the end.
#[expect(dead_code, reason = "only held")]
enum Servers {
    One(Box<NatsServer>),
    Cluster(Arc<NatsCluster>),
}

impl World {
    /// In memory; time is the paused runtime's.
    pub(crate) fn memory() -> Self {
        Self { place: Place::Memory(memory::open(Arc::new(Clock::of_runtime(START)), BUCKETS)) }
    }

    /// In a folder; time is moved by hand.
    pub(crate) fn embedded(durability: Durability) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = Store { dir: dir.path().join("store"), durability, buckets: BUCKETS, ..Store::default() };
        let clock = Arc::new(Clock::by_hand(START));
        let store = Some(open_with_clock(&config, Arc::clone(&clock)).unwrap());
        Self { place: Place::Embedded { store, clock, config, _dir: dir } }
    }

    /// On a server of its own; or on three, if the environment wants that.
    pub(crate) async fn nats() -> Self {
        if std::env::var_os(REPLICAS).is_some_and(|wanted| wanted == "3") {
            return Self::replicated().await;
        }
        let server = NatsServer::start().unwrap();
        let nats = config::Nats { urls: vec![server.url()], ..config::Nats::default() };
        Self::on(nats, Servers::One(Box::new(server))).await
    }

    /// On three servers, each of which has a copy of everything.
    pub(crate) async fn replicated() -> Self {
        let mut shared = CLUSTER.lock().await;
        let cluster = match shared.upgrade() {
            Some(cluster) => cluster,
            None => Arc::new(NatsCluster::start().await.unwrap()),
        };
        *shared = Arc::downgrade(&cluster);
        drop(shared);
        let system = format!("law{}", SYSTEMS.fetch_add(1, Ordering::Relaxed));
        let nats = config::Nats { urls: cluster.urls(), system, replicas: SERVERS, ..config::Nats::default() };
        Self::on(nats, Servers::Cluster(cluster)).await
    }

    async fn on(nats: config::Nats, servers: Servers) -> Self {
        let settings = Box::new((nats, Store { buckets: BUCKETS, ..Store::default() }));
        let store = Some(Box::new(nats::open_with_window(&settings.0, &settings.1, WINDOW).await.unwrap()));
        Self { place: Place::Nats { store, settings, _servers: servers } }
    }

    /// The store.
    pub(crate) fn backend(&self) -> Backend {
        match &self.place {
            Place::Memory(backend) => backend.clone(),
            Place::Embedded { store, .. } => store.as_ref().unwrap().backend(),
            Place::Nats { store, .. } => store.as_ref().unwrap().backend(),
        }
    }

    /// Ends the process that has the store, as far as the store can tell, and begins another.
    pub(crate) async fn reopen(&mut self) -> Backend {
        match &mut self.place {
            Place::Memory(_) => {}
            Place::Embedded { store, clock, config, _dir: _ } => {
                store.take().unwrap().close();
                *store = Some(open_with_clock(config, Arc::clone(clock)).unwrap());
            }
            Place::Nats { store, settings, _servers: _ } => {
                store.take().unwrap().close().await;
                *store = Some(Box::new(nats::open_with_window(&settings.0, &settings.1, WINDOW).await.unwrap()));
            }
        }
        self.backend()
    }

    /// How long this store recognises a repeated id.
    pub(crate) fn window(&self) -> Duration {
        if matches!(self.place, Place::Nats { .. }) { WINDOW } else { DEDUPE_WINDOW }
    }

    /// Lets time pass: enough for what is due after `span` to have happened.
    pub(crate) async fn pass(&self, span: Duration) {
        match &self.place {
            Place::Memory(_) => tokio::time::advance(span).await,
            Place::Embedded { clock, .. } => clock.not_before(clock.now().plus(span)),
            Place::Nats { .. } => wait(span + LATENESS).await,
        }
    }

    /// Lets less time pass: too little for what is due after `span`, and as much as this world's time can be told apart.
    pub(crate) async fn pass_less_than(&self, span: Duration) {
        match &self.place {
            Place::Memory(_) | Place::Embedded { .. } => self.pass(span - Duration::from_millis(1)).await,
            Place::Nats { .. } => wait(span.saturating_sub(LATENESS)).await,
        }
    }
}

/// Waits until then: a server's time is not the test's to move.
async fn wait(span: Duration) {
    let _ = tokio::time::timeout(span, pending::<()>()).await;
}

/// An actor.
pub(crate) fn actor(id: &str) -> ActorId {
    ActorId::new(Kind::new("counter").unwrap(), id).unwrap()
}

/// A message to an actor's mailbox; its body is its id.
pub(crate) fn message(to: &ActorId, id: &str) -> NewMessage {
    let (id, body) = (MessageId::stored(id), Bytes::from(id.to_owned()));
    let mut headers = Headers::default();
    headers.push("X-One", "1");
    NewMessage { queue: Queue::Inbox, to: to.clone(), id, committed: None, headers, body }
}

/// The same as a dead letter.
pub(crate) fn dead_letter(to: &ActorId, id: &str) -> NewMessage {
    NewMessage { queue: Queue::DeadLetters, ..message(to, id) }
}

/// The same as a parked message.
pub(crate) fn parked(to: &ActorId, id: &str) -> NewMessage {
    NewMessage { queue: Queue::Parked, ..message(to, id) }
}

/// Stores one message that is new.
pub(crate) async fn append(backend: &Backend, message: NewMessage) -> Seq {
    let appended = backend.log.append(vec![message]).await.unwrap();
    assert!(!appended[0].duplicate);
    appended[0].seq
}

/// Stores so many messages to one actor, `PREFIX0` and so on.
pub(crate) async fn append_many(backend: &Backend, to: &ActorId, prefix: &str, count: usize) {
    let messages = (0..count).map(|number| message(to, &format!("{prefix}{number}"))).collect();
    backend.log.append(messages).await.unwrap();
}

/// Opens the inbox of an actor's bucket, and ends the earlier openings.
pub(crate) async fn open(backend: &Backend, of: &ActorId, epoch: u64) -> Box<dyn Inbox> {
    let mut inbox = backend.log.inbox(backend.log.bucket_of(of), Epoch(epoch)).await.unwrap();
    inbox.settle().await.unwrap();
    inbox
}

/// The next message, which must come.
pub(crate) async fn next(inbox: &mut Box<dyn Inbox>) -> Delivery {
    soon(inbox.next()).await.unwrap()
}

/// The ids of the next messages, which must come.
pub(crate) async fn next_ids(inbox: &mut Box<dyn Inbox>, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    while ids.len() < count {
        ids.push(next(inbox).await.id.to_string());
    }
    ids
}

/// Waits for something that must happen.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(TOO_LONG, what).await.expect("it did not happen")
}
