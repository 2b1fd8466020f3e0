//! One turn with everything that it may know, kept so that it can be run alone; and how it ended.
//! Made by `watch` while a scenario runs, run again by `suite`. Pure data and comparison.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::digest::Digest;
use crate::effects::{Answered, Fault, Level, Outcome, StateChange};
use crate::id::{ActorId, BucketId, Cursor, Seq};
use crate::manifest::Manifest;
use crate::message::{Headers, Message};
use crate::names::{MessageId, Subject};
use crate::scenario::content::Content;
use crate::scenario::difference::{Difference, Differences};
use crate::timer::Waits;
use crate::wasm::{Handled, Input};

/// Where a recorded message stands: it names timers only, and no guest sees it.
const NOWHERE: Cursor = Cursor { bucket: BucketId { number: 0, incarnation: 0 }, seq: Seq(0) };

/// One turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Where it is from, for people: scenario, run and step.
    pub from: String,
    /// The component that ran it.
    pub component: Digest,
    /// Its settings and limits.
    pub manifest: Manifest,
    /// Whose turn.
    pub actor: ActorId,
    /// The message's id.
    pub id: MessageId,
    /// The sending actor; none from outside.
    pub sender: Option<ActorId>,
    /// The message's subject.
    pub subject: Subject,
    /// The message's headers.
    pub headers: Headers,
    /// The message's body.
    pub body: Content,
    /// Until when whoever asked waits; none unless an actor did.
    pub deadline: Option<Time>,
    /// With it a later turn can answer; none: nobody waits.
    pub reply_token: Option<String>,
    /// The message ends a request.
    pub answer: Option<Answered>,
    /// The actor's timers and pending requests before the turn.
    pub waits: Waits,
    /// The actor's state before the turn.
    pub state: Option<Content>,
    /// The manifest's `state_version` under which that state was written.
    pub state_version: u32,
    /// When the message was stored.
    pub accepted: Time,
    /// The turn's time.
    pub now: Time,
    /// Which try.
    pub attempt: u32,
    /// The actor was just created, or slept.
    pub activated: bool,
    /// What the turn's randomness is made from, in hexadecimal.
    pub random_key: String,
    /// How it ended.
    pub ended: TurnEnd,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnEnd {
    /// `replied`, `done`, `later`, `refused`, `failed`, `retry`, `suspended`, `broken`, `denied`.
    pub outcome: String,
    /// What went wrong: code and text.
    pub problem: Option<String>,
    /// The guest's stack, if it broke.
    pub backtrace: String,
    /// The reply's headers.
    pub headers: Headers,
    /// The reply's body.
    pub body: Content,
    /// What became of the state: `kept`, `set`, `deleted`.
    pub state: String,
    /// The new state.
    pub new_state: Option<Content>,
    /// Messages sent, requests among them: receiver, subject, body.
    pub sends: Vec<(ActorId, Subject, Content)>,
    /// Answers to messages of earlier turns.
    pub answers: Vec<Content>,
    /// The timers behind the turn, and when they are due; none: they stay as they were.
    pub timers: Option<Vec<(String, Time)>>,
    /// Lines logged.
    pub lines: Vec<(Level, String)>,
}

/// What became of a turn that was run again.
#[derive(Debug, Serialize)]
pub struct Replayed {
    /// How it ended this time.
    pub ended: TurnEnd,
    /// How that differs from the recording.
    pub differences: Vec<Difference>,
    /// Another component than the recording's ran it.
    pub other_component: bool,
}

impl Recording {
    /// Keeps a turn.
    pub(super) fn new(
        from: String,
        component: Digest,
        manifest: &Manifest,
        input: &Input<'_>,
        handled: &Handled,
    ) -> Self {
        let message = input.message;
        Self {
            from,
            component,
            manifest: manifest.clone(),
            actor: message.to.clone(),
            id: message.id.clone(),
            sender: message.sender.clone(),
            subject: message.subject.clone(),
            headers: message.headers.clone(),
            body: Content(message.body.clone()),
            deadline: message.deadline,
            reply_token: input.reply_token.clone(),
            answer: input.answer.cloned(),
            waits: input.waits.clone(),
            state: input.state.clone().map(Content),
            state_version: input.state_version,
            accepted: input.accepted,
            now: input.now,
            attempt: input.attempt,
            activated: input.activated,
            random_key: data_encoding::HEXLOWER.encode(&input.random_key),
            ended: TurnEnd::of(handled),
        }
    }

    /// The message.
    pub(super) fn message(&self) -> Message {
        Message {
            id: self.id.clone(),
            to: self.actor.clone(),
            sender: self.sender.clone(),
            subject: self.subject.clone(),
            headers: self.headers.clone(),
            body: self.body.0.clone(),
            reply: None,
            key: None,
            deadline: self.deadline,
            trace: None,
        }
    }

    /// What the turn may know. None: the recording's random key is damaged.
    pub(super) fn input<'a>(&'a self, message: &'a Message) -> Option<Input<'a>> {
        let key = data_encoding::HEXLOWER_PERMISSIVE.decode(self.random_key.as_bytes()).ok()?;
        Some(Input {
            message,
            origin: NOWHERE,
            answer: self.answer.as_ref(),
            reply_token: self.reply_token.clone(),
            waits: &self.waits,
            accepted: self.accepted,
            attempt: self.attempt,
            now: self.now,
            state: self.state.clone().map(|state| state.0),
            state_version: self.state_version,
            activated: self.activated,
            random_key: key.try_into().ok()?,
        })
    }
}

impl TurnEnd {
    /// As it is kept.
    pub(super) fn of(handled: &Handled) -> Self {
        let (outcome, problem) = match &handled.result {
            Ok(Outcome::Done) => ("done", None),
            Ok(Outcome::Reply(_)) => ("replied", None),
            Ok(Outcome::Later) => ("later", None),
            Err(Fault::Refuse(problem)) => ("refused", Some(problem)),
            Err(Fault::Fail(problem)) => ("failed", Some(problem)),
            Err(Fault::Retry { problem, .. }) => ("retry", Some(problem)),
            Err(Fault::Suspend(problem)) => ("suspended", Some(problem)),
            Err(Fault::Broken { problem, .. }) => ("broken", Some(problem)),
            Err(Fault::Denied(problem)) => ("denied", Some(problem)),
            Err(Fault::Host(problem)) => ("waiting", Some(problem)),
        };
        let backtrace = match &handled.result {
            Err(Fault::Broken { backtrace, .. }) => backtrace.clone(),
            _ => String::new(),
        };
        let payload = match &handled.result {
            Ok(Outcome::Reply(payload)) => payload.clone(),
            _ => crate::effects::Payload::default(),
        };
        let (state, new_state) = match &handled.effects.state {
            StateChange::Keep => ("kept", None),
            StateChange::Set(bytes) => ("set", Some(Content(bytes.clone()))),
            StateChange::Delete => ("deleted", None),
        };
        let sends = handled.effects.sends.iter();
        let answers = handled.effects.answers.iter();
        let due = |waits: &Waits| waits.timers.iter().map(|timer| (timer.name.clone(), timer.due)).collect();
        Self {
            outcome: outcome.into(),
            problem: problem.map(|problem| format!("{}: {}", problem.code, problem.text)),
            backtrace,
            headers: payload.headers,
            body: Content(payload.body),
            state: state.into(),
            new_state,
            sends: sends.map(|send| (send.to.clone(), send.subject.clone(), Content(send.body.clone()))).collect(),
            answers: answers.map(|answer| Content(answer.payload.body.clone())).collect(),
            timers: handled.effects.waits.as_ref().map(due),
            lines: handled.logs.iter().map(|line| (line.level, line.text.clone())).collect(),
        }
    }

    /// How another end differs from this one.
    pub(super) fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut found = Differences::default();
        found.same("outcome", &self.outcome, &other.outcome, Clone::clone);
        found.texts("problem", self.problem.as_ref(), other.problem.as_ref());
        found.same("headers", &self.headers, &other.headers, |headers| format!("{:?}", headers.0));
        found.contents("body", &self.body, &other.body);
        found.same("state", &self.state, &other.state, Clone::clone);
        let none = Content(Bytes::new());
        let state = |end: &Self| end.new_state.clone().unwrap_or_else(|| none.clone());
        found.contents("state", &state(self), &state(other));
        let sends = |sends: &Vec<_>| {
            let shown = |(to, subject, body): &(ActorId, Subject, Content)| format!("{to} {subject} {body}");
            sends.iter().map(shown).collect::<Vec<_>>().join("; ")
        };
        found.same("sends", &self.sends, &other.sends, sends);
        found.same("answers", &self.answers, &other.answers, |answers| format!("{answers:?}"));
        found.same("timers", &self.timers, &other.timers, |timers| format!("{timers:?}"));
        found.0
    }

    /// What it came to, line by line, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.lines.iter().map(|(level, text)| format!("{} {text}", level_name(*level))).collect();
        let answer = match (&self.problem, self.outcome.as_str()) {
            (Some(problem), outcome) => format!("{outcome}: {problem}"),
            (None, "replied") => format!("replied {}", self.body),
            (None, outcome) => outcome.to_owned(),
        };
        lines.push(answer);
        lines.extend(self.new_state.iter().map(|state| format!("state is now {state}")));
        lines.extend((self.state == "deleted").then(|| "state is deleted".to_owned()));
        lines.extend(self.sends.iter().map(|(to, subject, body)| format!("sends {to} {subject} {body}")));
        lines.extend(self.answers.iter().map(|body| format!("answers {body} to an earlier message")));
        let timers = self.timers.iter().flatten();
        lines.extend(timers.map(|(name, due)| format!("has a timer {name}, due at {}", due.0)));
        lines.extend(self.backtrace.lines().map(|line| format!("  {line}")));
        lines
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}
