//! Puts messages into mailboxes from outside, and waits for their answers.
//! Stands at the very beginning of a message's way; the HTTP API and embedders call it.
//! Never reads or writes an actor's record.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, debug_span};

use crate::backend::{self, Backend, NewMessage, Notice};
use crate::crash::{self, Step};
use crate::guard::lock;
use crate::id::{ActorId, Kind};
use crate::message::{Answer, Headers, KEY_BYTES_MAX, Message};
use crate::names::{MessageId, Subject};
pub use crate::operation::Operation;
use crate::random::Random;
use crate::registry::{self, Registry};
use crate::reply::{REPLY_CHANNEL, Reply};
use crate::telemetry::{self, Metrics, Traced, Traces};

/// Largest body of a message from outside, in bytes.
pub const BODY_BYTES_MAX: usize = 256 << 10;
/// Largest state that an operator can set, in bytes.
pub const STATE_BYTES_MAX: usize = 512 << 10;
/// What the idempotency key of a replayed dead letter begins with.
pub(crate) const REPLAY_KEY: &str = "hydra-replay:";
/// A store that did not say whether it stored is asked again this soon, and this often.
const REPEAT_AFTER: Duration = Duration::from_millis(20);
const REPEATS: usize = 5;

/// A message from outside.
#[derive(Debug, Clone)]
pub struct Request {
    /// The receiver.
    pub to: ActorId,
    /// What it is.
    pub subject: Subject,
    /// The caller's headers, unchecked.
    pub headers: Headers,
    /// Opaque bytes, unchecked.
    pub body: Bytes,
    /// The caller's idempotency key, unchecked.
    pub key: Option<String>,
    /// W3C trace context: the `traceparent`, and behind a space the `tracestate`. Unchecked.
    pub trace: Option<String>,
}

/// How an ask ended for the caller.
#[derive(Debug, Clone)]
pub enum Asked {
    /// The outcome.
    Answered(Answer),
    /// Accepted and stored, but there was no answer in time: it is still being worked on.
    TimedOut(MessageId),
}

/// Why a message was not accepted. Nothing was stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The receiver's kind was never deployed. Deploy it, or correct the name.
    #[error("kind {kind} is not deployed: hydra deploy FILE.wasm --kind {kind}")]
    UnknownKind {
        /// Which.
        kind: String,
    },
    /// The body is larger than a message may be.
    #[error("the body is {size} bytes, a message takes {limit}")]
    TooLarge {
        /// How large it is.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
    /// Headers or key break the grammar.
    #[error(transparent)]
    Malformed(#[from] crate::message::Error),
    /// The idempotency key is empty or too long.
    #[error("an idempotency key has 1 to {limit} bytes, this one {size}")]
    Key {
        /// How long it is.
        size: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The idempotency key is one that the host makes for replayed dead letters.
    #[error("idempotency keys that begin with {REPLAY_KEY} are the host's own: choose another")]
    ReservedKey,
    /// The dead letter is the answer to a request of its actor. Show it, and drop it.
    #[error(
        "an answer cannot be handled again: the request that it ended is over; send the actor what it needs instead"
    )]
    Ended,
    /// The store cannot take messages now. Try again.
    #[error(transparent)]
    Store(#[from] backend::Error),
}

/// Sends and asks. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    backend: Backend,
    registry: Arc<Registry>,
    random: Random,
    metrics: Arc<Metrics>,
    traces: Traces,
    /// Where this client's answers are awaited, but for the ask's number.
    channel: String,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
}

/// Stops waiting when the asker does.
struct Waiting<'a> {
    inner: &'a Inner,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.inner.waiting).remove(&self.number);
    }
}

impl Client {
    /// A client whose answers arrive on a channel of its own. `tasks` and `ended` bound the task that receives them.
    ///
    /// # Errors
    /// The store's: try again.
    pub(crate) async fn open(
        backend: Backend,
        registry: Arc<Registry>,
        random: Random,
        metrics: Arc<Metrics>,
        traces: Traces,
        tasks: &TaskTracker,
        ended: CancellationToken,
    ) -> Result<Self, backend::Error> {
        let channel = format!("{REPLY_CHANNEL}.{}", data_encoding::HEXLOWER.encode(&random.bytes::<16>()?));
        let mut answers = backend.log.follow(&channel).await?;
        let (next, waiting) = (AtomicU64::new(0), Mutex::default());
        let inner = Arc::new(Inner { backend, registry, random, metrics, traces, channel, next, waiting });
        let receiver = inner.clone();
        tasks.spawn(async move {
            // Dropping the wait for an answer is safe: whoever asks has a time-out.
            while let Some(Some(notice)) = ended.run_until_cancelled(answers.recv()).await {
                receiver.receive(&notice);
            }
        });
        Ok(Self(inner))
    }

    /// Stores a message and returns at once; its effect is applied exactly once.
    ///
    /// # Errors
    /// See [`Error`]; after any of them nothing is stored, but for `Store(Unknown)`.
    pub async fn send(&self, request: Request) -> Result<MessageId, Error> {
        let (message, span) = self.0.check(request, false).await?;
        self.0.send(message).instrument(span).await
    }

    /// Stores messages from callers who wait elsewhere, if at all, in their order. Each comes with the channel on which its
    /// outcome is awaited.
    pub async fn accept(&self, requests: Vec<(Request, Option<Reply>)>) -> Vec<Result<MessageId, Error>> {
        let mut checked = Vec::with_capacity(requests.len());
        for (request, reply) in requests {
            let message = self.0.check(request, false).await;
            checked.push(message.map(|(message, span)| (Message { reply, ..message }, span)));
        }
        let messages = checked.iter().flatten().map(|(message, _)| message.clone()).collect();
        let stored = self.0.store(messages).await;
        let told = |(message, _): (Message, Span)| stored.clone().map(|()| message.id).map_err(Error::from);
        checked.into_iter().map(|message| message.and_then(told)).collect()
    }

    /// Stores the message of a dead letter again; it keeps its sender. Keyed by its letter, it is one effect.
    pub(crate) async fn replay(&self, request: Request, sender: Option<ActorId>) -> Result<MessageId, Error> {
        let (message, span) = self.0.check(request, true).await?;
        self.0.send(Message { sender, ..message }).instrument(span).await
    }

    /// Stores a message and waits for its outcome.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn ask(&self, request: Request, timeout: Duration) -> Result<Asked, Error> {
        let (message, span) = self.0.check(request, false).await?;
        self.0.ask(message, timeout).instrument(span).await
    }

    /// Asks an actor's owner to act as an operator says; it does not wait behind the actor's messages.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn operate(&self, to: ActorId, operation: Operation, timeout: Duration) -> Result<Asked, Error> {
        self.0.check_kind(&to).await?;
        let (subject, body) = operation.to_message();
        check_size(body.len(), STATE_BYTES_MAX)?;
        let (id, headers) = (MessageId::outside(&to, self.0.random()?), Headers::default());
        let (sender, reply, deadline, key, trace) = (None, None, None, None, None);
        let message = Message { id, to, sender, subject, headers, body, reply, deadline, key, trace };
        self.0.ask(message, timeout).await
    }
}

impl Inner {
    /// Checks all that a caller can get wrong. The span is around the call from then on.
    async fn check(&self, request: Request, is_replay: bool) -> Result<(Message, Span), Error> {
        let Request { to, subject, headers, body, key, trace } = request;
        self.check_kind(&to).await?;
        check_size(body.len(), BODY_BYTES_MAX)?;
        headers.check()?;
        if key.as_ref().is_some_and(|key| key.starts_with(REPLAY_KEY)) != is_replay {
            return Err(Error::ReservedKey);
        }
        if let Some(size) = key.as_ref().map(String::len).filter(|size| !(1..=KEY_BYTES_MAX).contains(size)) {
            return Err(Error::Key { size, limit: KEY_BYTES_MAX });
        }
        let came = trace.as_deref().and_then(telemetry::checked_trace);
        let span = || debug_span!(parent: None, "call", otel.kind = "server", actor.kind = %to.kind(), actor.id = to.id(), %subject);
        let Traced { span, onward: trace } = self.traces.begin(came.as_deref(), span);
        let id = MessageId::outside(&to, self.random()?);
        Ok((Message { id, to, sender: None, subject, headers, body, reply: None, deadline: None, key, trace }, span))
    }

    fn random(&self) -> Result<[u8; 16], backend::Error> {
        Ok(self.random.bytes()?)
    }

    async fn check_kind(&self, to: &ActorId) -> Result<(), Error> {
        let unknown = || Error::UnknownKind { kind: to.kind().to_string() };
        let unclear = |error: registry::Error| backend::Error::Unavailable { reason: error.to_string() };
        self.registry.find(to.kind()).await.map_err(unclear)?.then_some(()).ok_or_else(unknown)
    }

    async fn send(&self, message: Message) -> Result<MessageId, Error> {
        let id = message.id.clone();
        self.store(vec![message]).await?;
        Ok(id)
    }

    async fn ask(&self, mut message: Message, timeout: Duration) -> Result<Asked, Error> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (answered, answer) = oneshot::channel();
        lock(&self.waiting).insert(number, answered);
        let _waiting = Waiting { inner: self, number };
        message.reply = Some(Reply::Channel(format!("{}.{number}", self.channel)));
        let id = message.id.clone();
        let deadline = tokio::time::Instant::now() + timeout;
        let unknown = |_| backend::Error::Unknown { reason: "it did not answer in time".into() };
        tokio::time::timeout_at(deadline, self.store(vec![message])).await.map_err(unknown)??;
        // Dropping the wait is safe: the message stays stored, and its answer finds nobody.
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => Ok(Asked::Answered(answer)),
            Ok(Err(_)) | Err(_) => Ok(Asked::TimedOut(id)),
        }
    }

    /// Stores messages in their order. An unknown outcome is settled by repeating them: with their ids and their first
    /// try's time, by which the receiver knows a copy that surfaces when the log has forgotten the id.
    async fn store(&self, messages: Vec<Message>) -> Result<(), backend::Error> {
        let now = self.backend.log.now()?;
        let kinds: Vec<Kind> = messages.iter().map(|message| message.to.kind().clone()).collect();
        let new: Vec<_> = messages.into_iter().map(|message| NewMessage::to_inbox(message, Some(now))).collect();
        let pace = ExponentialBuilder::new().with_min_delay(REPEAT_AFTER).with_max_times(REPEATS);
        let is_unclear = AtomicBool::new(false);
        let append = || async {
            let appended = self.backend.log.append(new.clone()).await;
            appended.map(drop).map_err(|error| still_unclear(&is_unclear, error))
        };
        crash::at(Step::BeforeAccept);
        append.retry(pace).when(|error| matches!(error, backend::Error::Unknown { .. })).await?;
        crash::at(Step::Accepted);
        kinds.iter().for_each(|kind| self.metrics.accepted(kind));
        Ok(())
    }

    fn receive(&self, notice: &Notice) {
        let number = notice.channel.rsplit('.').next().and_then(|number| number.parse().ok());
        let Some(waiting) = number.and_then(|number: u64| lock(&self.waiting).remove(&number)) else {
            return self.metrics.dropped("nobody-waits");
        };
        match Answer::from_wire(&notice.headers, notice.body.clone()) {
            Ok(answer) => drop(waiting.send(answer)),
            Err(error) => tracing::warn!(%error, "an answer cannot be read"),
        }
    }
}

/// What a caller is told of a try: after one of which nobody knows, a later one that stored nothing settles nothing.
fn still_unclear(is_unclear: &AtomicBool, error: backend::Error) -> backend::Error {
    match error {
        backend::Error::Unknown { .. } => is_unclear.store(true, Ordering::Relaxed),
        backend::Error::Unavailable { reason } if is_unclear.load(Ordering::Relaxed) => {
            return backend::Error::Unknown { reason };
        }
        _ => {}
    }
    error
}

fn check_size(size: usize, limit: usize) -> Result<(), Error> {
    if size > limit { Err(Error::TooLarge { size, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_went_away_before_it_said_what_it_stored_is_not_told_as_having_stored_nothing() {
        let (is_unclear, reason) = (AtomicBool::new(false), || "away".to_owned());
        let told = |error| still_unclear(&is_unclear, error);
        let away = || backend::Error::Unavailable { reason: reason() };
        assert!(matches!(told(away()), backend::Error::Unavailable { .. }));
        assert!(matches!(told(backend::Error::Unknown { reason: reason() }), backend::Error::Unknown { .. }));
        assert!(matches!(told(away()), backend::Error::Unknown { .. }));
        assert!(matches!(told(backend::Error::Closed), backend::Error::Closed));
    }
}
