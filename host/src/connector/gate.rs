//! What every way out asks of a message before anything leaves: may its sender's kind, and which key is it known by outside.
//! Used by `handler` and `sink`. Never trusts who a message says it is from but for the host's own word.

use std::sync::{Arc, Weak};

use crate::effects::Fault;
use crate::manifest::{Grants, allows};
use crate::message::{Message, Problem};
use crate::registry::Registry;

/// What the key of keys is made for: no other use of the system's secret yields the same bytes.
const KEYS: &str = "hydra 2026 idempotency key v1";
/// Bytes of an idempotency key, before it is written in hexadecimal digits.
const KEY_BYTES: usize = 16;

/// What cannot be done now, and will later: it costs the message no try.
pub(super) fn host(code: &str, text: impl Into<String>) -> Fault {
    Fault::Host(Problem::new(code, text))
}

/// The sender's mistake.
pub(super) fn refused(code: &str, text: impl Into<String>) -> Fault {
    Fault::Refuse(Problem::new(code, text))
}

/// The check of one host.
pub(super) struct Gate {
    /// Asked for grants. Weak: the registry holds the handlers that hold this.
    registry: Weak<Registry>,
    /// Keys the idempotency keys: those of two systems never meet, whatever their actors are called.
    key: [u8; 32],
}

impl Gate {
    pub(super) fn new(registry: &Arc<Registry>, secret: &[u8; 32]) -> Self {
        Self { registry: Arc::downgrade(registry), key: blake3::derive_key(KEYS, secret) }
    }

    /// What a message is to: the name before the lane. Its sender's kind has the grant `key` for it.
    ///
    /// # Errors
    /// `Fault::Refuse` with the line to add to the manifest; `Fault::Host` if the kind is not known here now.
    pub(super) fn pass<'m>(
        &self,
        message: &'m Message,
        key: &str,
        patterns: fn(&Grants) -> &[String],
    ) -> Result<&'m str, Fault> {
        let id = message.to.id();
        let name = id.split_once('/').map_or(id, |(name, _)| name);
        let sender = message.sender.as_ref().ok_or_else(|| refused("not-granted", "only actors may ask for this"))?;
        let kind = sender.kind();
        let registry = self.registry.upgrade().ok_or_else(|| host("ending", "this host ends"))?;
        let handler = registry.handler(kind);
        let handler = handler.ok_or_else(|| host("kind-not-loaded", format!("kind {kind} is not loaded here")))?;
        let patterns = patterns(&handler.manifest().grants);
        if allows(patterns, name) {
            return Ok(name);
        }
        let grants = [patterns, &[name.into()]].concat();
        let text =
            format!("{kind} has no grant for {name}: write `{key} = {grants:?}` under [grants] in {kind}'s actor.toml");
        Err(refused("not-granted", text))
    }

    /// The same for every try and every copy of a message, and for no other message of any system. A dead letter that is
    /// replayed, perhaps twice, has one too: the key under which it is replayed.
    pub(super) fn key_of(&self, message: &Message) -> String {
        let mut key = [0; KEY_BYTES];
        let name = message.key.as_deref().unwrap_or(message.id.as_str());
        blake3::Hasher::new_keyed(&self.key).update(name.as_bytes()).finalize_xof().fill(&mut key);
        data_encoding::HEXLOWER.encode(&key)
    }
}
