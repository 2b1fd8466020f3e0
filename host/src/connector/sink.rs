//! The turn of `sys-nats`: publishes on a subject of NATS that is not Hydra's own, for whoever listens there.
//! Handles the kind behind the same border as guests, but what it publishes is out before the turn is committed: a crash
//! repeats it with the same `Nats-Msg-Id`, which the stream there knows within its duplicate window.
//! Never publishes where no stream takes it, and never on subjects of Hydra's.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::gate::{Gate, host, refused};
use super::handler::ended;
use crate::backend::{ForeignPut, Log};
use crate::config;
use crate::digest::Digest;
use crate::effects::{Fault, Payload};
use crate::id::{ActorId, NATS};
use crate::manifest::Manifest;
use crate::message::{Headers, Message, Problem};
use crate::wasm::{Handled, Handler, Input, Instance};

/// What a sink is asked to do.
const PUBLISH: &str = "publish";
/// Names the subject; stands beside the message's own headers.
const SUBJECT: &str = "subject";

/// The code of the kind.
pub(super) struct Nats(Arc<Shared>);

struct Shared {
    sinks: BTreeMap<String, config::Sink>,
    gate: Arc<Gate>,
    log: Arc<dyn Log>,
    manifest: Manifest,
}

impl Nats {
    pub(super) fn new(sinks: &[config::Sink], gate: Arc<Gate>, log: Arc<dyn Log>) -> Self {
        let sinks = sinks.iter().map(|sink| (sink.name.clone(), sink.clone())).collect();
        Self(Arc::new(Shared { sinks, gate, log, manifest: Manifest::default() }))
    }
}

#[async_trait]
impl Handler for Nats {
    fn version(&self) -> Digest {
        Digest::of(format!("{NATS} {}", env!("CARGO_PKG_VERSION")).as_bytes())
    }

    fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    async fn instance(&self, _: &ActorId) -> Result<Box<dyn Instance>, Fault> {
        Ok(Box::new(Lane(self.0.clone())))
    }
}

/// One lane for one activation.
struct Lane(Arc<Shared>);

#[async_trait]
impl Instance for Lane {
    async fn handle(&mut self, input: Input<'_>) -> Handled {
        ended(self.0.publish(input.message).await)
    }
}

impl Shared {
    async fn publish(&self, message: &Message) -> Result<Payload, Fault> {
        let name = self.gate.pass(message, "nats", |grants| &grants.nats)?;
        let sink = self.sinks.get(name).ok_or_else(|| {
            let text = format!("this host has no sink {name:?}: add it to its settings as [[sink]], which needs NATS");
            refused("unknown-sink", text)
        })?;
        if message.subject.as_str() != PUBLISH {
            return Err(refused("unknown-subject", format!("{}: a sink is asked to {PUBLISH}", message.subject)));
        }
        let subject = message.headers.get(SUBJECT).unwrap_or_default();
        if !sink.takes(subject) {
            let text = format!("the header subject is {subject:?}: the sink {name} takes {}", sink.subjects);
            return Err(refused("bad-subject", text));
        }
        let own = message.headers.0.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(SUBJECT));
        let headers = Headers(own.cloned().collect());
        let put = self.log.put_foreign(subject, &self.gate.key_of(message), &headers, message.body.clone()).await;
        match put {
            Ok(ForeignPut::Stored) => Ok(Payload::default()),
            Ok(ForeignPut::NoStream) => {
                let text = format!("no stream takes {subject}: nats stream add, with this subject");
                Err(Fault::Retry { problem: Problem::new("no-stream", text), after: None })
            }
            Err(error) if error.is_retryable() => Err(host("sink-unavailable", error.to_string())),
            Err(error) => Err(Fault::Fail(Problem::new("not-published", error.to_string()))),
        }
    }
}
