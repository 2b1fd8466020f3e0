//! The turn of a source: reads what stands behind its position, and sends it on with the new position, in one commit.
//! Handles the kind `sys-source`, behind the same border as guests. It reads a stream and nothing else: a turn that is dropped,
//! repeated, or run by two hosts at once has changed nothing anywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::mapping::{self, MISFIT};
use super::position::{Position, resume};
use crate::backend::{Backend, ForeignPage, Log};
use crate::config::Binding;
use crate::digest::Digest;
use crate::effects::{Effects, Fault, Outcome, Payload, Send as Sending, StateChange};
use crate::id::{ActorId, Kind, Seq};
use crate::manifest::Manifest;
use crate::message::{Headers, Problem};
use crate::names::Subject;
use crate::outbox::{self, Entry};
use crate::registry::Registry;
use crate::wasm::{Handled, Handler, Input, Instance};

/// The kind of all sources.
const KIND: &str = "sys-source";
/// What the host's subjects to a source begin with; nobody else can send one with a colon.
const PREFIX: &str = "source";
/// Asks a source to go on; answered [`MORE`] if it should be asked again at once.
const PULL: &str = "pull";
/// There is more behind what was handed on.
pub(super) const MORE: &[u8] = b"more";
/// Messages of one turn.
const MESSAGES_MAX: usize = 256;

/// A source that this host may serve.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) binding: Arc<Binding>,
    /// Where its position is kept.
    pub(super) actor: ActorId,
}

impl Source {
    /// # Errors
    /// Its name is no actor's id: the settings were not checked.
    pub(super) fn new(binding: &Binding) -> Result<Self, crate::id::Error> {
        let actor = ActorId::new(Kind::new(KIND)?, binding.name())?;
        Ok(Self { binding: Arc::new(binding.clone()), actor })
    }

    /// The subject on which a source is asked to go on.
    pub(super) fn pull() -> Subject {
        Subject::host(PREFIX, PULL)
    }
}

/// Makes this host's sources a kind of its own. A message for one that it does not know is done without effect: the position
/// is kept for a host that does.
///
/// # Errors
/// A name is no actor's id: the settings were not checked.
pub(crate) fn install(bindings: &[Binding], backend: &Backend, registry: &Registry) -> Result<(), crate::id::Error> {
    let sources = bindings.iter().map(|binding| Source::new(binding).map(|source| (source.actor, source.binding)));
    let sources = sources.collect::<Result<_, _>>()?;
    let handler = Sources { sources: Arc::new(sources), log: backend.log.clone(), manifest: Manifest::default() };
    registry.install_native(Kind::new(KIND)?, Arc::new(handler));
    Ok(())
}

/// The code of the kind.
struct Sources {
    sources: Arc<BTreeMap<ActorId, Arc<Binding>>>,
    log: Arc<dyn Log>,
    manifest: Manifest,
}

#[async_trait]
impl Handler for Sources {
    fn version(&self) -> Digest {
        Digest::of(concat!("sys-source ", env!("CARGO_PKG_VERSION")).as_bytes())
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    async fn instance(&self, actor: &ActorId) -> Result<Box<dyn Instance>, Fault> {
        Ok(Box::new(Awake { binding: self.sources.get(actor).cloned(), log: self.log.clone() }))
    }
}

/// One source for one activation.
struct Awake {
    /// None: this host does not know it.
    binding: Option<Arc<Binding>>,
    log: Arc<dyn Log>,
}

#[async_trait]
impl Instance for Awake {
    async fn handle(&mut self, input: Input<'_>) -> Handled {
        let subject = input.message.subject.as_str().strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix(':'));
        Handled::native(match (subject, &self.binding) {
            (Some(PULL), Some(binding)) => self.pull(binding, &input).await,
            (Some(PULL), None) => Ok((Outcome::Done, Effects::default())),
            (Some(MISFIT), Some(binding)) => mapping::map_misfit(binding, input.message)
                .map(|send| (Outcome::Done, Effects { sends: vec![send], ..Effects::default() }))
                .map_err(Fault::Fail),
            (Some(MISFIT), None) => {
                let text = "this host has no source of this name: replay it on one that has";
                Err(Fault::Fail(Problem::new("no-source", text)))
            }
            _ => Err(Fault::Fail(Problem::new("unknown-subject", "a source is asked by its host only"))),
        })
    }
}

impl Awake {
    /// Reads what comes next, and sends it on.
    async fn pull(&self, binding: &Binding, input: &Input<'_>) -> Result<(Outcome, Effects), Fault> {
        let refused = |trouble: super::Trouble| Fault::Refuse(Problem::new("source", trouble.to_string()));
        let kept = input.state.as_deref().map(Position::read).transpose().map_err(refused)?;
        let head = self.read(binding, kept.as_ref().map_or(Seq(0), |kept| kept.seq), 0).await?;
        let mut position = resume(kept.clone(), binding, head.as_ref()).map_err(refused)?;
        let page = self.read(binding, position.seq, MESSAGES_MAX).await?;
        let Some(page) = page.filter(|page| page.created == position.created) else {
            return Err(host("the stream was made anew while it was read"));
        };
        if let Some(missed) = position.pass_gap(&page, input.now) {
            let (from, to) = (missed.from.0, missed.to.0);
            tracing::warn!(
                source = binding.name(),
                from,
                to,
                "a stream was trimmed before it was read: going on behind"
            );
        }
        let (sends, all) = hand_on(&mut position, binding, &input.message.to, &page);
        let more = !(all && page.complete);
        if !more {
            position.seq = position.seq.max(page.last);
        }
        let state = if kept.as_ref() == Some(&position) {
            StateChange::Keep
        } else {
            StateChange::Set(position.write().into())
        };
        let body = if more { MORE } else { b"" };
        let reply = Payload { headers: Headers::default(), body: body.into() };
        Ok((Outcome::Reply(reply), Effects { state, sends, ..Effects::default() }))
    }

    async fn read(&self, binding: &Binding, after: Seq, limit: usize) -> Result<Option<ForeignPage>, Fault> {
        let page = self.log.read_foreign(&binding.stream, &binding.filter, after, limit).await;
        page.map_err(|error| host(&error.to_string()))
    }
}

/// What this host cannot do now, and will later.
fn host(text: &str) -> Fault {
    Fault::Host(Problem::new("source-unavailable", text))
}

/// What is sent on of a page: as much as an outbox takes, one message at least. Moves the position behind it.
/// True: all of the page.
fn hand_on(position: &mut Position, binding: &Binding, own: &ActorId, page: &ForeignPage) -> (Vec<Sending>, bool) {
    let (mut sends, mut bytes) = (Vec::new(), 0);
    for message in &page.messages {
        let mapped = mapping::map(binding, message);
        let is_misfit = mapped.is_err();
        let send = mapped.unwrap_or_else(|_| mapping::misfit(own, binding, message));
        let size = Entry::send(send.clone(), own, None).size();
        if !sends.is_empty() && bytes + size > outbox::MERGED_BYTES_MAX {
            return (sends, false);
        }
        bytes += size;
        sends.push(send);
        position.seq = message.seq;
        position.handed_on += u64::from(!is_misfit);
        position.misfits += u64::from(is_misfit);
    }
    (sends, true)
}
