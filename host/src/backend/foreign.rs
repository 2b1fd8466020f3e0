//! What the host sees of a stream that is not its own: a part of its messages, as they are; and what became of one that it put there.
//! Made by a backend, read by `source` and `connector`. Pure data.

use bytes::Bytes;

use crate::clock::Time;
use crate::id::Seq;
use crate::message::Headers;

/// A part of a stream that is somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignPage {
    /// When the stream was made, as its server writes it: another stream of the same name has another time.
    pub created: String,
    /// The oldest position that it still has; one behind `last` if it is empty.
    pub first: Seq,
    /// The last position that it has given out; 0: none yet.
    pub last: Seq,
    /// What was asked for, in order.
    pub messages: Vec<ForeignMessage>,
    /// Nothing that was asked for, up to `last`, is missing in `messages`.
    pub complete: bool,
}

/// A message that somebody else has published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignMessage {
    /// Its position.
    pub seq: Seq,
    /// When its stream stored it.
    pub time: Time,
    /// Where it was published.
    pub subject: String,
    /// Its headers, whatever they are; none: no client can read them.
    pub headers: Option<Headers>,
    /// Opaque bytes.
    pub body: Bytes,
}

/// What became of a message for a stream that is somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignPut {
    /// A stream has it, now or since an earlier copy.
    Stored,
    /// No stream takes its subject: nothing was stored.
    NoStream,
}
