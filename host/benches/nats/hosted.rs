//! What a whole host makes of the same work, with a native handler in place of WebAssembly.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use hydra::backend::nats::Nats;
use hydra::client::{Asked, Client, Request};
use hydra::effects::{Effects, Outcome, Payload, Send, StateChange};
use hydra::id::ActorId;
use hydra::message::{Headers, Status};
use hydra::names::Subject;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::bare::STATE;
use crate::course::Course;
use crate::load::Load;
use crate::native::Native;
use crate::node::Host;

/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Actors that are asked in turn.
const ASKED: u64 = 1_000;
/// Largest latency that is told apart, in microseconds.
const MICROS_MAX: u64 = 60_000_000;

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
    let host = Host::start(nats.backend(), vec![("counter", handler)]).await;
    course.reached.cancelled().await;
    host.end().await;
    nats.close().await;
}

/// Asks so many times a second whether or not earlier asks were answered; returns the latencies in microseconds.
pub(crate) async fn ask(nats: Nats, rate: u64, span: Duration) -> Histogram<u64> {
    let handler = Native::new(|_| {
        let five = Payload { headers: Headers::default(), body: Bytes::from_static(b"5") };
        (Outcome::Reply(five), Effects { state: StateChange::Set(STATE), ..Effects::default() })
    });
    let host = Host::start(nats.backend(), vec![("counter", handler)]).await;
    host.ready().await;
    // Every actor once: what is measured is the work, not the first activation.
    open_loop(&host, ASKED, Duration::from_secs(1)).await;
    let times = open_loop(&host, rate, span).await;
    host.end().await;
    nats.close().await;
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
