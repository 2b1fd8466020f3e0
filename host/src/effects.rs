//! What one turn wants: state, sends, an outcome. Collected while the guest runs, applied only by a commit.
//! Ground floor: pure data. `wasm` fills it, `turn` and `commit` read it.

use std::time::Duration;

use bytes::Bytes;

use crate::clock::Time;
use crate::id::ActorId;
use crate::message::{Headers, Problem, body};
use crate::names::Subject;
use crate::timer::Waits;

/// Everything a turn asked for. Dropped as a whole unless the turn succeeds and the record is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// What becomes of the state.
    pub state: StateChange,
    /// Messages to other actors, in the order of sending.
    pub sends: Vec<Send>,
    /// Answers to messages of earlier turns, in the order of answering.
    pub answers: Vec<Later>,
    /// Timers and pending requests, as they are after this turn; none: nothing about them was asked.
    pub waits: Option<Waits>,
}

/// What a turn does to the actor's state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum StateChange {
    /// Nothing.
    #[default]
    Keep,
    /// The new bytes.
    Set(Bytes),
    /// Forget the actor.
    Delete,
}

/// One message to another actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// The receiver.
    pub to: ActorId,
    /// What it is.
    pub subject: Subject,
    /// The guest's own headers.
    pub headers: Headers,
    /// Opaque bytes.
    pub body: Bytes,
    /// It is a request: its answer comes back to the sender.
    pub awaited: Option<Awaited>,
}

/// What a request waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// What the answer must bring.
    pub token: String,
    /// When it ends without one: what the receiver asks for in turn ends no later.
    pub due: Time,
}

/// An answer to a message that was handled in an earlier turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// As that turn was given it. Not looked at yet: a guest may have made it up.
    pub reply_token: String,
    /// The answer.
    pub payload: Payload,
}

/// How a request ended, for the actor that made it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Answered {
    /// Which request.
    pub token: String,
    /// What the actor wanted to remember with it.
    #[serde(with = "body")]
    pub memo: Bytes,
    /// How it ended.
    pub ending: Ending,
}

/// The ways in which a request ends.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// With a reply: the message's headers and body.
    Replied,
    /// Handled; there is nothing to say.
    Done,
    /// Refused: this actor's mistake.
    Refused(Problem),
    /// It can never be handled, or its handler broke.
    Failed(Problem),
    /// There was no answer in time; it may be handled all the same.
    TimedOut,
}

/// Headers and bytes of a reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload {
    /// The guest's headers; `content-type` travels here.
    pub headers: Headers,
    /// Opaque bytes.
    pub body: Bytes,
}

/// How a successful turn ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Handled; whoever waits gets an empty "done".
    Done,
    /// Handled, with an answer.
    Reply(Payload),
    /// Whoever waits goes on waiting.
    Later,
}

/// Why a turn failed. Its effects are dropped; `failure` decides what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Guest: the caller's mistake.
    Refuse(Problem),
    /// Guest: this message can never be handled.
    Fail(Problem),
    /// Guest: may work later, perhaps after this long.
    Retry {
        /// What is missing.
        problem: Problem,
        /// When to try again; none: the policy's back-off.
        after: Option<Duration>,
    },
    /// Guest: nothing can be handled until a human acts.
    Suspend(Problem),
    /// The guest broke: a trap, out of memory, out of time. Its instance is gone.
    Broken {
        /// `trap`, `out-of-memory`, `cpu-limit`, `wall-limit`, and what happened.
        problem: Problem,
        /// The guest's stack, innermost first; empty when unknown.
        backtrace: String,
    },
    /// The guest asked for what its manifest does not grant, or for more than its limits. Trying again cannot help.
    Denied(Problem),
    /// The host could not run the guest: no such kind, does not load, no memory. Says nothing about the message.
    Host(Problem),
}

/// How bad a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The finest.
    Trace,
    /// For developers.
    Debug,
    /// Ordinary events.
    Info,
    /// Heals itself.
    Warn,
    /// Somebody must act.
    Error,
}

/// A line that a guest logged, or wrote to its standard output or error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How bad.
    pub level: Level,
    /// One line, cut at the limit.
    pub text: String,
}
