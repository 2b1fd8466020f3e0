//! What a commit still has to hand over once its record is stored: messages, answers, dead letters.
//! Kept inside the record until it is handed over; `commit` fills and flushes it. Pure.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::effects::Send;
use crate::id::{ActorId, Seq};
use crate::message::{Answer, Headers, Problem, body};
use crate::names::Subject;
use crate::reply::Reply;

/// Bytes of one commit's outbox that several turns may fill together. A single turn's may be larger: its own limits bound it.
pub const MERGED_BYTES_MAX: usize = 256 << 10;

/// One thing to hand over. Stored with field names, so that fields can be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// A message to an actor; its id is made of the commit's cursor and the entry's index.
    Send {
        /// The receiver.
        to: ActorId,
        /// What it is.
        subject: Subject,
        /// The sender's headers.
        headers: Headers,
        /// Opaque bytes.
        #[serde(with = "body")]
        body: Bytes,
        /// Trace context of the turn that sent it.
        trace: Option<String>,
        /// A request: where its answer goes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply: Option<String>,
        /// A request: when it ends without an answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Time>,
    },
    /// An answer to somebody who waits.
    Answer {
        /// Where they wait.
        reply: String,
        /// The outcome.
        answer: Answer,
        /// Trace context of the turn that answers, if an actor waits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<String>,
    },
    /// A message that is parked: by reference, so that it always fits.
    Park {
        /// Its position in this actor's bucket.
        seq: Seq,
    },
    /// A message that becomes a dead letter: by reference too.
    DeadLetter {
        /// Its position in this actor's bucket.
        seq: Seq,
        /// Why.
        reason: Problem,
        /// How often it was tried.
        attempts: u32,
        /// The guest's stack, if it broke.
        backtrace: String,
    },
}

impl Entry {
    /// A message that a turn of `sender` sent.
    #[must_use]
    pub fn send(send: Send, sender: &ActorId, trace: Option<String>) -> Self {
        let Send { to, subject, headers, body, awaited } = send;
        let deadline = awaited.as_ref().map(|awaited| awaited.due);
        let reply = awaited.map(|awaited| Reply::Actor { to: sender.clone(), token: awaited.token }.to_string());
        Self::Send { to, subject, headers, body, trace, reply, deadline }
    }

    /// An answer from a turn within this trace. Callers know theirs: it is kept for actors only.
    #[must_use]
    pub fn answer(reply: &Reply, answer: Answer, trace: Option<&String>) -> Self {
        let trace = trace.filter(|_| matches!(reply, Reply::Actor { .. })).cloned();
        Self::Answer { reply: reply.to_string(), answer, trace }
    }

    /// About how many bytes the entry takes in the record.
    #[must_use]
    pub fn size(&self) -> usize {
        let headers =
            |headers: &Headers| headers.0.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
        64 + match self {
            Self::Send { to, headers: own, body, .. } => to.id().len() + headers(own) + body.len(),
            Self::Answer { reply, answer, .. } => {
                let problem = answer.problem.as_ref().map_or(0, |problem| problem.code.len() + problem.text.len());
                reply.len() + answer.id.as_str().len() + headers(&answer.headers) + answer.body.len() + problem
            }
            Self::Park { .. } => 0,
            Self::DeadLetter { reason, backtrace, .. } => reason.code.len() + reason.text.len() + backtrace.len(),
        }
    }
}
