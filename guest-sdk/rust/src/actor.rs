//! What an author implements: the actor, and how its state becomes bytes.
//! Called by `turn`; calls nobody.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, Description, Fault, Message, Outcome};

/// An actor: its fields are the state, `Default` builds the state of a new one.
///
/// Keep nothing elsewhere: statics and the heap may be gone at the next message.
pub trait Actor: Codec + Default {
    /// Handles one message. An `Err` drops all that the turn did: changes of `self`, sends, `ctx.delete()`.
    fn handle(&mut self, ctx: &Context, msg: &Message) -> Outcome;

    /// Runs before the first message after this actor was created or slept, as part of the same turn.
    /// An actor that has stored no state is new at every turn.
    fn activated(&mut self, ctx: &Context) {
        let _ = ctx;
    }

    /// Turns state written under an older `state_version` of `actor.toml` into today's bytes.
    ///
    /// # Errors
    /// A fault suspends the actor: its messages wait until a version is deployed that can read the state.
    fn migrate(from_version: u32, state: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let _ = from_version;
        Ok(state)
    }

    /// The subjects it understands, with examples. Shown to whoever wants to talk to it.
    fn describe() -> Description {
        Description::default()
    }
}

/// How state becomes bytes. Whatever derives `Serialize` and `Deserialize` is JSON;
/// for another format leave those two away from the actor itself and implement this.
#[diagnostic::on_unimplemented(
    message = "the state of `{Self}` cannot be stored",
    label = "this state",
    note = "derive `Serialize` and `Deserialize` for JSON, or implement `hydra_sdk::Codec` for another format"
)]
pub trait Codec: Sized {
    /// The bytes to store. Equal state should give equal bytes: only changed bytes are written.
    ///
    /// # Errors
    /// Says why: the turn ends as `fail` with the code `state-does-not-encode`.
    fn encode(&self) -> Result<Vec<u8>, String>;

    /// Reads stored bytes.
    ///
    /// # Errors
    /// Says why: the actor is suspended with the code `state-does-not-decode`, its messages wait.
    fn decode(bytes: &[u8]) -> Result<Self, String>;
}

impl<S: Serialize + DeserializeOwned> Codec for S {
    fn encode(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}
