//! A message and its answer, and how both are written as headers and a body.
//! Ground floor: pure. Every backend carries exactly these headers, so a stored message reads the same everywhere.
//! Never looks into a body.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::id::ActorId;
use crate::names::{MessageId, Subject};
use crate::reply::Reply;

/// Longest body of a message, in bytes. Larger data belongs elsewhere; a message carries its name.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Longest sum of a message's own header names and values, in bytes.
pub const HEADERS_BYTES_MAX: usize = 16 * 1024;
/// Headers of one message at the most.
pub const HEADERS_MAX: usize = 64;
/// Longest idempotency key, in bytes.
pub const KEY_BYTES_MAX: usize = 256;

/// Names of the host's own headers. A guest or a caller can neither set nor read them.
pub mod header {
    /// What every name of ours begins with.
    pub const PREFIX: &str = "Hydra-";
    /// The message's subject.
    pub const SUBJECT: &str = "Hydra-Subject";
    /// The sending actor, escaped; absent when sent from outside.
    pub const SENDER: &str = "Hydra-Sender";
    /// Where the outcome is awaited.
    pub const REPLY: &str = "Hydra-Reply";
    /// The caller's idempotency key, escaped.
    pub const KEY: &str = "Hydra-Key";
    /// When whoever asked for it waits no longer, Unix milliseconds: only requests of actors have one.
    pub const DEADLINE: &str = "Hydra-Deadline";
    /// A tick's place: its timer's generation and the time that it was due, Unix milliseconds.
    pub const TIMER: &str = "Hydra-Timer";
    /// Which request a message ends.
    pub const TOKEN: &str = "Hydra-Token";
    /// W3C trace context: where in which trace.
    pub const TRACE: &str = "traceparent";
    /// W3C trace context: what others want to go on with it.
    pub const TRACE_STATE: &str = "tracestate";
    /// An answer's outcome.
    pub const STATUS: &str = "Hydra-Status";
    /// Its value when a request ends without an answer.
    pub const TIMED_OUT: &str = "timed-out";
    /// An answer's problem type, when there is one.
    pub const PROBLEM: &str = "Hydra-Problem";
    /// The id of the message that an answer belongs to.
    pub const ID: &str = "Hydra-Id";
    /// The dead letter that an answered message became.
    pub const DEAD_LETTER: &str = "Hydra-Dead-Letter";
    /// Why the store itself moved a message to the dead letters: `CODE: TEXT`.
    pub const REASON: &str = "Hydra-Reason";
    /// The answer was kept from an earlier message with the same key.
    pub const REPLAYED: &str = "Hydra-Replayed";
}

/// Why a message, a header or an answer cannot be read. From outside: tell the sender; from the log: a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A header's name or value breaks the grammar.
    #[error("header {name:?} is not valid: names are [A-Za-z0-9-], not hydra-…; values have no line breaks")]
    Header {
        /// Its name, shortened.
        name: String,
    },
    /// More or longer headers than a message may carry.
    #[error(
        "{count} headers of {bytes} bytes together are too many: at most {HEADERS_MAX} of {HEADERS_BYTES_MAX} bytes"
    )]
    Headers {
        /// How many.
        count: usize,
        /// Their names' and values' bytes.
        bytes: usize,
    },
    /// A header of ours is missing or malformed.
    #[error("header {name} is missing or malformed")]
    Host {
        /// Its name.
        name: &'static str,
    },
    /// A name inside a header breaks the grammar.
    #[error(transparent)]
    Name(#[from] crate::id::Error),
}

/// Header names and values in order; names compare without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The first value under this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Bytes of all names and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Adds a header behind the others.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Adds a header if there is a value.
    pub fn push_some(&mut self, name: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.push(name, value);
        }
    }

    /// Adds the trace context that a message carries.
    pub fn push_trace(&mut self, trace: Option<&str>) {
        let parts = trace.map(|trace| trace.split_once(' ').unwrap_or((trace, "")));
        let (parent, state) = parts.unzip();
        self.push_some(header::TRACE, parent);
        self.push_some(header::TRACE_STATE, state.filter(|state| !state.is_empty()));
    }

    /// The trace context, as a message carries it.
    #[must_use]
    pub fn trace(&self) -> Option<String> {
        let parent = self.get(header::TRACE)?;
        Some(self.get(header::TRACE_STATE).map_or_else(|| parent.into(), |state| format!("{parent} {state}")))
    }

    /// The headers that a caller or guest may see: all but the host's.
    #[must_use]
    pub fn users(&self) -> Self {
        Self(self.0.iter().filter(|(name, _)| !is_host(name)).cloned().collect())
    }

    /// Checks headers that come from a guest or a caller.
    ///
    /// # Errors
    /// `Error::Header` and `Error::Headers`: refuse the message and say why.
    pub fn check(&self) -> Result<(), Error> {
        let bytes = self.bytes();
        if self.0.len() > HEADERS_MAX || bytes > HEADERS_BYTES_MAX {
            return Err(Error::Headers { count: self.0.len(), bytes });
        }
        let valid = |(name, value): &(String, String)| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !is_host(name)
                && !value.contains(['\r', '\n', '\0'])
        };
        match self.0.iter().find(|pair| !valid(pair)) {
            Some((name, _)) => Err(Error::Header { name: crate::id::shown(name) }),
            None => Ok(()),
        }
    }
}

/// Whether a header is the host's own: ours, the log's, or the trace context.
fn is_host(name: &str) -> bool {
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    begins(header::PREFIX) || begins("Nats-") || is(header::TRACE) || is(header::TRACE_STATE)
}

/// A message to an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Unique; equal on every copy.
    pub id: MessageId,
    /// The receiver.
    pub to: ActorId,
    /// The sending actor; none from outside.
    pub sender: Option<ActorId>,
    /// What it is.
    pub subject: Subject,
    /// The sender's own headers.
    pub headers: Headers,
    /// Opaque bytes.
    pub body: Bytes,
    /// Where somebody waits for the outcome.
    pub reply: Option<Reply>,
    /// When they wait no longer, as far as that is known.
    pub deadline: Option<Time>,
    /// The caller's idempotency key.
    pub key: Option<String>,
    /// W3C trace context: the `traceparent`, and behind a space the `tracestate`, if there is one.
    pub trace: Option<String>,
}

impl Message {
    /// All headers, the host's and the sender's, as the log carries them.
    #[must_use]
    pub fn to_headers(&self) -> Headers {
        let mut headers = Headers(Vec::with_capacity(5 + self.headers.0.len()));
        headers.push(header::SUBJECT, self.subject.as_str());
        headers.push_some(header::SENDER, self.sender.as_ref().map(ActorId::escaped));
        headers.push_some(header::REPLY, self.reply.as_ref().map(Reply::to_string));
        headers.push_some(header::DEADLINE, self.deadline.map(|deadline| deadline.0.to_string()));
        headers.push_some(header::KEY, self.key.as_deref().map(crate::id::escape));
        headers.push_trace(self.trace.as_deref());
        headers.0.extend(self.headers.0.iter().cloned());
        headers
    }

    /// Reads what the log carries; a foreign publisher may have written anything.
    ///
    /// # Errors
    /// `Error::Host`, `Error::Name`: the message cannot be handled, make it a dead letter.
    pub fn from_log(id: MessageId, to: ActorId, headers: &Headers, body: Bytes) -> Result<Self, Error> {
        let subject = headers.get(header::SUBJECT).ok_or(Error::Host { name: header::SUBJECT })?;
        let key = headers.get(header::KEY).map(crate::id::unescape).transpose()?;
        Ok(Self {
            id,
            to,
            sender: headers.get(header::SENDER).map(ActorId::parse_escaped).transpose()?,
            subject: Subject::stored(subject)?,
            headers: headers.users(),
            body,
            reply: Reply::of(headers),
            deadline: headers.get(header::DEADLINE).and_then(|deadline| deadline.parse().ok()).map(Time),
            key,
            trace: headers.trace(),
        })
    }
}

/// What went wrong, for programs (`code`) and for people (`text`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// For programs, for example `insufficient-funds`.
    pub code: String,
    /// For people.
    pub text: String,
}

impl Problem {
    /// A problem with this code and text.
    pub fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code: code.into(), text: text.into() }
    }
}

/// How a message ended for somebody who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The handler replied, perhaps with an empty payload.
    Replied,
    /// Handled; the handler said nothing.
    Done,
    /// The handler refused: the caller's mistake.
    Refused,
    /// The handler says that this message can never be handled: it is a dead letter.
    Failed,
    /// The handler broke (trap, limit, missing grant, tries exhausted): the message is a dead letter.
    HandlerFailed,
    /// The actor is suspended: the message waits for a human.
    Suspended,
    /// The idempotency key came before with another subject or body.
    KeyReused,
    /// The key was handled before, but its answer was too large to keep.
    AlreadyDone,
}

impl Status {
    /// The value of `Hydra-Status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replied => "replied",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed | Self::HandlerFailed => "failed",
            Self::Suspended => "suspended",
            Self::KeyReused => "key-reused",
            Self::AlreadyDone => "already-done",
        }
    }

    /// The problem type that callers over HTTP and the header `Hydra-Problem` see; none when all went well.
    #[must_use]
    pub fn problem(self) -> Option<&'static str> {
        match self {
            Self::Replied | Self::Done => None,
            Self::HandlerFailed => Some("handler-failed"),
            other => Some(other.as_str()),
        }
    }

    fn read(status: &str, problem: Option<&str>) -> Option<Self> {
        let all = [
            Self::Replied,
            Self::Done,
            Self::Refused,
            Self::Failed,
            Self::HandlerFailed,
            Self::Suspended,
            Self::KeyReused,
            Self::AlreadyDone,
        ];
        all.into_iter().find(|known| known.as_str() == status && known.problem() == problem)
    }
}

/// The outcome of one message, for the one who waits. Kept in records: serialised by field name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The answered message.
    pub id: MessageId,
    /// How it ended.
    pub status: Status,
    /// The reply's headers.
    #[serde(default, skip_serializing_if = "no_headers")]
    pub headers: Headers,
    /// The reply's bytes.
    #[serde(default, with = "body", skip_serializing_if = "Bytes::is_empty")]
    pub body: Bytes,
    /// What went wrong, when something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// The dead letter that the message became.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<String>,
    /// Kept from an earlier message with the same key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
}

fn no_headers(headers: &Headers) -> bool {
    headers.0.is_empty()
}

impl Answer {
    /// An answer without a payload or a problem.
    #[must_use]
    pub fn new(id: MessageId, status: Status) -> Self {
        let headers = Headers::default();
        Self { id, status, headers, body: Bytes::new(), problem: None, dead_letter: None, replayed: false }
    }

    /// The same with a problem.
    #[must_use]
    pub fn with_problem(self, problem: Problem) -> Self {
        Self { problem: Some(problem), ..self }
    }

    /// Headers and body on the wire. A problem travels as JSON in the body, for clients without our library.
    #[must_use]
    pub fn to_wire(&self) -> (Headers, Bytes) {
        let mut headers = Headers::default();
        headers.push(header::STATUS, self.status.as_str());
        headers.push(header::ID, crate::id::escape(self.id.as_str()));
        headers.push_some(header::PROBLEM, self.status.problem());
        headers.push_some(header::DEAD_LETTER, self.dead_letter.clone());
        headers.push_some(header::REPLAYED, self.replayed.then_some("true"));
        headers.0.extend(self.headers.0.iter().cloned());
        let body = match &self.problem {
            Some(problem) => serde_json::to_vec(problem).unwrap_or_default().into(),
            None => self.body.clone(),
        };
        (headers, body)
    }

    /// Reads what [`Answer::to_wire`] wrote.
    ///
    /// # Errors
    /// `Error::Host`, `Error::Name`: not an answer; drop it.
    pub fn from_wire(headers: &Headers, body: Bytes) -> Result<Self, Error> {
        let status = headers.get(header::STATUS).ok_or(Error::Host { name: header::STATUS })?;
        let problem = headers.get(header::PROBLEM);
        let status = Status::read(status, problem).ok_or(Error::Host { name: header::STATUS })?;
        let id = headers.get(header::ID).ok_or(Error::Host { name: header::ID })?;
        let told = problem.is_some().then(|| serde_json::from_slice(&body)).transpose();
        let told: Option<Problem> = told.map_err(|_| Error::Host { name: header::PROBLEM })?;
        Ok(Self {
            id: MessageId::stored(&crate::id::unescape(id)?),
            status,
            headers: headers.users(),
            body: if told.is_some() { Bytes::new() } else { body },
            problem: told,
            dead_letter: headers.get(header::DEAD_LETTER).map(Into::into),
            replayed: headers.get(header::REPLAYED).is_some(),
        })
    }
}

/// Writes `Bytes` as one byte string: `#[serde(with = "crate::message::body")]`.
pub mod body {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the bytes as they are.
    ///
    /// # Errors
    /// The serialiser's own.
    pub fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    /// Reads a byte string.
    ///
    /// # Errors
    /// The deserialiser's own.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        serde_bytes::ByteBuf::deserialize(from).map(|bytes| Bytes::from(bytes.into_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            id: MessageId::stored("in:counter/alice:1"),
            to: ActorId::parse("counter/alice").unwrap(),
            sender: Some(ActorId::parse("counter/b ö").unwrap()),
            subject: Subject::new("add").unwrap(),
            headers: Headers(vec![("content-type".into(), "text/plain".into())]),
            body: Bytes::from_static(b"5"),
            reply: Reply::read("reply.1"),
            deadline: Some(Time(7)),
            key: Some("order 7".into()),
            trace: None,
        }
    }

    #[test]
    fn a_message_survives_its_headers() {
        let sent = message();
        let read = Message::from_log(sent.id.clone(), sent.to.clone(), &sent.to_headers(), sent.body.clone());
        assert_eq!(read, Ok(sent));
    }

    #[test]
    fn callers_cannot_forge_host_headers() {
        for name in ["Hydra-Sender", "hydra-reply", "NATS-Msg-Id", "traceparent", "a b", "", "é"] {
            assert!(Headers(vec![(name.into(), "x".into())]).check().is_err(), "{name}");
        }
        assert!(Headers(vec![("x-a".into(), "line\nbreak".into())]).check().is_err());
        assert!(Headers(vec![("x-a".into(), "y".repeat(HEADERS_BYTES_MAX))]).check().is_err());
    }

    #[test]
    fn a_foreign_message_without_our_headers_is_an_error_not_a_crash() {
        let to = ActorId::parse("counter/alice").unwrap();
        let read = Message::from_log(MessageId::stored("x"), to, &Headers::default(), Bytes::new());
        assert_eq!(read, Err(Error::Host { name: header::SUBJECT }));
    }

    #[test]
    fn every_answer_survives_the_wire() {
        let id = MessageId::stored("in:counter/a=20b:1");
        let mut replied = Answer::new(id.clone(), Status::Replied);
        replied.body = Bytes::from_static(b"7");
        let failed = Answer::new(id.clone(), Status::HandlerFailed).with_problem(Problem::new("trap", "it broke"));
        let kept = Answer { replayed: true, dead_letter: Some("3a.1:7".into()), ..Answer::new(id, Status::Done) };
        for answer in [replied, failed, kept] {
            let (headers, body) = answer.to_wire();
            assert_eq!(Answer::from_wire(&headers, body), Ok(answer));
        }
    }
}
