//! Where an answer goes: to a caller's channel, or into the mailbox of an actor that made a request. And the sealed token
//! with which an actor answers a message of an earlier turn.
//! Ground floor: pure. Nobody can make the host talk to anything else: other addresses are none, other tokens are refused.

use std::fmt;

use crate::id::{ActorId, escape, unescape};
use crate::message::{Headers, header};
use crate::names::MessageId;

/// First word of the channels where answers are awaited by hosts.
pub const REPLY_CHANNEL: &str = "reply";
/// First word of the channels on which NATS clients wait for answers.
pub const INBOX: &str = "_INBOX";
/// First word of an actor's address.
const ACTOR: &str = "actor";
/// What the seal's key is made for: no other use of the secret yields the same bytes.
const SEAL: &str = "hydra 2026 reply token v1";
/// Bytes of a seal.
const SEAL_BYTES: usize = 16;

/// Where the outcome of a message is awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// On a channel, by somebody who may be gone: best effort.
    Channel(String),
    /// By an actor, in its mailbox.
    Actor {
        /// Who asked.
        to: ActorId,
        /// Which of its requests.
        token: String,
    },
}

/// Whether a caller's answer may go there: to a host that waits for it, or to the inbox of a NATS client. Nowhere else, or a
/// message could make a host talk to anybody.
#[must_use]
pub fn is_channel(channel: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let first = channel.split_once('.').map(|(first, _)| first);
    first.is_some_and(|first| first == REPLY_CHANNEL || first == INBOX) && channel.bytes().all(is_plain)
}

impl Reply {
    /// Reads an address; none if no answer may go there.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if is_channel(text) {
            return Some(Self::Channel(text.into()));
        }
        let [ACTOR, kind, id, token] = text.split('.').collect::<Vec<_>>()[..] else { return None };
        let to = ActorId::parse_escaped(&format!("{kind}/{id}")).ok()?;
        Some(Self::Actor { to, token: token.into() })
    }

    /// Where the outcome of a message with these headers is awaited.
    #[must_use]
    pub fn of(headers: &Headers) -> Option<Self> {
        headers.get(header::REPLY).and_then(Self::read)
    }

    /// The channel, if it is one.
    #[must_use]
    pub fn channel(self) -> Option<String> {
        match self {
            Self::Channel(channel) => Some(channel),
            Self::Actor { .. } => None,
        }
    }

    /// A token with which a later turn answers the message of this id, and with nothing else.
    #[must_use]
    pub fn seal(&self, id: &MessageId, secret: &[u8; 32]) -> String {
        let what = format!("{self} {}", escape(id.as_str()));
        let mut bytes = seal_of(what.as_bytes(), secret).to_vec();
        bytes.extend(what.as_bytes());
        data_encoding::BASE64URL_NOPAD.encode(&bytes)
    }

    /// Where the answer goes and which message it answers; none if nobody of this system made the token.
    #[must_use]
    pub fn unseal(token: &str, secret: &[u8; 32]) -> Option<(Self, MessageId)> {
        let bytes = data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (seal, what) = bytes.split_at_checked(SEAL_BYTES)?;
        // Compared by hashes of hashes: how much of a guess is right does not show in the time that it takes.
        if blake3::hash(seal) != blake3::hash(&seal_of(what, secret)) {
            return None;
        }
        let (reply, id) = std::str::from_utf8(what).ok()?.split_once(' ')?;
        Some((Self::read(reply)?, MessageId::stored(&unescape(id).ok()?)))
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(channel) => f.write_str(channel),
            Self::Actor { to, token } => write!(f, "{ACTOR}.{}.{}.{token}", to.kind(), to.escaped_id()),
        }
    }
}

fn seal_of(what: &[u8], secret: &[u8; 32]) -> [u8; SEAL_BYTES] {
    let key = blake3::derive_key(SEAL, secret);
    let mut seal = [0; SEAL_BYTES];
    blake3::Hasher::new_keyed(&key).update(what).finalize_xof().fill(&mut seal);
    seal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_actor() -> Reply {
        Reply::Actor { to: ActorId::parse("order/a b.ö").unwrap(), token: "0af3".into() }
    }

    #[test]
    fn an_address_survives_its_text() {
        for reply in [of_actor(), Reply::Channel("reply.1".into()), Reply::Channel("_INBOX.x.y".into())] {
            assert_eq!(Reply::read(&reply.to_string()), Some(reply));
        }
        for text in
            ["", "reply", "orders.new", "$SYS.x", "actor.order.a", "actor.Order.a.x", "actor.order.a=.x", "reply.*"]
        {
            assert_eq!(Reply::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_token_that_nobody_sealed_opens_nothing() {
        let (id, secret) = (MessageId::stored("in:order/a:1"), [7; 32]);
        let token = of_actor().seal(&id, &secret);
        assert_eq!(Reply::unseal(&token, &secret), Some((of_actor(), id)));
        assert_eq!(Reply::unseal(&token, &[8; 32]), None);
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(Reply::unseal(&String::from_utf8(other).unwrap(), &secret), None, "{at}");
        }
        assert_eq!(Reply::unseal("", &secret), None);
    }
}
