//! What a scenario is: a conversation with actors, step by step, and what should come of it.
//! Read by `format`, run by `suite`. Pure data.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::client::Request;
use crate::id::{ActorId, Kind};
use crate::scenario::expect::{AnswerExpected, LettersExpected, MessageExpected, StateExpected};
use crate::scenario::stand_in::StandIn;

/// A conversation with actors.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The file's name without `.toml`.
    pub name: String,
    /// The file, as its author knows it.
    pub file: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// Settings of the component under test that replace its manifest's.
    pub config: BTreeMap<String, String>,
    /// Components of other kinds that take part.
    pub components: Vec<Extra>,
    /// Who is played by the scenario itself; the first that takes a message counts.
    pub stand_ins: Vec<StandIn>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// A component that takes part beside the one under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    /// Whose messages it handles; none: as its manifest or its file's name says.
    pub kind: Option<Kind>,
    /// A `.wasm` or a folder with an `actor.toml`, relative to the scenario's folder.
    pub path: PathBuf,
    /// Settings that replace its manifest's.
    pub config: BTreeMap<String, String>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its line in the file.
    pub line: usize,
    /// What happens.
    pub action: Action,
}

/// What happens in a step.
#[derive(Debug, Clone)]
pub enum Action {
    /// A message whose outcome is awaited.
    Ask {
        /// The message.
        request: Request,
        /// How long to wait, in virtual time.
        timeout: Duration,
        /// What should come of it.
        expect: AnswerExpected,
    },
    /// A message, and nobody waits.
    Send(Request),
    /// Time passes.
    Advance(Duration),
    /// The host is killed and started again.
    Crash,
    /// A look at an actor's state.
    State {
        /// Whose.
        actor: ActorId,
        /// What it should be.
        expect: StateExpected,
    },
    /// A look at what an actor sent since the last such look.
    Sent {
        /// Who sent.
        actor: ActorId,
        /// What it should have sent.
        expect: Vec<MessageExpected>,
    },
    /// A look at the dead letters.
    DeadLetters(LettersExpected),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask { request, .. } => write!(f, "ask {} {}", request.to, request.subject),
            Self::Send(request) => write!(f, "send {} {}", request.to, request.subject),
            Self::Advance(span) => write!(f, "advance {span:?}"),
            Self::Crash => f.write_str("crash"),
            Self::State { actor, .. } => write!(f, "state {actor}"),
            Self::Sent { actor, .. } => write!(f, "sent {actor}"),
            Self::DeadLetters(_) => f.write_str("dead-letters"),
        }
    }
}
