//! (4) One message: admitted, handled, and turned into what a commit stores. The heart.
//! Called by `activation` with the state before; calls the handler; hands its effects on as a [`Settled`] turn.
//! Never stores, sends or answers anything itself.

use std::time::Duration;

use tracing::{Instrument, Span, debug_span};

use crate::backend::{Delivery, Log};
use crate::clock::Time;
use crate::digest::Digest;
use crate::effects::{Effects, Fault, Later, Outcome, StateChange};
use crate::events::{self, Event};
use crate::failure::{self, Decision, History};
use crate::history::{self, Counts, Histories, PastTurn};
use crate::id::{BucketId, Cursor};
use crate::keys;
use crate::message::{Answer, Message, Problem, Status};
use crate::outbox::Entry;
use crate::record::{self, Record};
use crate::reply::Reply;
use crate::telemetry::{Metrics, Traced, TurnEnd};
use crate::timer::{Heard, Waits};
use crate::wasm::{Handled, Input, Instance};

/// A copy whose content is this much older or younger than its place in the log may be a late one: look for an earlier.
/// Covers the log's duplicate window with room for 20 s of skew among all clocks.
pub(crate) const LOOK_UP_BEYOND: Duration = Duration::from_secs(10);
/// The look-up begins this long before the content was fixed.
pub(crate) const LOOK_UP_FROM: Duration = Duration::from_secs(30);
/// A skipped message cannot be younger than its record by more: then the log lost its tail and numbers repeat.
const TAIL_LOST_BEYOND: Duration = Duration::from_secs(30);

/// Whether a delivered message still has to be handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is in the record already.
    Behind,
    /// It may be a late copy: look for an earlier one first.
    LookUp,
    /// It is new.
    Handle,
    /// The record is ahead of a log that forgot messages: stop, a human must act.
    TailLost,
}

/// Decides whether a message is behind its actor's position in this bucket. `retired`: until then the store was another one,
/// whose messages this log never had.
pub(crate) fn admit(
    position: Option<Cursor>,
    committed: Time,
    bucket: BucketId,
    retired: Option<Time>,
    delivery: &Delivery,
) -> Admission {
    if position.is_some_and(|cursor| cursor.bucket == bucket && delivery.seq <= cursor.seq) {
        let lost = delivery.time > committed.plus(TAIL_LOST_BEYOND);
        return if lost { Admission::TailLost } else { Admission::Behind };
    }
    match delivery.committed {
        Some(fixed) if delivery.time.distance(fixed) > LOOK_UP_BEYOND => Admission::LookUp,
        Some(_) if is_from_before(retired, delivery) => Admission::LookUp,
        _ => Admission::Handle,
    }
}

/// Whether a message's content was fixed when the store was another one: that one may have handled it.
pub(crate) fn is_from_before(retired: Option<Time>, delivery: &Delivery) -> bool {
    delivery.committed.zip(retired).is_some_and(|(fixed, until)| fixed <= until)
}

/// A message that is done with: what its commit stores.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// What becomes of the state.
    pub(crate) state: StateChange,
    /// What is handed over after the commit.
    pub(crate) entries: Vec<Entry>,
    /// The outcome, for whoever waits and for a repeated key; none while the handler answers later.
    pub(crate) answer: Option<Answer>,
    /// Which code handled it, and its `state_version`.
    pub(crate) code: Option<(Digest, u32)>,
    /// It repeats an idempotency key: there is nothing to remember.
    pub(crate) repeated: bool,
    /// What the actor waits for from now on; none: what it did before.
    pub(crate) waits: Option<Waits>,
    /// Around the turn until its commit; none: there was no turn.
    pub(crate) span: Option<Span>,
}

impl Settled {
    /// A message that ends without a handler, as a dead letter.
    pub(crate) fn dead_letter(
        delivery: &Delivery,
        message: Option<&Message>,
        origin: Cursor,
        problem: Problem,
    ) -> Self {
        let ending = Ending { status: Status::HandlerFailed, problem, dead_letter: true, backtrace: String::new() };
        let trace = message.and_then(|message| message.trace.as_ref());
        ending.settle(delivery, message, origin, 0, trace)
    }

    /// A message that is done with unheard. Where there is no record it leaves none but a tombstone.
    pub(crate) fn passed_over(has_record: bool) -> Self {
        let state = if has_record { StateChange::Keep } else { StateChange::Delete };
        Self { state, ..Self::default() }
    }

    /// However it ended, what the message told of is over.
    pub(crate) fn with(self, heard: &Heard) -> Self {
        Self { waits: self.waits.or_else(|| heard.rest().cloned()), ..self }
    }
}

/// How a message ends that is not handled with success.
struct Ending {
    status: Status,
    problem: Problem,
    dead_letter: bool,
    backtrace: String,
}

impl Ending {
    fn settle(
        self,
        delivery: &Delivery,
        message: Option<&Message>,
        origin: Cursor,
        attempts: u32,
        trace: Option<&String>,
    ) -> Settled {
        let mut answer = Answer::new(delivery.id.clone(), self.status).with_problem(self.problem.clone());
        let mut entries = Vec::new();
        if self.dead_letter {
            answer.dead_letter = Some(origin.to_string());
            let (reason, backtrace) = (self.problem, self.backtrace);
            entries.push(Entry::DeadLetter { seq: delivery.seq, reason, attempts, backtrace });
        }
        entries.extend(answer_entry(message, &answer, trace));
        Settled { entries, answer: Some(answer), ..Settled::default() }
    }
}

/// The outbox entry that answers a message, if somebody waits.
fn answer_entry(message: Option<&Message>, answer: &Answer, trace: Option<&String>) -> Option<Entry> {
    Some(Entry::answer(message?.reply.as_ref()?, answer.clone(), trace))
}

/// How a turn ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The message is done with.
    Settled(Box<Settled>),
    /// The same message again.
    Again {
        /// After this long.
        after: Duration,
        /// What was tried, this time included.
        history: History,
    },
    /// The actor is suspended, and its messages wait.
    Suspended(Problem),
}

/// One try at one message.
pub(crate) struct Turn<'a> {
    /// Where the message stands.
    pub(crate) origin: Cursor,
    /// As the log gave it.
    pub(crate) delivery: &'a Delivery,
    /// What it says.
    pub(crate) message: &'a Message,
    /// What the record makes of it.
    pub(crate) heard: &'a Heard,
    /// The actor before this turn.
    pub(crate) record: &'a Record,
    /// What was tried before: `attempts` does not count this one.
    pub(crate) history: History,
    /// Start of this try.
    pub(crate) now: Time,
    /// Keys all randomness that guests see.
    pub(crate) secret: &'a [u8; 32],
    /// Where the turn is counted.
    pub(crate) metrics: &'a Metrics,
    /// Remembers how it ends.
    pub(crate) histories: &'a Histories,
    /// The span around it, and the trace context that goes on.
    pub(crate) traced: &'a Traced,
}

impl Turn<'_> {
    /// The outcome that a repeated idempotency key has already; none if the message has to be handled.
    pub(crate) fn repeated(&self) -> Option<Settled> {
        let answer = keys::answer_kept(&self.record.keys, self.message, self.now)?;
        let entries = answer_entry(Some(self.message), &answer, self.onward()).into_iter().collect();
        Some(Settled { entries, repeated: true, ..Settled::default() })
    }

    /// Runs the handler once.
    pub(crate) async fn run(
        &self,
        instance: &mut dyn Instance,
        code: (Digest, u32),
        idle: Duration,
        log: &dyn Log,
    ) -> (Ended, bool) {
        let actor = &self.message.to;
        let started = tokio::time::Instant::now();
        let shown = self.heard.shown(self.message);
        let input = self.input(shown.as_ref().unwrap_or(self.message), idle);
        let handled =
            instance.handle(input).instrument(self.traced.within(|turn| debug_span!(parent: turn, "handle"))).await;
        let wall = started.elapsed();
        let reusable = handled.reusable;
        self.tell_lines(&handled, log);
        let (outcome, problem) = history::describe(&handled.result);
        let (effects, micros) = (Counts::of(&handled.effects), u64::try_from(wall.as_micros()).unwrap_or(u64::MAX));
        self.count(outcome, wall, handled.cpu);
        self.remember(outcome, problem.clone(), micros, effects);
        self.traced.span.record("outcome", outcome);
        let ended = self.settle(handled, code);
        events::tell(log, || Event::Turn {
            time: self.now,
            actor: actor.to_string(),
            subject: self.message.subject.to_string(),
            message: self.message.id.to_string(),
            body_bytes: self.message.body.len(),
            outcome: outcome.into(),
            problem,
            attempt: self.history.attempts + 1,
            micros,
            sends: effects.sends,
        });
        (ended, reusable)
    }

    /// There is no code to run the handler.
    pub(crate) fn cannot_run(&self, fault: Fault) -> Ended {
        let result = Err(fault.clone());
        let (outcome, problem) = history::describe(&result);
        self.remember(outcome, problem, 0, Counts::default());
        self.fail(fault)
    }

    fn remember(&self, outcome: &'static str, problem: Option<String>, micros: u64, effects: Counts) {
        let turn = PastTurn {
            time: self.now,
            subject: self.message.subject.clone(),
            message: self.message.id.clone(),
            outcome: outcome.into(),
            problem,
            attempt: self.history.attempts + 1,
            micros,
            effects,
            trace: self.message.trace.as_deref().and_then(history::trace_id),
        };
        self.histories.add(&self.message.to, turn);
    }

    fn count(&self, outcome: &'static str, wall: Duration, running: Duration) {
        let is_first = self.history.attempts == 0 && self.history.waits == 0;
        self.metrics.turn(&TurnEnd {
            kind: self.message.to.kind(),
            outcome,
            queued: is_first.then(|| self.now.distance(self.delivery.time)),
            wall,
            running,
            is_tick: matches!(self.heard, Heard::Tick { .. }),
        });
    }

    fn input<'a>(&'a self, message: &'a Message, idle: Duration) -> Input<'a> {
        let attempt = self.history.attempts + 1;
        let mut hash = blake3::Hasher::new_keyed(self.secret);
        hash.update(self.message.id.as_str().as_bytes());
        hash.update(&attempt.to_le_bytes());
        let answer = match self.heard {
            Heard::Answer { answer, .. } => Some(answer),
            _ => None,
        };
        Input {
            message,
            origin: self.origin,
            answer,
            reply_token: message.reply.as_ref().map(|reply| reply.seal(&message.id, self.secret)),
            waits: self.heard.rest().unwrap_or(&self.record.waits),
            accepted: self.delivery.time,
            attempt,
            now: self.now,
            state: self.record.state.clone(),
            state_version: self.record.state_version,
            activated: self.is_new() || self.now.minus(idle) > self.record.committed,
            random_key: *hash.finalize().as_bytes(),
        }
    }

    /// The trace context of what this turn hands over.
    fn onward(&self) -> Option<&String> {
        self.traced.onward.as_ref()
    }

    /// Whether the actor begins with this turn.
    fn is_new(&self) -> bool {
        self.record.cursor.is_none() || self.record.status == record::Status::Deleted
    }

    fn settle(&self, handled: Handled, code: (Digest, u32)) -> Ended {
        match handled.result {
            Ok(outcome) => match self.succeed(outcome, handled.effects, code) {
                Ok(settled) => Ended::Settled(Box::new(settled.with(self.heard))),
                Err(problem) => self.fail(Fault::Denied(problem)),
            },
            Err(fault) => self.fail(fault),
        }
    }

    fn succeed(&self, outcome: Outcome, effects: Effects, code: (Digest, u32)) -> Result<Settled, Problem> {
        let id = self.message.id.clone();
        let answer = match outcome {
            Outcome::Done => Some(Answer::new(id, Status::Done)),
            Outcome::Later => None,
            Outcome::Reply(payload) => {
                Some(Answer { headers: payload.headers, body: payload.body, ..Answer::new(id, Status::Replied) })
            }
        };
        let trace = self.onward();
        let sends = effects.sends.into_iter().map(|send| Entry::send(send, &self.message.to, trace.cloned()));
        let mut entries: Vec<Entry> = sends.collect();
        for later in effects.answers {
            entries.push(self.later(later)?);
        }
        entries.extend(answer.as_ref().and_then(|answer| answer_entry(Some(self.message), answer, trace)));
        // Whoever forgets itself waits for nothing that it did not ask for afterwards.
        let forgets = effects.state == StateChange::Delete;
        let waits = effects.waits.or_else(|| forgets.then(Waits::default));
        Ok(Settled { state: effects.state, entries, answer, code: Some(code), waits, ..Settled::default() })
    }

    /// The answer to a message of an earlier turn.
    fn later(&self, later: Later) -> Result<Entry, Problem> {
        let Later { reply_token, payload } = later;
        let (reply, id) = Reply::unseal(&reply_token, self.secret).ok_or_else(|| {
            let text = "messaging.answer: this reply token is not one that a message brought: keep it as it was, byte for byte";
            Problem::new("bad-reply-token", text)
        })?;
        let answer = Answer { headers: payload.headers, body: payload.body, ..Answer::new(id, Status::Replied) };
        Ok(Entry::answer(&reply, answer, self.onward()))
    }

    /// What follows a fault, also one that kept the handler from running.
    pub(crate) fn fail(&self, fault: Fault) -> Ended {
        let mut history = self.history;
        if matches!(fault, Fault::Host(_)) {
            history.waits += 1;
        } else {
            history.attempts += 1;
            history.first = if history.attempts == 1 { self.now } else { history.first };
        }
        let is_awaited = self.message.reply.is_some();
        let seed = xxhash_rust::xxh3::xxh3_64(self.message.id.as_str().as_bytes());
        match failure::decide(fault, history, self.now, is_awaited, seed) {
            Decision::Retry(after) => Ended::Again { after, history },
            Decision::Suspend(problem) => Ended::Suspended(problem),
            Decision::Settle { status, problem, dead_letter, backtrace } => {
                let ending = Ending { status, problem, dead_letter, backtrace };
                let settled =
                    ending.settle(self.delivery, Some(self.message), self.origin, history.attempts, self.onward());
                Ended::Settled(Box::new(settled.with(self.heard)))
            }
        }
    }

    fn tell_lines(&self, handled: &Handled, log: &dyn Log) {
        for line in &handled.logs {
            events::tell(log, || Event::Line {
                time: self.now,
                actor: self.message.to.to_string(),
                level: line.level,
                text: line.text.clone(),
            });
        }
        if handled.log_lines_dropped > 0 {
            events::tell(log, || Event::Line {
                time: self.now,
                actor: self.message.to.to_string(),
                level: crate::effects::Level::Warn,
                text: format!("{} more lines were dropped: limits.log_lines_max", handled.log_lines_dropped),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::id::{ActorId, Seq};
    use crate::message::Headers;
    use crate::names::MessageId;

    const BUCKET: BucketId = BucketId { number: 1, incarnation: 1 };

    fn delivery(seq: u64, time: u64, committed: Option<u64>) -> Delivery {
        Delivery {
            to: ActorId::parse("counter/a").unwrap(),
            seq: Seq(seq),
            time: Time(time),
            id: MessageId::stored("m"),
            committed: committed.map(Time),
            headers: Headers::default(),
            body: Bytes::new(),
        }
    }

    fn at(seq: u64) -> Option<Cursor> {
        Some(Cursor { bucket: BUCKET, seq: Seq(seq) })
    }

    #[test]
    fn a_message_up_to_the_cursor_is_behind() {
        let admit = |cursor, seq| admit(cursor, Time(100_000), BUCKET, None, &delivery(seq, 100_000, Some(100_000)));
        assert_eq!(admit(at(7), 7), Admission::Behind);
        assert_eq!(admit(at(7), 8), Admission::Handle);
        assert_eq!(admit(None, 1), Admission::Handle);
        let other = Some(Cursor { bucket: BucketId { number: 2, incarnation: 1 }, seq: Seq(9) });
        assert_eq!(admit(other, 1), Admission::Handle);
    }

    #[test]
    fn a_copy_far_from_its_content_is_looked_up() {
        let admit = |time, fixed| admit(None, Time(0), BUCKET, None, &delivery(1, time, fixed));
        assert_eq!(admit(50_000, Some(45_000)), Admission::Handle);
        assert_eq!(admit(50_000, Some(39_999)), Admission::LookUp);
        assert_eq!(admit(50_000, Some(60_001)), Admission::LookUp);
        assert_eq!(admit(50_000, None), Admission::Handle);
    }

    #[test]
    fn a_copy_from_before_the_store_was_filled_is_looked_up_however_young() {
        let admit = |fixed| admit(None, Time(0), BUCKET, Some(Time(49_000)), &delivery(1, 50_000, fixed));
        assert_eq!(admit(Some(49_000)), Admission::LookUp);
        assert_eq!(admit(Some(49_001)), Admission::Handle);
        assert_eq!(admit(None), Admission::Handle);
    }

    #[test]
    fn a_skipped_message_younger_than_its_record_means_a_lost_tail() {
        let admission = admit(at(7), Time(100_000), BUCKET, None, &delivery(5, 130_001, Some(130_001)));
        assert_eq!(admission, Admission::TailLost);
    }
}
