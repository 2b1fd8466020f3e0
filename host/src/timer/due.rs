//! The host's own messages that something is due, and what a record makes of one: a tick of a timer, the answer to a
//! request, its time-out. The record alone decides: what is not in it any more is stale, and so each counts once, however
//! often it is stored. Pure.

use std::time::Duration;

use bytes::Bytes;

use super::schedule::Schedule;
use super::waits::{Missed, Pending, Timer, Waits};
use crate::clock::Time;
use crate::effects::{Answered, Ending};
use crate::id::{ActorId, Cursor};
use crate::message::{Answer, Headers, Message, Problem, Status, header};
use crate::names::{ANSWER, MessageId, Subject, TIMER};

/// The header by which a tick tells how many times were missed before it.
const MISSED: &str = "hydra-missed";

/// A tick that is told no later than this behind its time is never skipped: hosts' clocks may differ by as much, and a timer
/// with a shorter interval would never be heard on one whose clock is behind.
const LATE_BEYOND: Duration = Duration::from_secs(10);

/// One thing that is to come: it is told once under a claim, and handled once for ever.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A timer.
    Tick(Tick),
    /// The end of a request, by its token, if no answer comes before.
    TimeOut(String),
}

/// One time of one timer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick {
    /// The timer's name.
    pub name: String,
    /// Which timer of that name.
    pub generation: Cursor,
    /// Which of its times.
    pub due: Time,
}

/// What an actor's record makes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Nothing: somebody sent it.
    Ordinary,
    /// It tells of what the actor does not wait for any more: drop it.
    Stale {
        /// `stale-tick` or `late-answer`.
        reason: &'static str,
    },
    /// A timer is due.
    Tick {
        /// Times that passed between the one that is told and the telling.
        missed: u64,
        /// The timer does not want to hear of late times: it goes on without the handler.
        skipped: bool,
        /// What the actor waits for behind it.
        rest: Waits,
    },
    /// A request has ended.
    Answer {
        /// How, and for which request.
        answer: Answered,
        /// The answer's bytes; empty without one.
        body: Bytes,
        /// What the actor waits for behind it.
        rest: Waits,
    },
}

impl Due {
    /// The next time of a timer.
    #[must_use]
    pub fn of_timer(timer: &Timer) -> Self {
        let Timer { name, generation, due, .. } = timer;
        Self::Tick(Tick { name: name.clone(), generation: *generation, due: *due })
    }

    /// The message that tells an actor of it: equal on every copy.
    #[must_use]
    pub fn message(&self, actor: &ActorId, waits: &Waits) -> (MessageId, Headers, Bytes) {
        let mut headers = Headers::default();
        match self {
            Self::Tick(Tick { name, generation, due }) => {
                headers.push(header::SUBJECT, Subject::host(TIMER, name).as_str());
                headers.push(header::TIMER, format!("{generation} {due}", due = due.0));
                let own = waits.timers.iter().find(|timer| Self::of_timer(timer) == *self);
                let id = format!("{TIMER}:{}:{name}:{generation}:{}", actor.escaped(), due.0);
                (MessageId::stored(&id), headers, own.map(|timer| timer.body.clone()).unwrap_or_default())
            }
            Self::TimeOut(token) => {
                headers.push(header::SUBJECT, Subject::host(ANSWER, "").as_str());
                headers.push(header::TOKEN, token.clone());
                headers.push(header::STATUS, header::TIMED_OUT);
                (MessageId::stored(&format!("time-out:{}:{token}", actor.escaped())), headers, Bytes::new())
            }
        }
    }
}

/// The message that brings a request's answer to the actor that made it: headers and body.
#[must_use]
pub fn brought(token: &str, sender: &ActorId, answer: &Answer, trace: Option<&str>) -> (Headers, Bytes) {
    let (of_answer, body) = answer.to_wire();
    let mut headers = Headers::default();
    headers.push(header::SUBJECT, Subject::host(ANSWER, "").as_str());
    headers.push(header::SENDER, sender.escaped());
    headers.push(header::TOKEN, token);
    headers.push_trace(trace);
    headers.0.extend(of_answer.0);
    (headers, body)
}

impl Heard {
    /// What a record that waits for `waits` makes of a message that the log stored at `told`.
    #[must_use]
    pub fn of(waits: &Waits, headers: &Headers, body: &Bytes, told: Time) -> Self {
        let subject = headers.get(header::SUBJECT).and_then(|subject| subject.split_once(':'));
        match (subject, headers.get(header::TIMER)) {
            (Some((TIMER, name)), Some(place)) => {
                Self::tick(waits, name, place, told).unwrap_or(Self::Stale { reason: "stale-tick" })
            }
            (Some((ANSWER, _)), _) => {
                Self::answer(waits, headers, body).unwrap_or(Self::Stale { reason: "late-answer" })
            }
            // A tick without its place was a dead letter, and a human had it handled again.
            _ => Self::Ordinary,
        }
    }

    fn tick(waits: &Waits, name: &str, place: &str, told: Time) -> Option<Self> {
        let (generation, due) = place.split_once(' ')?;
        let tick = Tick { name: name.into(), generation: generation.parse().ok()?, due: Time(due.parse().ok()?) };
        let due = Due::Tick(tick);
        let index = waits.timers.iter().position(|timer| Due::of_timer(timer) == due)?;
        let mut rest = waits.clone();
        let mut timer = rest.timers.remove(index);
        let (missed, next) = timer.schedule.after(timer.due, told);
        let is_late = missed > 0 && told > timer.due.plus(LATE_BEYOND);
        let skipped = timer.missed == Missed::Skip && timer.schedule != Schedule::Once && is_late;
        if let Some(next) = next {
            timer.due = next;
            rest.timers.insert(index, timer);
        }
        Some(Self::Tick { missed, skipped, rest })
    }

    fn answer(waits: &Waits, headers: &Headers, body: &Bytes) -> Option<Self> {
        let token = headers.get(header::TOKEN)?;
        let index = waits.requests.iter().position(|request| request.token == token)?;
        let (ending, body) = match headers.get(header::STATUS) {
            Some(header::TIMED_OUT) => (Ending::TimedOut, Bytes::new()),
            _ => ended(Answer::from_wire(headers, body.clone()).ok()?),
        };
        let mut rest = waits.clone();
        let Pending { token, memo, .. } = rest.requests.remove(index);
        Some(Self::Answer { answer: Answered { token, memo, ending }, body, rest })
    }

    /// Why it is done with unheard, in one word; none: the handler hears it.
    #[must_use]
    pub fn needs_no_handler(&self) -> Option<&'static str> {
        match self {
            Self::Stale { reason } => Some(reason),
            Self::Tick { skipped: true, .. } => Some("missed-tick"),
            Self::Ordinary | Self::Tick { .. } | Self::Answer { .. } => None,
        }
    }

    /// The message as the handler is to see it; none: as it was stored.
    #[must_use]
    pub fn shown(&self, message: &Message) -> Option<Message> {
        let mut shown = message.clone();
        match self {
            Self::Ordinary | Self::Stale { .. } => return None,
            Self::Tick { missed, .. } => shown.headers.push(MISSED, missed.to_string()),
            Self::Answer { body, .. } => shown.body = body.clone(),
        }
        Some(shown)
    }

    /// What the actor waits for once this is done with; none: as before.
    #[must_use]
    pub fn rest(&self) -> Option<&Waits> {
        match self {
            Self::Ordinary | Self::Stale { .. } => None,
            Self::Tick { rest, .. } | Self::Answer { rest, .. } => Some(rest),
        }
    }
}

fn ended(answer: Answer) -> (Ending, Bytes) {
    let Answer { status, problem, body, .. } = answer;
    let problem = || problem.unwrap_or_else(|| Problem::new(status.as_str(), "there is no reason given"));
    let ending = match status {
        Status::Replied => Ending::Replied,
        Status::Done => Ending::Done,
        Status::Refused => Ending::Refused(problem()),
        Status::Failed | Status::HandlerFailed | Status::Suspended | Status::KeyReused | Status::AlreadyDone => {
            Ending::Failed(problem())
        }
    };
    (ending, body)
}
