//! What the ways out ask of a message before anything leaves, for a scenario that plays the outside itself.
//! Asked by `scenario`. Never calls anybody.

use std::sync::Arc;

use super::call;
use super::gate::Gate;
use crate::effects::Fault;
use crate::id::{HTTP, NATS};
use crate::message::Message;
use crate::registry::Registry;

/// The checks of one host.
pub(crate) struct Rehearsal(Gate);

impl Rehearsal {
    pub(crate) fn new(registry: &Arc<Registry>) -> Self {
        Self(Gate::new(registry, &[0; 32]))
    }

    /// Whether a way out would take the message. Of other kinds any.
    ///
    /// # Errors
    /// With what it would end there.
    pub(crate) fn check(&self, message: &Message) -> Result<(), Fault> {
        match message.to.kind().as_str() {
            HTTP => {
                self.0.pass(message, "http", |grants| &grants.http)?;
                call::check(message).map_err(Fault::Refuse)
            }
            NATS => self.0.pass(message, "nats", |grants| &grants.nats).map(|_| ()),
            _ => Ok(()),
        }
    }
}
