//! Actors that the scenario plays itself: kinds that take no part, and the outside behind `sys-http` and `sys-nats`.
//! Read by `format`, installed by `host`. What one says is a function of the message alone, so a turn that is made again ends
//! as before. Never takes what the real way out would refuse.

use std::sync::Arc;

use async_trait::async_trait;

use crate::connector::Rehearsal;
use crate::digest::Digest;
use crate::effects::{Effects, Fault, Outcome, Payload, StateChange};
use crate::id::{ActorId, Kind};
use crate::manifest::Manifest;
use crate::message::{Message, Problem};
use crate::registry::Registry;
use crate::scenario::content::Content;
use crate::scenario::expect::MessageExpected;
use crate::scenario::observed::SeenMessage;
use crate::wasm::{Handled, Handler, Input, Instance};

/// One rule: which messages, and what becomes of them.
#[derive(Debug, Clone, PartialEq)]
pub struct StandIn {
    /// The kind that is played.
    pub kind: Kind,
    /// `KIND` or `KIND/ID`, and all that lies behind it: `KIND/ID/…`.
    pub to: String,
    /// What the message has to be; what is not said may be anything.
    pub when: MessageExpected,
    /// What becomes of it.
    pub says: Says,
}

/// What a stand-in does with a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Says {
    /// Replies.
    Reply(Payload),
    /// Has nothing to say.
    Done,
    /// Never answers.
    Never,
    /// Refuses it: the sender's mistake.
    Refuse(Problem),
    /// Can never handle it.
    Fail(Problem),
}

impl StandIn {
    fn takes(&self, message: &Message) -> bool {
        let to = message.to.to_string();
        let is_here = to.strip_prefix(&self.to).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let (headers, body) = (message.headers.0.clone(), Content(message.body.clone()));
        let seen = SeenMessage { to, subject: message.subject.to_string(), headers, body };
        is_here && self.when.fits(&seen)
    }
}

/// All kinds that are played, for the host with this registry.
pub(super) fn kinds(all: &[StandIn], registry: &Arc<Registry>) -> Vec<(Kind, Arc<dyn Handler>)> {
    let mut kinds: Vec<Kind> = all.iter().map(|one| one.kind.clone()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let play = |kind: Kind| {
        let rules = all.iter().filter(|one| one.kind == kind).cloned().collect();
        let played = Played { rules, rehearsal: Rehearsal::new(registry), manifest: Manifest::default() };
        (kind, Arc::new(PlayedKind(Arc::new(played))) as Arc<dyn Handler>)
    };
    kinds.into_iter().map(play).collect()
}

/// One kind.
struct Played {
    /// The first that takes a message counts.
    rules: Vec<StandIn>,
    rehearsal: Rehearsal,
    manifest: Manifest,
}

struct PlayedKind(Arc<Played>);

struct PlayedInstance(Arc<Played>);

#[async_trait]
impl Handler for PlayedKind {
    fn version(&self) -> Digest {
        Digest::of(b"stand-in")
    }

    fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    async fn instance(&self, _: &ActorId) -> Result<Box<dyn Instance>, Fault> {
        Ok(Box::new(PlayedInstance(self.0.clone())))
    }
}

#[async_trait]
impl Instance for PlayedInstance {
    async fn handle(&mut self, input: Input<'_>) -> Handled {
        // It keeps nothing: what is left of it goes with its last message.
        let effects = Effects { state: StateChange::Delete, ..Effects::default() };
        Handled::native(self.0.says(input.message).map(|outcome| (outcome, effects)))
    }
}

impl Played {
    fn says(&self, message: &Message) -> Result<Outcome, Fault> {
        self.rehearsal.check(message)?;
        let Some(rule) = self.rules.iter().find(|rule| rule.takes(message)) else {
            let text = format!("no [[stand-in]] takes {} for {}: write one for it", message.subject, message.to);
            return Err(Fault::Refuse(Problem::new("no-stand-in", text)));
        };
        match rule.says.clone() {
            Says::Reply(payload) => Ok(Outcome::Reply(payload)),
            Says::Done => Ok(Outcome::Done),
            Says::Never => Ok(Outcome::Later),
            Says::Refuse(problem) => Err(Fault::Refuse(problem)),
            Says::Fail(problem) => Err(Fault::Fail(problem)),
        }
    }
}
