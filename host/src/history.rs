//! The last turns of the actors that were awake here lately, for whoever asks what happened to one.
//! Told by `turn`, read by `inquiry` and `http`. In memory and bounded: it outlives an activation, not the host.
//! Never holds a body or state, and never decides anything.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use quick_cache::sync::{Cache, EntryAction, EntryResult};
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::effects::{Effects, Fault, Outcome, StateChange};
use crate::id::{ActorId, Kind};
use crate::message::Problem;
use crate::names::{MessageId, Subject};

/// Turns remembered of one actor; the oldest goes first.
pub const TURNS_MAX: usize = 16;
/// Memory for all turns of all actors, in bytes; who was awake longest ago is forgotten first.
const BYTES_MAX: u64 = 16 << 20;
/// Actors that the cache expects: it grows with what is there, up to its bytes.
const ACTORS_EXPECTED: usize = 10_000;
/// A problem's text is cut here, in bytes: a guest may write much.
const PROBLEM_BYTES_MAX: usize = 512;
/// A message's id is cut here, in bytes: foreign publishers choose their own.
const MESSAGE_BYTES_MAX: usize = 1_024;
/// What a turn and an actor take besides their texts, about.
const TURN_BYTES: usize = 256;
/// Where the trace id stands in a W3C `traceparent`.
const TRACE_ID: std::ops::Range<usize> = 3..35;

/// A turn that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastTurn {
    /// When it began.
    pub time: Time,
    /// The message's subject.
    pub subject: Subject,
    /// The message's id.
    pub message: MessageId,
    /// `replied`, `done`, `later`, `refused`, `failed`, `retry`, `suspended`, `broken`, `denied`, or `waiting`: no code to run.
    pub outcome: Cow<'static, str>,
    /// The problem's code and text, if there was one; a long one is cut.
    pub problem: Option<String>,
    /// Which try this was, from 1.
    pub attempt: u32,
    /// Wall time, in microseconds.
    pub micros: u64,
    /// What it wanted. Nothing of it came true unless the turn succeeded.
    pub effects: Counts,
    /// The trace that the message belongs to, 32 hexadecimal digits.
    pub trace: Option<String>,
}

/// How much a turn wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Whether the state was set or deleted.
    pub state: bool,
    /// Messages to other actors, requests among them.
    pub sends: usize,
    /// Of these, the ones whose answer is awaited.
    pub requests: usize,
    /// Answers to messages of earlier turns.
    pub answers: usize,
    /// Timers that the actor has from then on; none: the turn said nothing about them.
    pub timers: Option<usize>,
}

impl Counts {
    /// Counts what a turn asked for.
    #[must_use]
    pub fn of(effects: &Effects) -> Self {
        Self {
            state: effects.state != StateChange::Keep,
            sends: effects.sends.len(),
            requests: effects.sends.iter().filter(|send| send.awaited.is_some()).count(),
            answers: effects.answers.len(),
            timers: effects.waits.as_ref().map(|waits| waits.timers.len()),
        }
    }
}

impl PastTurn {
    /// Whether something went wrong that was not the caller's mistake.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        !matches!(&*self.outcome, "replied" | "done" | "later" | "refused")
    }

    /// The same with texts that fit.
    fn cut(mut self) -> Self {
        if let Some(problem) = &mut self.problem {
            problem.truncate(problem.floor_char_boundary(PROBLEM_BYTES_MAX));
        }
        let id = self.message.as_str();
        if id.len() > MESSAGE_BYTES_MAX {
            let (kept, _) = id.split_at(id.floor_char_boundary(MESSAGE_BYTES_MAX));
            self.message = MessageId::stored(kept);
        }
        self
    }

    fn bytes(&self) -> usize {
        let texts = self.subject.as_str().len() + self.message.as_str().len();
        TURN_BYTES + texts + self.problem.as_ref().map_or(0, String::len)
    }
}

/// What onlookers are told of a turn's end: its outcome, and its problem.
#[must_use]
pub fn describe(result: &Result<Outcome, Fault>) -> (&'static str, Option<String>) {
    let told = |problem: &Problem| Some(format!("{}: {}", problem.code, problem.text));
    match result {
        Ok(Outcome::Done) => ("done", None),
        Ok(Outcome::Reply(_)) => ("replied", None),
        Ok(Outcome::Later) => ("later", None),
        Err(Fault::Refuse(problem)) => ("refused", told(problem)),
        Err(Fault::Fail(problem)) => ("failed", told(problem)),
        Err(Fault::Retry { problem, .. }) => ("retry", told(problem)),
        Err(Fault::Suspend(problem)) => ("suspended", told(problem)),
        Err(Fault::Broken { problem, .. }) => ("broken", told(problem)),
        Err(Fault::Denied(problem)) => ("denied", told(problem)),
        Err(Fault::Host(problem)) => ("waiting", told(problem)),
    }
}

/// The trace id in a W3C `traceparent`.
#[must_use]
pub fn trace_id(traceparent: &str) -> Option<String> {
    traceparent.get(TRACE_ID).map(Into::into)
}

/// The turns of one actor, oldest first.
#[derive(Debug, Clone, Default)]
struct Turns(VecDeque<Arc<PastTurn>>);

impl Turns {
    fn add(&mut self, turn: Arc<PastTurn>) {
        if self.0.len() == TURNS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(turn);
    }
}

#[derive(Debug, Clone)]
struct Bytes;

impl quick_cache::Weighter<ActorId, Turns> for Bytes {
    fn weight(&self, actor: &ActorId, turns: &Turns) -> u64 {
        let bytes = TURN_BYTES + actor.id().len() + turns.0.iter().map(|turn| turn.bytes()).sum::<usize>();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// What a host remembers of its actors. Cheap to clone.
#[derive(Clone)]
pub struct Histories(Arc<Cache<ActorId, Turns, Bytes>>);

impl Default for Histories {
    fn default() -> Self {
        Self(Arc::new(Cache::with_weighter(ACTORS_EXPECTED, BYTES_MAX, Bytes)))
    }
}

/// What comes first in a ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Who had the longest turn.
    Slowest,
    /// Who had the most turns that failed.
    Failing,
}

/// One actor's last turns in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Whose.
    pub actor: ActorId,
    /// How many are remembered, at most [`TURNS_MAX`].
    pub turns: usize,
    /// How many of them failed; what was refused did not.
    pub failed: usize,
    /// The longest, in microseconds.
    pub slowest_micros: u64,
    /// When the last one began.
    pub last: Time,
    /// How the last one ended.
    pub outcome: Cow<'static, str>,
}

impl Histories {
    /// Remembers a turn of this actor.
    pub fn add(&self, actor: &ActorId, turn: PastTurn) {
        let turn = Arc::new(turn.cut());
        let known = self.0.entry(actor, None, |_, turns| {
            turns.add(turn.clone());
            EntryAction::Retain(())
        });
        if let EntryResult::Vacant(place) = known {
            // Refused when the cache was cleared meanwhile, which nobody does.
            let _ = place.insert(Turns(VecDeque::from([turn])));
        }
    }

    /// The last turns of an actor that ran here, oldest first.
    #[must_use]
    pub fn of(&self, actor: &ActorId) -> Vec<PastTurn> {
        let turns = self.0.peek(actor).unwrap_or_default();
        turns.0.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// The first `limit` actors in this order, of one kind or of all, by their turns since then. Who has nothing to rank by
    /// is left out.
    #[must_use]
    pub fn rank(&self, order: Order, kind: Option<&Kind>, since: Time, limit: usize) -> Vec<Summary> {
        let key = |summary: &Summary| match order {
            Order::Slowest => (summary.slowest_micros, summary.failed),
            Order::Failing => (u64::try_from(summary.failed).unwrap_or(u64::MAX), usize::MAX),
        };
        let mut first: Vec<Summary> = Vec::new();
        for (actor, turns) in self.0.iter().filter(|(actor, _)| kind.is_none_or(|kind| actor.kind() == kind)) {
            let Some(summary) = summarise(actor, &turns, since).filter(|summary| key(summary).0 > 0) else { continue };
            let at = first.partition_point(|earlier| (key(earlier), &summary.actor) > (key(&summary), &earlier.actor));
            if at < limit {
                first.insert(at, summary);
                first.truncate(limit);
            }
        }
        first
    }
}

fn summarise(actor: ActorId, turns: &Turns, since: Time) -> Option<Summary> {
    let recent = || turns.0.iter().filter(|turn| turn.time >= since);
    let last = recent().next_back()?;
    Some(Summary {
        actor,
        turns: recent().count(),
        failed: recent().filter(|turn| turn.is_failure()).count(),
        slowest_micros: recent().map(|turn| turn.micros).max().unwrap_or(0),
        last: last.time,
        outcome: last.outcome.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(id: &str) -> ActorId {
        ActorId::new(Kind::new("counter").unwrap(), id).unwrap()
    }

    fn turn(time: u64, outcome: &'static str, micros: u64) -> PastTurn {
        PastTurn {
            time: Time(time),
            subject: Subject::new("add").unwrap(),
            message: MessageId::stored("m"),
            outcome: outcome.into(),
            problem: None,
            attempt: 1,
            micros,
            effects: Counts::default(),
            trace: None,
        }
    }

    #[test]
    fn the_last_turns_of_an_actor_are_kept_in_order() {
        let histories = Histories::default();
        for time in 0..20 {
            histories.add(&actor("a"), turn(time, "done", 1));
        }
        let times: Vec<u64> = histories.of(&actor("a")).iter().map(|turn| turn.time.0).collect();
        assert_eq!(times, (4..20).collect::<Vec<u64>>());
        assert_eq!(histories.of(&actor("b")), []);
    }

    #[test]
    fn who_was_awake_longest_ago_makes_room_and_long_texts_are_cut() {
        let histories = Histories::default();
        let long = |time| PastTurn {
            problem: Some("ü".repeat(10_000)),
            message: MessageId::stored(&"m".repeat(60_000)),
            ..turn(time, "failed", 1)
        };
        for id in 0..30_000 {
            histories.add(&actor(&id.to_string()), long(id));
        }
        assert!(histories.0.weight() <= BYTES_MAX && histories.0.len() > 1_000, "{}", histories.0.len());
        let kept = histories.0.iter().next().unwrap().1;
        let kept = kept.0.front().unwrap();
        assert_eq!((kept.problem.as_ref().unwrap().len(), kept.message.as_str().len()), (512, 1_024));
    }

    #[test]
    fn the_slowest_and_the_failing_are_ranked_by_what_is_recent() {
        let histories = Histories::default();
        histories.add(&actor("old"), turn(1, "broken", 9_000));
        for (id, outcome, micros) in
            [("a", "retry", 5), ("b", "done", 70), ("b", "refused", 30), ("a", "replied", 20), ("c", "failed", 5)]
        {
            histories.add(&actor(id), turn(10, outcome, micros));
        }
        histories.add(&actor("c"), turn(11, "broken", 6));
        let ranked = |order, limit| -> Vec<String> {
            let ranked = histories.rank(order, None, Time(10), limit);
            ranked.iter().map(|one| format!("{} {}/{}", one.actor.id(), one.failed, one.slowest_micros)).collect()
        };
        assert_eq!(ranked(Order::Slowest, 9), ["b 0/70", "a 1/20", "c 2/6"]);
        assert_eq!(ranked(Order::Slowest, 1), ["b 0/70"]);
        assert_eq!(ranked(Order::Failing, 9), ["c 2/6", "a 1/20"]);
        let other = Kind::new("other").unwrap();
        assert_eq!(histories.rank(Order::Slowest, Some(&other), Time(0), 9), []);
    }

    #[test]
    fn a_trace_is_named_by_its_id() {
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(trace_id(traceparent).as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(trace_id("00-"), None);
    }
}
