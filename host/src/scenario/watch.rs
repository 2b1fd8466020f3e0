//! What is seen of one run while it goes on, and the scenario's own clock. Told by `link` and `watched`, asked by `run`.
//!
//! Gives every message of an actor a name that is the same in every run: the how-manieth from this sender to this receiver.
//! The host's own ids name positions, which a crash moves. Never changes what happens.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::{Appended, NewMessage, Queue};
use crate::clock::Time;
use crate::effects::Outcome;
use crate::guard::lock;
use crate::id::{ActorId, BucketId, Seq};
use crate::message::{Headers, header};
use crate::names::MessageId;
use crate::scenario::content::Content;
use crate::scenario::observed::SeenMessage;
use crate::scenario::recording::{Recording, TurnEnd};
use crate::timer::Waits;
use crate::wasm::{Handled, Input};

/// When every scenario begins: 2026-01-01, midnight.
pub(super) const START: Time = Time(1_767_225_600_000);
/// Messages of one step. More come from actors that send to each other for ever.
pub(super) const MESSAGES_MAX: usize = 10_000;
/// Lines that are kept of one run.
const LINES_MAX: usize = 10_000;

/// What is seen of one run.
#[derive(Default)]
pub(super) struct Watch(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// The step that goes on, from 0.
    step: usize,
    /// How far the scenario's clock was moved.
    advanced: Duration,
    /// Changes with everything that happens.
    activity: u64,
    /// Messages stored in this step.
    messages: usize,
    /// The step of every commit.
    commits: Vec<usize>,
    /// Positions of the last message and of the last one that is done.
    stored: BTreeMap<BucketId, Seq>,
    done: BTreeMap<BucketId, Seq>,
    names: BTreeMap<MessageId, Name>,
    pairs: BTreeMap<(String, String), u64>,
    sent: BTreeMap<String, Vec<SeenMessage>>,
    /// When actors' timers and requests are due.
    dues: BTreeMap<ActorId, Vec<Time>>,
    /// Reply tokens as hosts make them, by what guests are given.
    reply_tokens: BTreeMap<String, String>,
    /// When a message was tried first.
    tried: BTreeMap<MessageId, Instant>,
    /// Whether an actor's latest turn ended without an answer yet.
    later: BTreeMap<ActorId, bool>,
    copies: VecDeque<(Instant, NewMessage)>,
    log: Vec<(usize, String)>,
    /// The last turn of each step, if turns are to be kept.
    recordings: Option<BTreeMap<usize, Recording>>,
}

/// What is told of a run behind its end.
#[derive(Default)]
pub(super) struct Taken {
    /// The step of every commit, from 0.
    pub(super) commits: Vec<usize>,
    /// What happened, with the step in which it did.
    pub(super) log: Vec<(usize, String)>,
    /// The last turn of every step, if turns were to be kept.
    pub(super) recordings: BTreeMap<usize, Recording>,
}

/// What a message is called in every run.
#[derive(Clone)]
pub(super) struct Name {
    /// Unique, like an id.
    pub(super) id: MessageId,
    /// The scenario's time when it was stored.
    pub(super) accepted: Time,
}

impl Watch {
    /// Begins to look; `keeps` turns for a recording.
    pub(super) fn new(keeps: bool) -> Self {
        Self(Mutex::new(Seen { recordings: keeps.then(BTreeMap::new), ..Seen::default() }))
    }

    /// A step begins.
    pub(super) fn begin(&self, step: usize) {
        let mut seen = lock(&self.0);
        (seen.step, seen.messages) = (step, 0);
    }

    /// The scenario's time.
    pub(super) fn now(&self) -> Time {
        START.plus(lock(&self.0).advanced)
    }

    /// Moves the scenario's clock on.
    pub(super) fn advance(&self, span: Duration) {
        lock(&self.0).advanced += span;
    }

    /// A record was stored that says what its actor waits for.
    pub(super) fn waits(&self, actor: &ActorId, waits: &Waits) {
        let due = waits.dues().map(|(at, _)| at).collect();
        lock(&self.0).dues.insert(actor.clone(), due);
    }

    /// When something is due next, behind the scenario's time.
    pub(super) fn next_due(&self) -> Option<Time> {
        let (now, seen) = (self.now(), lock(&self.0));
        seen.dues.values().flatten().filter(|due| **due > now).min().copied()
    }

    /// A reply token that is the same in every run: the host's own names a position.
    pub(super) fn give_reply_token(&self, id: &MessageId, token: String) -> String {
        let given = format!("reply-{id}");
        lock(&self.0).reply_tokens.insert(given.clone(), token);
        given
    }

    /// The host's own reply token; one that a guest has made up stays as it is.
    pub(super) fn reply_token(&self, given: String) -> String {
        lock(&self.0).reply_tokens.get(&given).cloned().unwrap_or(given)
    }

    /// Notes a line.
    pub(super) fn note(&self, line: impl FnOnce() -> String) {
        let mut seen = lock(&self.0);
        if seen.log.len() < LINES_MAX {
            let step = seen.step;
            seen.log.push((step, line()));
        }
    }

    /// A commit is about to be stored: which one it is, from 1.
    pub(super) fn commits(&self) -> usize {
        let mut seen = lock(&self.0);
        let step = seen.step;
        seen.activity += 1;
        seen.commits.push(step);
        seen.commits.len()
    }

    /// A message reached the log.
    pub(super) fn stored(&self, bucket: BucketId, message: &NewMessage, appended: Appended) {
        {
            let mut seen = lock(&self.0);
            seen.activity += 1;
            seen.messages += 1;
            if message.queue != Queue::Inbox || appended.duplicate {
                return;
            }
            let last = seen.stored.entry(bucket).or_default();
            *last = (*last).max(appended.seq);
            if seen.names.contains_key(&message.id) {
                return;
            }
            let accepted = START.plus(seen.advanced);
            let id = seen.name(message);
            seen.names.insert(message.id.clone(), Name { id, accepted });
        }
        let subject = message.headers.get(header::SUBJECT).unwrap_or_default();
        self.note(|| format!("stored for {}: {subject} {}", message.to, Content(message.body.clone())));
    }

    /// A bucket is done up to here.
    pub(super) fn done(&self, bucket: BucketId, seq: Seq) {
        let mut seen = lock(&self.0);
        seen.activity += 1;
        let done = seen.done.entry(bucket).or_default();
        *done = (*done).max(seq);
    }

    /// What a message is called in every run.
    pub(super) fn name_of(&self, id: &MessageId) -> Name {
        let seen = lock(&self.0);
        let unknown = || Name { id: id.clone(), accepted: START.plus(seen.advanced) };
        seen.names.get(id).cloned().unwrap_or_else(unknown)
    }

    /// How long ago a message was tried first; a host that was started again begins anew.
    pub(super) fn trying_for(&self, id: &MessageId, attempt: u32) -> Duration {
        let mut seen = lock(&self.0);
        if attempt <= 1 {
            seen.tried.insert(id.clone(), Instant::now());
        }
        seen.tried.get(id).map_or(Duration::ZERO, Instant::elapsed)
    }

    /// A turn ended.
    pub(super) fn turned(&self, input: &Input<'_>, handled: &Handled, recording: impl FnOnce(usize) -> Recording) {
        let message = input.message;
        {
            let mut seen = lock(&self.0);
            seen.activity += 1;
            seen.later.insert(message.to.clone(), matches!(handled.result, Ok(Outcome::Later)));
            let step = seen.step;
            if let Some(recordings) = &mut seen.recordings {
                recordings.insert(step, recording(step));
            }
        }
        let attempt = if input.attempt > 1 { format!(" (try {})", input.attempt) } else { String::new() };
        self.note(|| format!("turn of {}: {} {}{attempt}", message.to, message.subject, Content(message.body.clone())));
        for line in TurnEnd::of(handled).lines() {
            self.note(|| format!("  {line}"));
        }
    }

    /// Whether an actor's latest turn ended without an answer; asking forgets it.
    pub(super) fn take_later(&self, actor: &ActorId) -> bool {
        lock(&self.0).later.remove(actor) == Some(true)
    }

    /// What an actor sent, from the `from`-th message on.
    pub(super) fn sent(&self, actor: &str, from: usize) -> Vec<SeenMessage> {
        lock(&self.0).sent.get(actor).and_then(|sent| sent.get(from..)).unwrap_or_default().to_vec()
    }

    /// What all actors sent.
    pub(super) fn all_sent(&self) -> BTreeMap<String, Vec<SeenMessage>> {
        lock(&self.0).sent.clone()
    }

    /// Changes with everything that happens.
    pub(super) fn activity(&self) -> u64 {
        lock(&self.0).activity
    }

    /// Whether every message that was stored is done.
    pub(super) fn is_done(&self) -> bool {
        let seen = lock(&self.0);
        seen.stored.iter().all(|(bucket, last)| seen.done.get(bucket) >= Some(last))
    }

    /// Whether actors send more than any scenario can mean.
    pub(super) fn is_flooded(&self) -> bool {
        lock(&self.0).messages > MESSAGES_MAX
    }

    /// Keeps a message that comes again.
    pub(super) fn keep_copy(&self, message: NewMessage) {
        lock(&self.0).copies.push_back((Instant::now(), message));
    }

    /// When the next kept message is due, if it is to come this long after its first copy.
    pub(super) fn next_copy(&self, after: Duration) -> Option<Instant> {
        lock(&self.0).copies.front().map(|(stored, _)| *stored + after)
    }

    /// The next kept message that is due.
    pub(super) fn take_copy(&self, after: Duration) -> Option<NewMessage> {
        let mut seen = lock(&self.0);
        seen.copies.pop_front_if(|(stored, _)| *stored + after <= Instant::now()).map(|(_, message)| message)
    }

    /// All that is told of the run behind its end.
    pub(super) fn take(&self) -> Taken {
        let mut seen = lock(&self.0);
        let (commits, log) = (std::mem::take(&mut seen.commits), std::mem::take(&mut seen.log));
        Taken { commits, log, recordings: seen.recordings.take().unwrap_or_default() }
    }
}

impl Seen {
    /// Names a message, and keeps what actors send. From outside the id is the same in every run.
    fn name(&mut self, message: &NewMessage) -> MessageId {
        if let Some((_, due)) = message.headers.get(header::TIMER).and_then(|place| place.split_once(' ')) {
            let subject = message.headers.get(header::SUBJECT).unwrap_or_default();
            return MessageId::stored(&format!("{}:{subject}:{due}", message.to));
        }
        let Some(sender) = message.headers.get(header::SENDER).and_then(|sender| ActorId::parse_escaped(sender).ok())
        else {
            return message.id.clone();
        };
        let (sender, to) = (sender.to_string(), message.to.to_string());
        let Headers(headers) = message.headers.users();
        let subject = message.headers.get(header::SUBJECT).unwrap_or_default().to_owned();
        let body = Content(message.body.clone());
        if message.headers.get(header::TOKEN).is_none() {
            self.sent.entry(sender.clone()).or_default().push(SeenMessage { to: to.clone(), subject, headers, body });
        }
        let number = self.pairs.entry((sender.clone(), to.clone())).or_default();
        *number += 1;
        MessageId::stored(&format!("{sender}:{to}:{number}"))
    }
}
