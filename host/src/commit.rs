//! (6) The commit: one compare-and-swap write of the actor's record, then its outbox.
//! Called by `activation`, calls the backend's table and log. The record's write decides everything: before it nothing
//! happened, after it everything will. Never overwrites an outbox that is not handed over yet.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;
use tracing::{Span, debug_span};

use crate::backend::{Backend, Error, Expect, NewMessage, Notice, Put, Queue};
use crate::bucket::Bucket;
use crate::crash::{self, Step};
use crate::deadletter;
use crate::effects::StateChange;
use crate::id::{ActorId, Cursor, Epoch, Revision};
use crate::keys;
use crate::message::Message;
use crate::names::MessageId;
use crate::outbox::{self, Entry};
use crate::parking;
use crate::record::{self, Parked, Record, Status};
use crate::reply::Reply;
use crate::timer::{Waits, brought};
use crate::turn::Settled;
use crate::wake;

/// An actor's record as it was last read or written.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// What it says; its outbox is empty once it was handed over.
    pub(crate) record: Record,
    /// None: there is no row yet.
    pub(crate) revision: Option<Revision>,
    /// The claim under which it was read or written.
    pub(crate) claim: Epoch,
}

/// A record in the making: one or more turns that become true together.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) record: Record,
    bytes: usize,
    turns: usize,
    changed: bool,
    /// Around its turns, of those that are traced.
    spans: Vec<Span>,
}

impl Draft {
    /// Begins behind what is stored.
    pub(crate) fn new(loaded: &Loaded) -> Self {
        let record = Record { outbox: Vec::new(), ..loaded.record.clone() };
        Self { record, bytes: 0, turns: 0, changed: false, spans: Vec::new() }
    }

    /// Whether there is nothing to store.
    pub(crate) fn is_empty(&self) -> bool {
        !self.changed
    }

    /// How many turns it holds.
    pub(crate) fn turns(&self) -> usize {
        self.turns
    }

    /// Whether another turn may join: a single one always may.
    pub(crate) fn fits(&self, settled: &Settled) -> bool {
        let more: usize = settled.entries.iter().map(Entry::size).sum();
        self.turns == 0 || self.bytes + more <= outbox::MERGED_BYTES_MAX
    }

    /// Joins a turn with the message that stood at `origin`; parked: it came from the queue.
    pub(crate) fn add(
        &mut self,
        origin: Cursor,
        parked: bool,
        message: Option<&Message>,
        settled: Settled,
        now: crate::clock::Time,
    ) {
        self.changed = true;
        self.turns += 1;
        self.bytes += settled.entries.iter().map(Entry::size).sum::<usize>();
        match self.record.parked.as_mut().filter(|_| parked) {
            Some(parked) => parked.pass(origin),
            None => self.record.cursor = Some(origin),
        }
        self.record.committed = now;
        match settled.state {
            StateChange::Keep => {}
            StateChange::Set(bytes) => {
                self.record.state = Some(bytes);
                self.record.status = Status::Active;
                self.record.state_version = settled.code.map_or(self.record.state_version, |(_, version)| version);
            }
            StateChange::Delete => {
                self.record.state = None;
                self.record.status = Status::Deleted;
                self.record.waits = Waits::default();
            }
        }
        if let Some(waits) = settled.waits {
            self.record.waits = waits;
        }
        self.spans.extend(settled.span.filter(|span| !span.is_disabled()));
        self.record.version = settled.code.map(|(digest, _)| digest).or(self.record.version);
        self.record.outbox.extend(settled.entries);
        if let Some(message) = message.filter(|_| !settled.repeated) {
            keys::remember(&mut self.record.keys, message, settled.answer.as_ref(), now);
        }
    }

    /// Parks the message at `origin`: it is behind the cursor now, and in front of the position in the queue.
    pub(crate) fn park(&mut self, origin: Cursor) {
        self.changed = true;
        let handled = || Cursor { seq: origin.seq.before(), ..origin };
        let position = self.record.cursor.filter(|cursor| cursor.bucket == origin.bucket).unwrap_or_else(handled);
        let parked = self.record.parked.get_or_insert(Parked { position, count: 0 });
        parked.count = parked.count.saturating_add(1);
        self.record.cursor = Some(origin);
        self.record.outbox.push(Entry::Park { seq: origin.seq });
    }

    /// The queue is empty: the actor works from the log again.
    pub(crate) fn unpark(&mut self) {
        self.changed = true;
        self.record.parked = None;
    }

    /// Changes the record as an operator says.
    pub(crate) fn operate(&mut self, position: Cursor, change: impl FnOnce(&mut Record)) {
        self.changed = true;
        self.record.operator = Some(position);
        change(&mut self.record);
    }

    /// Suspends the actor with this commit.
    pub(crate) fn suspend(&mut self, problem: crate::message::Problem) {
        self.changed = true;
        self.record.status = Status::Suspended(problem);
    }
}

/// What became of a draft.
#[derive(Debug)]
pub(crate) enum Committed {
    /// Stored and handed over. None: somebody has written the record since; read it anew.
    Done(Option<Box<Loaded>>),
    /// Somebody else wrote the record: nothing of it happened.
    Refused,
    /// The store takes no record of this size: nothing of it happened.
    TooLarge(Error),
}

/// Stores a draft and hands over its outbox. Waits as long as the store does not serve.
///
/// # Errors
/// `Error::Closed` and `Error::Damaged`: the bucket cannot go on.
pub(crate) async fn commit(
    bucket: &Bucket,
    actor: &ActorId,
    loaded: &Loaded,
    draft: Draft,
) -> Result<Committed, Error> {
    let Draft { mut record, spans, .. } = draft;
    record.epoch = bucket.epoch;
    record.committed = bucket.now().await?;
    wake::mark(bucket, actor, &record).await?;
    crash::at(Step::BeforeRecord);
    let (metrics, began) = (&bucket.context.metrics, Instant::now());
    let commits: Vec<Span> = spans.iter().map(|turn| debug_span!(parent: turn, "commit")).collect();
    let stored = store(bucket, actor, loaded.revision, &record).await;
    drop(commits);
    metrics.commit(told(&stored), began.elapsed());
    match stored {
        Ok(Put::Refused) => Ok(Committed::Refused),
        Err(error @ Error::TooLarge { .. }) => Ok(Committed::TooLarge(error)),
        Err(error) => Err(error),
        Ok(Put::Written(revision)) => {
            crash::at(Step::RecordWritten);
            wake::note(bucket, actor, &record);
            let began = Instant::now();
            let flushes: Vec<Span> = spans.iter().map(|turn| debug_span!(parent: turn, "flush")).collect();
            hand_over(bucket, actor, &record).await?;
            drop(flushes);
            metrics.flush(began.elapsed());
            count(bucket, actor, &record);
            let loaded = clear(bucket, actor, Loaded { record, revision: Some(revision), claim: bucket.epoch }).await?;
            Ok(Committed::Done(loaded.map(Box::new)))
        }
    }
}

fn told(stored: &Result<Put, Error>) -> &'static str {
    match stored {
        Ok(Put::Written(_)) => "stored",
        Ok(Put::Refused) => "refused",
        Err(Error::TooLarge { .. }) => "too-large",
        Err(_) => "over",
    }
}

/// Counts what an outbox was, once it was handed over.
fn count(bucket: &Bucket, actor: &ActorId, record: &Record) {
    let context = &bucket.context;
    let sends = record.outbox.iter().filter(|entry| matches!(entry, Entry::Send { .. })).count();
    let letters = record.outbox.iter().filter(|entry| matches!(entry, Entry::DeadLetter { .. })).count();
    context.metrics.sent(context.known(actor.kind()), sends, letters);
}

/// Forgets an outbox that was handed over. In the store too, if the floor would not tell that it was: a parked actor's
/// cursor stands still, and a dead letter that was dropped or replayed meanwhile must not come again.
/// None: somebody else wrote the record meanwhile.
async fn clear(bucket: &Bucket, actor: &ActorId, loaded: Loaded) -> Result<Option<Loaded>, Error> {
    let Loaded { mut record, revision, claim } = loaded;
    let has_dead_letter = record.outbox.iter().any(|entry| matches!(entry, Entry::DeadLetter { .. }));
    let must_be_stored = has_dead_letter || (record.parked.is_some() && !record.outbox.is_empty());
    record.outbox = Vec::new();
    if !must_be_stored {
        return Ok(Some(Loaded { record, revision, claim }));
    }
    let cleared = Box::pin(store(bucket, actor, revision, &record)).await?;
    crash::at(Step::OutboxCleared);
    match cleared {
        Put::Written(revision) => Ok(Some(Loaded { record, revision: Some(revision), claim })),
        Put::Refused => Ok(None),
    }
}

/// Writes the record if it is as it was read. An unknown outcome is read back.
async fn store(bucket: &Bucket, actor: &ActorId, before: Option<Revision>, record: &Record) -> Result<Put, Error> {
    let table = &bucket.context.backend.actors;
    let key = record::key(actor);
    let expect = before.map_or(Expect::Absent, Expect::Revision);
    let (value, headers) = record.encode();
    let uncertain = AtomicBool::new(false);
    bucket
        .patiently("record", || async {
            match table.put(&key, value.clone(), headers.clone(), expect, None).await {
                // Repeated with the same expectation: if it was stored after all, it is refused now, and read back.
                Err(error @ Error::Unknown { .. }) => {
                    uncertain.store(true, Ordering::Relaxed);
                    Err(error)
                }
                Ok(Put::Refused) if uncertain.load(Ordering::Relaxed) => {
                    // Not byte by byte: a store may keep headers in an order of its own.
                    let ours =
                        |row: &crate::backend::Entry| Record::decode(row).is_ok_and(|written| written == *record);
                    let written = table.get(&key).await?.filter(ours);
                    Ok(written.map_or(Put::Refused, |entry| Put::Written(entry.revision)))
                }
                other => other,
            }
        })
        .await
}

/// Hands over a stored outbox: answers at once, then messages and dead letters, all awaited. Repeating it does no harm.
///
/// # Errors
/// `Error::Closed` and `Error::Damaged`: the bucket cannot go on.
pub(crate) async fn hand_over(bucket: &Bucket, actor: &ActorId, record: &Record) -> Result<(), Error> {
    let backend = &bucket.context.backend;
    let (mut messages, mut parked) = (Vec::new(), Vec::new());
    for (index, entry) in record.outbox.iter().enumerate() {
        crash::at(Step::OutboxEntry);
        match entry {
            Entry::Answer { reply, answer, trace } => match Reply::read(reply) {
                Some(Reply::Channel(channel)) => {
                    let (headers, body) = answer.to_wire();
                    backend.log.notify(Notice { channel, headers, body });
                    crash::at(Step::Answered);
                }
                Some(Reply::Actor { to, token }) => {
                    messages.extend(record.handled().map(|handled| {
                        let ((headers, body), id) = (
                            brought(&token, actor, answer, trace.as_deref()),
                            MessageId::outbox(actor, handled, index),
                        );
                        // No T: the request's token tells whether a copy counts.
                        NewMessage { queue: Queue::Inbox, to, id, committed: None, headers, body }
                    }));
                }
                None => {}
            },
            Entry::Send { .. } => {
                messages.extend(record.handled().and_then(|handled| outgoing(actor, record, handled, index, entry)))
            }
            Entry::DeadLetter { seq, .. } => {
                let found = Box::pin(parking::find(bucket, actor, *seq)).await?;
                let buried = |delivery| deadletter::bury(bucket.id, &delivery, record.committed, entry);
                messages.extend(found.and_then(buried));
            }
            Entry::Park { seq } => parked.push(*seq),
        }
    }
    if !parked.is_empty() {
        Box::pin(parking::park(bucket, actor, &parked, record.committed)).await?;
    }
    if !messages.is_empty() {
        crash::at(Step::BeforeOutbox);
        bucket.patiently("outbox", || append(backend, &messages)).await?;
        let moved = messages.iter().any(|message| message.queue == Queue::DeadLetters);
        crash::at(if moved { Step::DeadLetterMoved } else { Step::OutboxStored });
    }
    Ok(())
}

async fn append(backend: &Backend, messages: &[NewMessage]) -> Result<(), Error> {
    backend.log.append(messages.to_vec()).await.map(drop)
}

/// A message of the outbox as the log takes it: the same in every copy.
fn outgoing(sender: &ActorId, record: &Record, handled: Cursor, index: usize, entry: &Entry) -> Option<NewMessage> {
    let Entry::Send { to, subject, headers, body, trace, reply, deadline } = entry else { return None };
    let message = Message {
        id: MessageId::outbox(sender, handled, index),
        to: to.clone(),
        sender: Some(sender.clone()),
        subject: subject.clone(),
        headers: headers.clone(),
        body: body.clone(),
        reply: reply.as_deref().and_then(Reply::read),
        deadline: *deadline,
        key: None,
        trace: trace.clone(),
    };
    Some(NewMessage::to_inbox(message, Some(record.committed)))
}

/// Reads an actor's record, and hands over an outbox that may still be pending.
///
/// # Errors
/// `Unreadable`: the actor cannot work until a human acts. `Store`: the bucket cannot go on.
pub(crate) async fn load(bucket: &Bucket, actor: &ActorId) -> Result<Loaded, LoadError> {
    let (table, claim) = (&bucket.context.backend.actors, bucket.epoch);
    let key = record::key(actor);
    let Some(entry) = bucket.patiently("record", || table.get(&key)).await? else {
        return Ok(Loaded { record: Record::default(), revision: None, claim });
    };
    let mut record = Record::decode(&entry)?;
    if let Some(foreign) = record.position().filter(|position| position.bucket != bucket.id) {
        return Err(LoadError::Incarnation { found: foreign });
    }
    wake::mark(bucket, actor, &record).await?;
    wake::note(bucket, actor, &record);
    // What this very claim wrote it also handed over; what an earlier one wrote is known to be only up to the floor,
    // or when it says so itself.
    let is_above_floor = record.position().is_some_and(|position| position.seq > bucket.floor());
    if record.epoch == bucket.epoch || !(is_above_floor || record.parked.is_some()) {
        record.outbox = Vec::new();
        return Ok(Loaded { record, revision: Some(entry.revision), claim });
    }
    hand_over(bucket, actor, &record).await?;
    crash::at(Step::HandedOverAgain);
    match clear(bucket, actor, Loaded { record, revision: Some(entry.revision), claim }).await? {
        Some(loaded) => Ok(loaded),
        // Whoever wrote it has seen the outbox handed over first.
        None => Box::pin(load(bucket, actor)).await,
    }
}

/// Why an actor's record cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// It was changed by hand or written by a newer host.
    #[error(transparent)]
    Unreadable(#[from] record::Error),
    /// It belongs to a stream that this store never had.
    #[error("the record's position {found} is in a bucket that this store does not know")]
    Incarnation {
        /// Where it says it is.
        found: Cursor,
    },
    /// The bucket cannot go on.
    #[error(transparent)]
    Store(#[from] Error),
}
