//! A whole host in this process, as the binary starts one, with a native handler in place of WebAssembly.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use hydra::backend::nats::Nats;
use hydra::client::{Asked, Client, Request};
use hydra::config::Config;
use hydra::connector::Endpoints;
use hydra::effects::{Effects, Outcome, Payload, Send, StateChange};
use hydra::id::{ActorId, Kind};
use hydra::message::{Headers, Status};
use hydra::names::Subject;
use hydra::node::{Node, Parts};
use hydra::random::Random;
use hydra::registry::Registry;
use hydra::telemetry::Metrics;
use hydra::wasm::{Handler, Sandbox};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::bare::STATE;
use crate::course::Course;
use crate::load::Load;
use crate::native::Native;

/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Actors that are asked in turn.
const ASKED: u64 = 1_000;
/// Largest latency that is told apart, in microseconds.
const MICROS_MAX: u64 = 60_000_000;

/// A node and the threads that its guests run on.
struct Host {
    nats: Nats,
    node: Node,
    guests: Runtime,
}

impl Host {
    async fn start(nats: Nats, handler: Arc<dyn Handler>) -> Self {
        let guests =
            Builder::new_multi_thread().global_queue_interval(1).event_interval(1).enable_all().build().unwrap();
        let config = Config::default();
        let sandbox = Sandbox::new(&config.sandbox, None, config.http.component_bytes_max).unwrap();
        let registry = Registry::open(nats.backend(), sandbox).await.unwrap();
        registry.install_native(Kind::new("counter").unwrap(), handler);
        let parts = Parts {
            config,
            backend: nats.backend(),
            registry: Arc::new(registry),
            endpoints: Endpoints::default(),
            guests: guests.handle().clone(),
            random: Random::of_system(),
            metrics: Arc::new(Metrics::new().unwrap()),
        };
        let node = Node::start(parts).await.unwrap();
        Self { nats, node, guests }
    }

    async fn end(self) {
        self.node.drain(Duration::from_secs(10)).await;
        self.nats.close().await;
        self.guests.shutdown_background();
    }
}

/// What a turn sends.
pub(crate) fn sending(to: &ActorId, body: Bytes) -> Send {
    Send { to: to.clone(), subject: Subject::new("add").unwrap(), headers: Headers::default(), body, awaited: None }
}

/// A host that empties the mailboxes.
pub(crate) async fn work_off(nats: Nats, load: Load, course: Arc<Course>) {
    let counted = course.clone();
    let handler = Native::new(move |input| {
        counted.begin();
        counted.done(1);
        let follower = load.follower(&input.message.to, &input.message.body);
        let sends = follower.map(|(to, body)| sending(&to, body)).into_iter().collect();
        (Outcome::Done, Effects { state: StateChange::Set(STATE), sends, ..Effects::default() })
    });
    let host = Host::start(nats, handler).await;
    course.reached.cancelled().await;
    host.end().await;
}

/// Asks so many times a second whether or not earlier asks were answered; returns the latencies in microseconds.
pub(crate) async fn ask(nats: Nats, rate: u64, span: Duration) -> Histogram<u64> {
    let handler = Native::new(|_| {
        let five = Payload { headers: Headers::default(), body: Bytes::from_static(b"5") };
        (Outcome::Reply(five), Effects { state: StateChange::Set(STATE), ..Effects::default() })
    });
    let host = Host::start(nats, handler).await;
    while host.node.ready().is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Every actor once: what is measured is the work, not the first activation.
    open_loop(&host, ASKED, Duration::from_secs(1)).await;
    let times = open_loop(&host, rate, span).await;
    host.end().await;
    times
}

/// The schedule is kept by a thread that does nothing else: a runtime's timers wake on whole milliseconds.
async fn open_loop(host: &Host, rate: u64, span: Duration) -> Histogram<u64> {
    let (tasks, (tell, mut told)) = (TaskTracker::new(), mpsc::unbounded_channel());
    let (count, client, handle) = (rate * span.as_secs(), host.node.client(), Handle::current());
    let asking = tasks.clone();
    #[allow(clippy::disallowed_methods, reason = "what is waited for is the time itself")]
    let schedule = move || {
        let start = Instant::now();
        for number in 0..count {
            let due = start + Duration::from_secs_f64(number as f64 / rate as f64);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            asking.spawn_on(ask_once(client.clone(), number % ASKED, due, tell.clone()), &handle);
        }
    };
    tokio::task::spawn_blocking(schedule).await.unwrap();
    tasks.close();
    tasks.wait().await;
    let mut times = Histogram::new_with_max(MICROS_MAX, 3).unwrap();
    while let Some(took) = told.recv().await {
        times.record(u64::try_from(took.as_micros()).unwrap()).unwrap();
    }
    assert_eq!(times.len(), count, "every ask was answered");
    times
}

/// One ask; tells how long after `due` its answer came.
async fn ask_once(client: Client, actor: u64, due: Instant, tell: mpsc::UnboundedSender<Duration>) {
    let to = ActorId::parse(&format!("counter/{actor}")).unwrap();
    let Send { subject, headers, body, to, .. } = sending(&to, Bytes::from_static(b"5"));
    let request = Request { to, subject, headers, body, key: None, trace: None };
    let asked = client.ask(request, ANSWER_LIMIT).await.unwrap();
    assert!(matches!(asked, Asked::Answered(answer) if answer.status == Status::Replied), "no reply");
    tell.send(due.elapsed()).unwrap();
}
