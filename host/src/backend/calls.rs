//! Calls from clients of the store's own, as they came. Only a store with a network has any; `ingress` serves them.

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::message::Headers;

/// What a caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// To have a message stored.
    Send,
    /// To hear of its outcome, too.
    Ask,
}

/// One call, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What is wanted.
    pub verb: Verb,
    /// The receiver's kind, its escaped id, and the message's subject; what is missing is empty.
    pub address: [String; 3],
    /// The caller's headers, unchecked, but for what the store itself put there.
    pub headers: Headers,
    /// The caller's idempotency key.
    pub key: Option<String>,
    /// Opaque bytes.
    pub body: Bytes,
    /// Where the caller waits.
    pub reply: Option<String>,
}

/// Calls, in the order in which they came to this host.
pub type Calls = mpsc::Receiver<Call>;
