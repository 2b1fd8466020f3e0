//! The border between a turn and whatever handles it: a component, or one of the host's own actors.
//! Called by `turn`; implemented by `wasm::component` and by host-native kinds.
//! Never stores or sends anything: what a handler wants it returns as effects. A component does no I/O at all; the host's
//! own may read.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::clock::Time;
use crate::digest::Digest;
use crate::effects::{Answered, Effects, Fault, LogLine, Outcome};
use crate::id::{ActorId, Cursor};
use crate::manifest::Manifest;
use crate::message::Message;
use crate::timer::Waits;

/// One version of a kind's code, ready to handle. Shared by all actors of the kind.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Which code this is: goes into the record.
    fn version(&self) -> Digest;

    /// The settings and grants that it was deployed with.
    fn manifest(&self) -> &Manifest;

    /// A fresh instance for one activation of one actor.
    ///
    /// # Errors
    /// `Fault::Host` when the host cannot make one now. A guest that breaks while it starts does so in its first turn.
    async fn instance(&self, actor: &ActorId) -> Result<Box<dyn Instance>, Fault>;
}

/// Code in memory for one activation: handles that actor's messages one after the other, then goes.
#[async_trait]
pub trait Instance: Send {
    /// Handles one message. Dropping the call is safe: nothing left the sandbox.
    async fn handle(&mut self, input: Input<'_>) -> Handled;
}

/// All that a turn may know.
#[derive(Debug, Clone)]
pub struct Input<'a> {
    /// The message.
    pub message: &'a Message,
    /// Where it stands: names the timers that the turn sets.
    pub origin: Cursor,
    /// It ends a request of this actor.
    pub answer: Option<&'a Answered>,
    /// With it a later turn can answer the message; none: nobody waits.
    pub reply_token: Option<String>,
    /// The actor's timers and pending requests, without what this message tells of.
    pub waits: &'a Waits,
    /// When the log stored the message.
    pub accepted: Time,
    /// 1 for the first try.
    pub attempt: u32,
    /// Start of this attempt: the guest's clock for the whole turn.
    pub now: Time,
    /// The actor's state before this turn.
    pub state: Option<Bytes>,
    /// The manifest's `state_version` under which that state was written.
    pub state_version: u32,
    /// The actor was just created, or slept: `lifecycle.activated` is part of this turn.
    pub activated: bool,
    /// Seeds all randomness of this attempt: a keyed hash of cluster secret, message id and attempt.
    pub random_key: [u8; 32],
}

/// What came out of one turn.
#[derive(Debug)]
pub struct Handled {
    /// How it ended. A fault drops the effects.
    pub result: Result<Outcome, Fault>,
    /// What it asked for; empty after a fault.
    pub effects: Effects,
    /// What it logged, also after a fault.
    pub logs: Vec<LogLine>,
    /// Log lines beyond the limit.
    pub log_lines_dropped: u32,
    /// Running time, as far as the sandbox measures it.
    pub cpu: Duration,
    /// False when this instance must not be used again.
    pub reusable: bool,
}

impl Handled {
    /// A turn of a handler without a sandbox: nothing is logged or measured, and the instance goes on however it ended.
    #[must_use]
    pub fn native(done: Result<(Outcome, Effects), Fault>) -> Self {
        let (result, effects) = match done {
            Ok((outcome, effects)) => (Ok(outcome), effects),
            Err(fault) => (Err(fault), Effects::default()),
        };
        let (logs, log_lines_dropped, cpu) = (Vec::new(), 0, Duration::ZERO);
        Self { result, effects, logs, log_lines_dropped, cpu, reusable: true }
    }

    /// A turn that failed before the guest asked for anything.
    #[must_use]
    pub fn fault(fault: Fault) -> Self {
        Self { reusable: false, ..Self::native(Err(fault)) }
    }
}
