//! What stands in an exported file. Pure.
//!
//! Eight bytes that say what it is, the format's version, then entries: the length of each in four bytes, big endian, and the
//! entry in MessagePack with field names. The first is `Start`, the last is `End`; behind it stands the BLAKE3 digest of
//! everything before it, and nothing more. A change of any of this is a new version.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::id::{ActorId, Kind};
use crate::incarnations::Retired;
use crate::message::{Headers, body};
use crate::names::MessageId;

/// The first bytes of every export.
pub(super) const MAGIC: [u8; 8] = *b"HYDRAEXP";
/// The version that this program reads and writes.
pub(super) const VERSION: u32 = 1;
/// Bytes of the digest at the end.
pub(super) const DIGEST_BYTES: usize = blake3::OUT_LEN;
/// Largest entry: a component of the largest size that a host can be set to, and some room.
pub(super) const ENTRY_BYTES_MAX: usize = (256 << 20) + (64 << 10);

/// One entry.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Entry {
    /// Where it all comes from.
    Start(Start),
    /// A component; it stands before the kinds that need it.
    Component {
        /// As it was deployed.
        #[serde(with = "body")]
        bytes: Bytes,
    },
    /// A kind with its versions.
    Kind {
        /// Its name.
        kind: Kind,
        /// Its row, as the registry keeps it.
        #[serde(with = "body")]
        row: Bytes,
    },
    /// An actor's record, without what depends on a place in a log.
    Actor {
        /// Whose.
        actor: ActorId,
        /// Of its row.
        headers: Headers,
        /// Of its row.
        #[serde(with = "body")]
        value: Bytes,
    },
    /// A message that waits for its actor: those of one actor stand together, in order.
    Message {
        /// Whose.
        to: ActorId,
        /// Equal on every copy.
        id: MessageId,
        /// The host's and the sender's.
        headers: Headers,
        /// Opaque bytes.
        #[serde(with = "body")]
        body: Bytes,
    },
    /// A dead letter, as it is stored.
    DeadLetter {
        /// Whose message it was.
        of: ActorId,
        /// Its name.
        id: MessageId,
        /// When it became one.
        committed: Option<Time>,
        /// Those of the stored form.
        headers: Headers,
        /// The stored form.
        #[serde(with = "body")]
        body: Bytes,
    },
    /// How many there are of each.
    End(Counts),
}

/// Where an export comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Start {
    /// The program that wrote it, for people.
    pub(super) hydra: String,
    /// The log's time when nothing was left to do: whatever was made in that store is not younger.
    pub(super) until: Time,
    /// The incarnation of its buckets.
    pub(super) incarnation: u32,
    /// Those before it.
    pub(super) retired: Vec<Retired>,
}

/// How many of each were carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Components, each once.
    pub components: u64,
    /// Kinds.
    pub kinds: u64,
    /// Actors' records.
    pub actors: u64,
    /// Messages that wait.
    pub messages: u64,
    /// Dead letters.
    pub dead_letters: u64,
}

impl Counts {
    /// One more.
    pub(super) fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::Start(_) | Entry::End(_) => {}
            Entry::Component { .. } => self.components += 1,
            Entry::Kind { .. } => self.kinds += 1,
            Entry::Actor { .. } => self.actors += 1,
            Entry::Message { .. } => self.messages += 1,
            Entry::DeadLetter { .. } => self.dead_letters += 1,
        }
    }

    /// All of them together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.components + self.kinds + self.actors + self.messages + self.dead_letters
    }
}

/// What was carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many of each.
    #[serde(flatten)]
    pub counts: Counts,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// The file's digest, which it ends with, in hexadecimal.
    pub digest: String,
    /// The incarnation of the buckets: of the exported store, or of the one that was filled.
    pub incarnation: u32,
}
