//! Publishes to streams, many at once: every message names a reply subject of its own below one inbox, and one
//! subscription maps the acks to those who wait. Used by `log` (messages) and `table` (rows).
//! Order of `submit` calls of one task = order on the wire. Never tries again: what is unknown is the caller's to repeat.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, HeaderMap, StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error;
use crate::backend;
use crate::guard::lock;

/// Messages on their way at once; whoever comes then waits. Far below the 65,536 acks that a subscription holds.
const IN_FLIGHT_MAX: u32 = 4_096;
/// A message counts once more for so many bytes: at most 64 MiB and as many small ones are on their way.
const BYTES_PER_PLACE: usize = 16 << 10;
/// How long an ack may take; after that nobody knows.
const ACK_WAIT: Duration = Duration::from_secs(5);
/// How often it looks for acks that are late and for a connection that broke.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The server's code for "the last sequence of that subject is another one".
const WRONG_LAST_SEQUENCE: u16 = 10071;
/// The server's code for "something in flight decides that, and it is not known yet".
const CANNOT_TELL_NOW: u16 = 10164;
/// The server's code for "a message with this id is on its way to the stream's copies".
const SAME_ID_ON_ITS_WAY: u16 = 10158;

/// The server stored it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ack {
    /// Its position in the stream, or its earlier copy's.
    pub(super) seq: u64,
    /// The stream has a message with this id already.
    pub(super) duplicate: bool,
}

/// Why there is no ack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PublishError {
    /// The expected sequence is not the last one of the subject: nothing was stored. Somebody else wrote.
    #[error("the subject was written by somebody else")]
    NotExpected,
    /// Whether the expectation holds cannot be told now: nothing was stored. Try again, it says nothing about others.
    #[error("another write is on its way: try again")]
    Undecided,
    /// A copy of it is on its way to the stream's servers. Try again, and learn whether it gets there.
    #[error("a copy of it is on its way: try again")]
    CopyOnItsWay,
    /// The server refused it: nothing was stored.
    #[error("the server refused it: {text} ({code})")]
    Refused {
        /// The server's error code.
        code: u16,
        /// The server's text.
        text: String,
    },
    /// No stream takes this subject, or its leader is away: nothing was stored.
    #[error("no stream takes {subject}: it has no leader now, or somebody has deleted it: run hydra doctor")]
    NoStream {
        /// Where it was sent.
        subject: String,
    },
    /// Larger than the server takes: nothing was sent.
    #[error("the message is {size} bytes, the server takes {limit}: raise its max_payload")]
    TooLarge {
        /// Headers and body.
        size: usize,
        /// The server's `max_payload`.
        limit: usize,
    },
    /// There is no connection: nothing was sent.
    #[error("not connected to the NATS server")]
    NotConnected,
    /// It may or may not be stored.
    #[error("{reason}")]
    Unknown {
        /// What is missing.
        reason: &'static str,
    },
}

impl From<PublishError> for backend::Error {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::TooLarge { size, limit } => Self::TooLarge { what: "the message", size, limit },
            PublishError::Unknown { reason } => Self::Unknown { reason: reason.into() },
            copy @ PublishError::CopyOnItsWay => Self::Unknown { reason: copy.to_string() },
            PublishError::Refused { code, text } => error::refused(code, &text),
            other => Self::Unavailable { reason: other.to_string() },
        }
    }
}

/// A message for a stream.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    /// Where to.
    pub(super) subject: String,
    /// Ours and the server's headers.
    pub(super) headers: HeaderMap,
    /// Opaque bytes.
    pub(super) body: Bytes,
}

/// An ack that is on its way. Dropping it changes nothing: the message is sent.
pub(super) struct Submitted(oneshot::Receiver<Result<Ack, PublishError>>);

impl Submitted {
    /// Waits for the ack; ends by itself when that takes too long.
    pub(super) async fn ack(self) -> Result<Ack, PublishError> {
        self.0.await.unwrap_or(Err(PublishError::Unknown { reason: "the connection was closed" }))
    }
}

/// Publishes over one connection. Cheap to clone.
#[derive(Clone)]
pub(super) struct Publisher(Arc<Inner>);

struct Inner {
    client: Client,
    /// Acks go below this subject.
    inbox: String,
    next: AtomicU64,
    places: Arc<Semaphore>,
    /// By number, so the oldest come first. None: closed.
    waiting: Mutex<Option<BTreeMap<u64, Waiting>>>,
}

struct Waiting {
    subject: String,
    answer: oneshot::Sender<Result<Ack, PublishError>>,
    until: Instant,
    /// Given back with the answer, not when somebody reads it: so one caller may submit more than there are places.
    _places: OwnedSemaphorePermit,
}

impl Publisher {
    /// Subscribes to its acks. Its task ends with `ended`; what is on its way then is unknown.
    pub(super) async fn start(
        client: Client,
        tasks: &TaskTracker,
        ended: CancellationToken,
    ) -> Result<Self, backend::Error> {
        let inbox = client.new_inbox();
        let subscribed = client.subscribe(format!("{inbox}.*")).await;
        let acks = subscribed.map_err(|error| backend::Error::Unavailable { reason: error.to_string() })?;
        let places = Arc::new(Semaphore::new(IN_FLIGHT_MAX as usize));
        let waiting = Mutex::new(Some(BTreeMap::new()));
        let inner = Arc::new(Inner { client, inbox, next: AtomicU64::new(0), places, waiting });
        tasks.spawn(receive(inner.clone(), acks, ended));
        Ok(Self(inner))
    }

    /// Puts it on the wire, behind what this task submitted before, and waits for its ack.
    pub(super) async fn publish(&self, outgoing: Outgoing) -> Result<Ack, PublishError> {
        self.submit(outgoing).await?.ack().await
    }

    /// Puts it on the wire, behind what this task submitted before; waits only for a place among those on their way.
    /// Dropped before it ends, the message may be sent or not.
    pub(super) async fn submit(&self, outgoing: Outgoing) -> Result<Submitted, PublishError> {
        let Outgoing { subject, headers, body } = outgoing;
        let closed = |_| PublishError::NotConnected;
        let _places = self.0.places.clone().acquire_many_owned(places(body.len())).await.map_err(closed)?;
        if self.0.client.connection_state() != State::Connected {
            return Err(PublishError::NotConnected);
        }
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (answer, submitted) = oneshot::channel();
        let waiting = Waiting { subject: subject.clone(), answer, until: Instant::now() + ACK_WAIT, _places };
        lock(&self.0.waiting).as_mut().ok_or(PublishError::NotConnected)?.insert(number, waiting);
        let (reply, size) = (format!("{}.{number}", self.0.inbox), body.len());
        let sent = self.0.client.publish_with_reply_and_headers(subject, reply, headers, body).await;
        sent.map_err(|error| {
            self.0.answer(number, Err(PublishError::NotConnected));
            not_sent(&error, size, self.0.client.max_payload())
        })?;
        Ok(Submitted(submitted))
    }
}

impl Inner {
    fn answer(&self, number: u64, result: Result<Ack, PublishError>) {
        let waiting = lock(&self.waiting).as_mut().and_then(|waiting| waiting.remove(&number));
        if let Some(waiting) = waiting {
            // Nobody there: the caller gave up, and repeats it or does not care.
            let _ = waiting.answer.send(result);
        }
    }

    fn receive(&self, ack: &async_nats::Message) {
        let number = ack.subject.rsplit_once('.').and_then(|(_, number)| number.parse().ok());
        if let Some(number) = number {
            let no_stream = ack.status == Some(StatusCode::NO_RESPONDERS);
            let result = if no_stream { Err(self.no_stream(number)) } else { read_ack(&ack.payload) };
            self.answer(number, result);
        }
    }

    fn no_stream(&self, number: u64) -> PublishError {
        let waiting = lock(&self.waiting);
        let found = waiting.as_ref().and_then(|waiting| waiting.get(&number));
        PublishError::NoStream { subject: found.map_or_else(String::new, |waiting| waiting.subject.clone()) }
    }

    /// Gives up waiting for those that are late, or for all.
    fn give_up(&self, all: bool, reason: &'static str) {
        let now = Instant::now();
        let late = {
            let mut waiting = lock(&self.waiting);
            let Some(waiting) = waiting.as_mut() else { return };
            let first_in_time = waiting.iter().find(|(_, waiting)| !all && waiting.until > now);
            match first_in_time.map(|(number, _)| *number) {
                Some(number) => {
                    let in_time = waiting.split_off(&number);
                    std::mem::replace(waiting, in_time)
                }
                None => std::mem::take(waiting),
            }
        };
        for waiting in late.into_values() {
            let _ = waiting.answer.send(Err(PublishError::Unknown { reason }));
        }
    }
}

/// Reads acks until the end; gives up on those that are late or were on their way when the connection broke.
async fn receive(inner: Arc<Inner>, mut acks: Subscriber, ended: CancellationToken) {
    let connects = || inner.client.statistics().connects.load(Ordering::Relaxed);
    let mut connected = connects();
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            // Dropping any branch is safe: a token and a tick are looked at again, and `next` of a channel loses nothing.
            () = ended.cancelled() => break,
            _ = look.tick() => {
                let before = std::mem::replace(&mut connected, connects());
                let broken = before != connected || inner.client.connection_state() != State::Connected;
                let reason = if broken { "the connection to the NATS server broke" } else { "no ack came in time: if this goes on, look at the servers' disks and logs" };
                inner.give_up(broken, reason);
            }
            ack = acks.next() => match ack {
                Some(ack) => inner.receive(&ack),
                None => break,
            },
        }
    }
    inner.places.close();
    inner.give_up(true, "the connection was closed");
    lock(&inner.waiting).take();
}

/// How many places among those on their way a body takes.
fn places(bytes: usize) -> u32 {
    u32::try_from(1 + bytes / BYTES_PER_PLACE).unwrap_or(IN_FLIGHT_MAX).min(IN_FLIGHT_MAX)
}

fn not_sent(error: &async_nats::PublishError, size: usize, limit: usize) -> PublishError {
    match error.kind() {
        async_nats::client::PublishErrorKind::MaxPayloadExceeded => PublishError::TooLarge { size, limit },
        async_nats::client::PublishErrorKind::InvalidSubject => {
            PublishError::Refused { code: 0, text: error.to_string() }
        }
        async_nats::client::PublishErrorKind::Send => PublishError::NotConnected,
    }
}

/// Has an error or a position; anything else is no answer.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    error: Option<Refusal>,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(default)]
    duplicate: bool,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    err_code: u16,
    #[serde(default)]
    description: String,
}

/// Reads what the server answered to a publish.
fn read_ack(payload: &[u8]) -> Result<Ack, PublishError> {
    match serde_json::from_slice(payload) {
        Ok(Answer { error: None, seq: Some(seq), duplicate }) => Ok(Ack { seq, duplicate }),
        Ok(Answer { error: Some(error), .. }) => Err(match error.err_code {
            WRONG_LAST_SEQUENCE => PublishError::NotExpected,
            CANNOT_TELL_NOW => PublishError::Undecided,
            SAME_ID_ON_ITS_WAY => PublishError::CopyOnItsWay,
            code => PublishError::Refused { code, text: error.description },
        }),
        _ => Err(PublishError::Unknown { reason: "the server's ack cannot be read" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ack_tells_the_position_and_whether_it_is_a_copy() {
        let stored = |text: &str| read_ack(text.as_bytes()).unwrap();
        assert_eq!(stored(r#"{"stream":"S","seq":7}"#), Ack { seq: 7, duplicate: false });
        assert_eq!(stored(r#"{"stream":"S","seq":3,"duplicate":true}"#), Ack { seq: 3, duplicate: true });
    }

    #[test]
    fn a_refusal_by_another_write_is_not_one_by_a_write_on_its_way() {
        let refused = |code: u16| {
            let text =
                format!(r#"{{"error":{{"code":400,"err_code":{code},"description":"why"}},"stream":"S","seq":0}}"#);
            read_ack(text.as_bytes()).unwrap_err()
        };
        assert_eq!(refused(10071), PublishError::NotExpected);
        assert_eq!(refused(10164), PublishError::Undecided);
        assert_eq!(refused(10158), PublishError::CopyOnItsWay);
        assert_eq!(refused(10077), PublishError::Refused { code: 10077, text: "why".into() });
    }

    #[test]
    fn an_answer_that_is_none_leaves_it_unknown() {
        for text in ["", "{}", "[]", r#"{"seq":-1}"#, "\u{1}"] {
            assert!(matches!(read_ack(text.as_bytes()), Err(PublishError::Unknown { .. })), "{text}");
        }
    }

    #[test]
    fn large_bodies_take_more_places_and_none_takes_more_than_there_are() {
        assert_eq!((places(0), places(BYTES_PER_PLACE), places(usize::MAX)), (1, 2, IN_FLIGHT_MAX));
    }
}
