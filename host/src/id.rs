//! Names and numbers that identify things: kinds, actors, slots, buckets, cursors.
//! Ground floor: pure, imports nothing of ours. The one place where ids are encoded for subjects, keys and headers.
//! Never builds a backend's subject or key: those live with their backend.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
/// Longest kind, in bytes.
pub const KIND_BYTES_MAX: usize = 63;
/// Longest actor id, in bytes of UTF-8 before encoding.
pub const ID_BYTES_MAX: usize = 256;
/// Number of slots: fixed for ever, because slots stand in stored subjects.
pub const SLOTS: u16 = 4096;

/// A name that breaks the grammar. The caller corrects the name; nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The kind is not `[a-z][a-z0-9-]{0,62}`.
    #[error("kind {kind:?} is not a name: use a lower-case letter, then at most 62 of a-z, 0-9 and -")]
    Kind {
        /// What was given, shortened.
        kind: String,
    },
    /// The kind is reserved for the host.
    #[error("kind {kind:?} is the host's own: choose a name that is not `own` and does not begin with sys-")]
    ReservedKind {
        /// What was given.
        kind: String,
    },
    /// The id is empty, longer than 256 bytes, or badly encoded.
    #[error("id {id:?} is not valid: 1 to 256 bytes of UTF-8")]
    Id {
        /// What was given, shortened.
        id: String,
    },
    /// Not of the form `KIND/ID`.
    #[error("{text:?} is not an actor: write KIND/ID, for example counter/alice")]
    Actor {
        /// What was given, shortened.
        text: String,
    },
    /// The subject breaks the grammar.
    #[error("subject {subject:?} is not valid: words of A-Z a-z 0-9 _ - joined by dots, at most 128 bytes")]
    Subject {
        /// What was given, shortened.
        subject: String,
    },
    /// A stored cursor, bucket or digest does not parse.
    #[error("{text:?} is not a {what}")]
    Stored {
        /// What was expected.
        what: &'static str,
        /// What was found, shortened.
        text: String,
    },
}

/// Shortens text from outside for an error message: at most 80 characters.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self, Error> {
                text.parse().map($name).map_err(|_| Error::Stored { what: stringify!($name), text: shown(text) })
            }
        }
    };
}

number! {
    /// Position of a message in its stream: 1 is the first, 0 is before all. Gaps are possible, reuse is not.
    Seq
}
number! {
    /// Which claim of a bucket somebody acts under: the revision of the bucket's ownership row.
    Epoch
}
number! {
    /// Version of one table row, given by the backend; grows with every write of that row.
    Revision
}

impl Seq {
    /// The position just before this one.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// The host's kind that calls endpoints over HTTP for other actors.
pub const HTTP: &str = "sys-http";
/// The host's kind that publishes on NATS for other actors.
pub const NATS: &str = "sys-nats";

/// What a component handles: `[a-z][a-z0-9-]{0,62}`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Kind(Arc<str>);

impl Kind {
    /// Checks the grammar; host kinds (`sys-…`) pass.
    ///
    /// # Errors
    /// `Error::Kind`: tell the caller what a kind looks like.
    pub fn new(text: &str) -> Result<Self, Error> {
        let tail = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let valid = text.len() <= KIND_BYTES_MAX
            && text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
            && text.bytes().all(tail);
        if valid { Ok(Self(text.into())) } else { Err(Error::Kind { kind: shown(text) }) }
    }

    /// Checks the grammar and refuses the host's own kinds: for names that come from outside.
    ///
    /// # Errors
    /// `Error::Kind`, `Error::ReservedKind`: tell the caller to choose another name.
    pub fn from_outside(text: &str) -> Result<Self, Error> {
        let kind = Self::new(text)?;
        if kind.is_reserved() { Err(Error::ReservedKind { kind: shown(text) }) } else { Ok(kind) }
    }

    /// Checks the grammar and refuses the host's own kinds but for the ways out: for receivers that a guest names.
    ///
    /// # Errors
    /// `Error::Kind`, `Error::ReservedKind`: tell the guest's author.
    pub fn from_guest(text: &str) -> Result<Self, Error> {
        if matches!(text, HTTP | NATS) { Self::new(text) } else { Self::from_outside(text) }
    }

    /// Whether this kind belongs to the host.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with("sys-") || &*self.0 == "own"
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, without a copy.
    pub(crate) fn shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Kind {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::new(&text)
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.0.as_ref().into()
    }
}

/// An actor's address, `KIND/ID`. Cheap to clone, hash and compare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActorId {
    kind: Kind,
    id: Arc<str>,
}

impl ActorId {
    /// An actor of a kind that is known to be valid.
    ///
    /// # Errors
    /// `Error::Id` when the id is empty or longer than 256 bytes.
    pub fn new(kind: Kind, id: &str) -> Result<Self, Error> {
        if (1..=ID_BYTES_MAX).contains(&id.len()) {
            Ok(Self { kind, id: id.into() })
        } else {
            Err(Error::Id { id: shown(id) })
        }
    }

    /// Reads `KIND/ID`; the id may hold further slashes.
    ///
    /// # Errors
    /// `Error::Actor`, `Error::Kind`, `Error::Id`: tell the caller what an address looks like.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (kind, id) = text.split_once('/').ok_or_else(|| Error::Actor { text: shown(text) })?;
        Self::new(Kind::new(kind)?, id)
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The id within the kind, as its users write it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id with every byte outside `[A-Za-z0-9_-]` as `=XX`: for subjects, keys, headers and message ids.
    #[must_use]
    pub fn escaped_id(&self) -> String {
        escape(&self.id)
    }

    /// `KIND/ID` with the id escaped: the sender's part of message ids and headers.
    #[must_use]
    pub fn escaped(&self) -> String {
        format!("{}/{}", self.kind, escape(&self.id))
    }

    /// Reads what [`ActorId::escaped`] wrote; any other spelling of the same id is refused.
    ///
    /// # Errors
    /// As [`ActorId::parse`]; `Error::Id` when the encoding is not the canonical one.
    pub fn parse_escaped(text: &str) -> Result<Self, Error> {
        let (kind, id) = text.split_once('/').ok_or_else(|| Error::Actor { text: shown(text) })?;
        Self::new(Kind::new(kind)?, &unescape(id)?)
    }

    /// The slot this actor lives in, for ever.
    #[must_use]
    pub fn slot(&self) -> Slot {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        hash.update(self.kind.0.as_bytes());
        hash.update(b"/");
        hash.update(self.id.as_bytes());
        let first_12_bits = hash.digest() >> 52;
        Slot(u16::try_from(first_12_bits).unwrap_or(SLOTS - 1))
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

impl TryFrom<String> for ActorId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<ActorId> for String {
    fn from(actor: ActorId) -> Self {
        actor.to_string()
    }
}

/// Writes every byte outside `[A-Za-z0-9_-]` as `=XX` (upper-case hex). One text has one encoding.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            out.push(char::from(byte));
        } else {
            out.push('=');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    out
}

/// Reads what [`escape`] wrote, and nothing else.
///
/// # Errors
/// `Error::Id` when the text is not the canonical encoding of valid UTF-8.
pub fn unescape(text: &str) -> Result<String, Error> {
    let refuse = || Error::Id { id: shown(text) };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'=' {
            let (hex, tail) = tail.split_at_checked(2).ok_or_else(refuse)?;
            bytes.extend(data_encoding::HEXUPPER.decode(hex).map_err(|_| refuse())?);
            rest = tail;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    let plain = String::from_utf8(bytes).map_err(|_| refuse())?;
    if escape(&plain) == text { Ok(plain) } else { Err(refuse()) }
}

/// One of 4,096 equal shares of all actors: the first 12 bits of xxh3-64 over `kind/id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot's number, below [`SLOTS`].
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }

    /// Which of `buckets` (a power of two up to 256) equal ranges holds this slot.
    #[must_use]
    pub fn bucket_number(self, buckets: u16) -> u16 {
        self.0 / (SLOTS / buckets.clamp(1, 256))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}.{:x}", self.0 >> 8, (self.0 >> 4) & 0xf, self.0 & 0xf)
    }
}

/// One incarnation of a bucket, written `3a.1`: a stream that is created anew never reuses a cursor or a message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketId {
    /// Which range of slots.
    pub number: u16,
    /// How often the stream of this range was created.
    pub incarnation: u32,
}

impl fmt::Display for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}.{}", self.number, self.incarnation)
    }
}

impl FromStr for BucketId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::Stored { what: "bucket", text: shown(text) };
        let (number, incarnation) = text.split_once('.').ok_or_else(refuse)?;
        let number = u16::from_str_radix(number, 16).map_err(|_| refuse())?;
        let incarnation = incarnation.parse().map_err(|_| refuse())?;
        Ok(Self { number, incarnation })
    }
}

/// The last message applied to an actor: everything of its bucket up to there is in the record. Written `3a.1:17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// The bucket's incarnation.
    pub bucket: BucketId,
    /// The position in that bucket's stream.
    pub seq: Seq,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.bucket, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let (bucket, seq) = text.split_once(':').ok_or_else(|| Error::Stored { what: "cursor", text: shown(text) })?;
        Ok(Self { bucket: bucket.parse()?, seq: seq.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_survives_its_encoding(id in "\\PC{1,60}") {
            let encoded = escape(&id);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-=".contains(&b)));
            prop_assert_eq!(unescape(&encoded), Ok(id));
        }

        #[test]
        fn only_the_canonical_encoding_is_read(text in "[A-Za-z0-9_=.-]{1,12}") {
            if let Ok(plain) = unescape(&text) {
                prop_assert_eq!(escape(&plain), text);
            }
        }

        #[test]
        fn every_actor_has_one_slot_and_one_bucket(id in "\\PC{1,20}", exponent in 0_u32..=8) {
            let actor = ActorId::new(Kind::new("counter").unwrap(), &id).unwrap();
            let buckets = 1_u16 << exponent;
            prop_assert!(actor.slot().number() < SLOTS);
            prop_assert!(actor.slot().bucket_number(buckets) < buckets);
        }
    }

    #[test]
    fn slots_never_change() {
        let slot = |text: &str| ActorId::parse(text).unwrap().slot().to_string();
        assert_eq!((slot("counter/alice").as_str(), slot("counter/bob").as_str()), ("d.a.0", "c.b.a"));
    }

    #[test]
    fn names_outside_the_grammar_are_refused() {
        for kind in ["", "Counter", "1st", "a_b", "a.b", "é", &"k".repeat(64)] {
            assert!(Kind::new(kind).is_err(), "{kind}");
        }
        assert!(Kind::from_outside("sys-http").is_err() && Kind::from_outside("own").is_err());
        assert!(ActorId::parse("counter").is_err() && ActorId::parse("counter/").is_err());
        assert!(ActorId::parse(&format!("counter/{}", "x".repeat(257))).is_err());
    }

    #[test]
    fn a_cursor_reads_what_it_writes() {
        let cursor = Cursor { bucket: BucketId { number: 0x3a, incarnation: 1 }, seq: Seq(17) };
        assert_eq!(cursor.to_string(), "3a.1:17");
        assert_eq!("3a.1:17".parse(), Ok(cursor));
        assert!("3a:17".parse::<Cursor>().is_err());
    }
}
