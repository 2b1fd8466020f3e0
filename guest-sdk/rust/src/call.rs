//! A call to the outside: a request to the host's connector `sys-http`, written in one go.
//! Begun by `Context::http`; its answer comes as a message, like that of any request, and `Message::status` reads it.
//! Nothing is called during the turn: the call is made once the turn is stored, and again if a host crashes meanwhile.

use std::time::Duration;

use serde::Serialize;

use crate::outcome::to_json;
use crate::{Context, Failure, Headers};

/// The kind that calls endpoints.
const KIND: &str = "sys-http";
/// Longest id of an actor, in bytes.
const ID_BYTES_MAX: usize = 256;
/// How long an actor waits for an answer if it does not say so.
const TIMEOUT: Duration = Duration::from_secs(30);

/// One HTTP request to an endpoint of the host's settings.
#[must_use = "a call is made by `send`"]
pub struct Call<'c> {
    context: &'c Context,
    endpoint: String,
    method: String,
    headers: Headers,
    body: Vec<u8>,
    lane: Option<String>,
    timeout: Duration,
    memo: Vec<u8>,
}

impl<'c> Call<'c> {
    pub(crate) fn new(context: &'c Context, endpoint: &str, method: &str, path: &str) -> Self {
        let (endpoint, method) = (endpoint.to_owned(), method.to_ascii_lowercase());
        let (headers, body, memo) = (Headers::from([("path", path)]), Vec::new(), Vec::new());
        Self { context, endpoint, method, headers, body, lane: None, timeout: TIMEOUT, memo }
    }

    /// One more header. What the endpoint's settings put in, credentials for example, cannot be set. `idempotency-key` can:
    /// for a call that several requests make together, each a try of the same thing.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// These bytes as body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The value as JSON, and the header that says so.
    ///
    /// # Errors
    /// `Failure::Fail` with the code `call-does-not-encode` when the value cannot be JSON: pass it on with `?`.
    pub fn json(self, value: &impl Serialize) -> Result<Self, Failure> {
        let body = to_json("call", value)?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Calls of one lane are made one after the other, in their order; lanes do not wait for each other. Default: this
    /// actor's own name, so that its calls keep their order and nobody else waits for them.
    pub fn lane(mut self, lane: &str) -> Self {
        self.lane = Some(lane.into());
        self
    }

    /// How long this actor waits for the answer, all tries together. Default 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What comes back with the answer.
    pub fn memo(mut self, memo: impl Into<Vec<u8>>) -> Self {
        self.memo = memo.into();
        self
    }

    /// Makes the call once this turn is stored. Exactly one answer comes back; returns its token.
    pub fn send(self) -> String {
        let lane = self.lane.unwrap_or_else(|| self.context.actor().to_string());
        let mut id = format!("{}/{lane}", self.endpoint);
        // Two actors with such long names may share a lane: that costs time and nothing else.
        id.truncate(id.floor_char_boundary(ID_BYTES_MAX));
        self.context.request_with((KIND, id), &self.method, self.headers, self.body, self.timeout, self.memo)
    }
}
