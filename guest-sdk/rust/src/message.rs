//! What arrives: a message, its headers, and the actors it comes from and goes to.
//! Ground floor: pure data. `export` fills it from the host, `test` from a test.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;

use crate::{Failure, Fault};

/// Who: the kind names the component that handles it, the id is the actor within its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId {
    /// Which component handles it, for example `counter`.
    pub kind: String,
    /// Which of that kind: any text of 1 to 256 bytes.
    pub id: String,
}

impl ActorId {
    /// The actor `id` of `kind`. The host checks both when it is used.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

/// Reads `KIND/ID`; text without a slash is a kind with an empty id, which the host refuses.
impl FromStr for ActorId {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (kind, id) = text.split_once('/').unwrap_or((text, ""));
        Ok(Self::new(kind, id))
    }
}

impl From<&ActorId> for ActorId {
    fn from(actor: &ActorId) -> Self {
        actor.clone()
    }
}

impl<K: Into<String>, I: Into<String>> From<(K, I)> for ActorId {
    fn from((kind, id): (K, I)) -> Self {
        Self::new(kind, id)
    }
}

/// Header names and values in order. Names are `[A-Za-z0-9-]+` and compare without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(pub(crate) Vec<(String, String)>);

impl Headers {
    /// The first value under this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Adds a header behind the others.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl From<&Headers> for Headers {
    fn from(headers: &Headers) -> Self {
        headers.clone()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Headers {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }
}

/// One message to this actor.
#[derive(Debug, Clone)]
pub struct Message {
    pub(crate) id: String,
    pub(crate) sender: Option<ActorId>,
    pub(crate) subject: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) accepted_at_ms: u64,
    pub(crate) attempt: u32,
    pub(crate) reply_token: Option<String>,
    pub(crate) answer: Option<Answer>,
}

/// How a request ended that this actor made; headers and body of its message are the answer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What `Context::request` returned.
    pub token: String,
    /// What was given to it.
    pub memo: Vec<u8>,
    /// How it ended.
    pub ending: Ending,
}

/// The ways in which a request ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With a reply.
    Replied,
    /// It was handled; there is nothing to say.
    Done,
    /// It was refused.
    Refused(Fault),
    /// It can never be handled, or its handler broke.
    Failed(Fault),
    /// There was no answer in time. It may be handled all the same.
    TimedOut,
}

impl Message {
    /// What it is, for example `deposit`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// `Failure::Refuse` with the code `body-does-not-decode`: pass it on with `?`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| self.not_decodable("JSON of the expected shape", &error))
    }

    /// The body, read as UTF-8.
    ///
    /// # Errors
    /// `Failure::Refuse` with the code `body-does-not-decode`: pass it on with `?`.
    pub fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.body).map_err(|error| self.not_decodable("UTF-8", &error))
    }

    /// The sender's own headers; `content-type` is one of them.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The sending actor; none: sent from outside.
    #[must_use]
    pub fn sender(&self) -> Option<&ActorId> {
        self.sender.as_ref()
    }

    /// Unique, and the same on every try: usable as an idempotency key outside.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// 1 for the first try of this message, one more after each retry or crash.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// When the host stored it, Unix milliseconds.
    #[must_use]
    pub fn accepted_at_ms(&self) -> u64 {
        self.accepted_at_ms
    }

    /// The name of the timer that fired; none: this is another message.
    #[must_use]
    pub fn timer(&self) -> Option<&str> {
        self.subject.strip_prefix("timer:")
    }

    /// Of a timer that repeats: how many further times passed before this one was told.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.headers.get("hydra-missed").and_then(|missed| missed.parse().ok()).unwrap_or_default()
    }

    /// The end of a request that this actor made; none: this is another message.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    /// The HTTP status with which a call was answered, whatever it is; none: this is another message, or there was no
    /// answer (see `answer`).
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let answer = self.answer.as_ref().filter(|answer| answer.ending == Ending::Replied);
        answer.and(self.headers.get("status"))?.parse().ok()
    }

    /// With it `Context::answer` answers this message in a later turn; none: nobody waits. Keep it in the state, and end
    /// this turn with `later()`.
    #[must_use]
    pub fn reply_token(&self) -> Option<&str> {
        self.reply_token.as_deref()
    }

    fn not_decodable(&self, wanted: &str, error: &dyn fmt::Display) -> Failure {
        let Self { subject, body, .. } = self;
        let text = format!("{subject} wants a body of {wanted}; these {} bytes are not: {error}", body.len());
        Failure::Refuse(Fault::new("body-does-not-decode", text))
    }
}
