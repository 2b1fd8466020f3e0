//! How a turn ends: what `handle` returns, and the few functions that build it.
//! Ground floor: pure data. `export` hands it to the host.

use std::time::Duration;

use serde::Serialize;

use crate::Headers;

/// What `handle` returns; `?` works on everything that fails with a [`Failure`].
pub type Outcome = Result<Success, Failure>;

/// A turn that did its work. Its effects are stored all together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Success {
    /// Handled; whoever waits gets an empty answer.
    Done,
    /// Handled, with an answer.
    Reply(Payload),
    /// Handled; whoever waits goes on waiting for `Context::answer`, until their time runs out.
    Later,
}

/// A turn that did not. Its effects are dropped all together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The caller's mistake: the caller is told. If nobody waits, the message becomes a dead letter.
    Refuse(Fault),
    /// This message can never be handled: it becomes a dead letter, and the caller is told.
    Fail(Fault),
    /// May work later: the same message comes again, before any other.
    Retry {
        /// What is missing.
        fault: Fault,
        /// When to try again; none: the host's back-off.
        after: Option<Duration>,
    },
    /// Nothing can be handled until a human acts: the actor is suspended, its messages wait.
    Suspend(Fault),
}

impl Failure {
    /// What went wrong.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        match self {
            Self::Refuse(fault) | Self::Fail(fault) | Self::Suspend(fault) | Self::Retry { fault, .. } => fault,
        }
    }
}

/// What went wrong, for programs (`code`) and for people (`text`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// For programs, for example `insufficient-funds`.
    pub code: String,
    /// For people: what is wrong, and what to do.
    pub text: String,
}

impl Fault {
    /// A fault with this code and text.
    pub fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code: code.into(), text: text.into() }
    }
}

/// Headers and bytes of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload {
    /// `content-type` and `x-…` travel to callers over HTTP.
    pub headers: Headers,
    /// Opaque bytes.
    pub body: Vec<u8>,
}

/// Handled, nothing to say.
///
/// # Errors
/// None: it ends the turn well.
pub fn done() -> Outcome {
    Ok(Success::Done)
}

/// Handled; the answer follows in a later turn, with `Context::answer`.
///
/// # Errors
/// None: it ends the turn well.
pub fn later() -> Outcome {
    Ok(Success::Later)
}

/// Handled; answers with the value as JSON.
///
/// # Errors
/// `Failure::Fail` with the code `reply-does-not-encode` when the value cannot be JSON.
pub fn reply(value: impl Serialize) -> Outcome {
    let body = to_json("reply", &value)?;
    reply_with([("content-type", "application/json")], body)
}

/// Handled; answers with these headers and bytes.
///
/// # Errors
/// None: it ends the turn well.
pub fn reply_with(headers: impl Into<Headers>, body: impl Into<Vec<u8>>) -> Outcome {
    Ok(Success::Reply(Payload { headers: headers.into(), body: body.into() }))
}

/// The caller's mistake.
///
/// # Errors
/// Always: `Failure::Refuse`.
pub fn refuse<T>(code: impl Into<String>, text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Refuse(Fault::new(code, text)))
}

/// This message can never be handled.
///
/// # Errors
/// Always: `Failure::Fail`.
pub fn fail<T>(code: impl Into<String>, text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Fail(Fault::new(code, text)))
}

/// May work later: try this message again after the host's back-off.
///
/// # Errors
/// Always: `Failure::Retry`.
pub fn retry<T>(code: impl Into<String>, text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Retry { fault: Fault::new(code, text), after: None })
}

/// May work later: try this message again after `after`.
///
/// # Errors
/// Always: `Failure::Retry`.
pub fn retry_after<T>(after: Duration, code: impl Into<String>, text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Retry { fault: Fault::new(code, text), after: Some(after) })
}

/// Nothing can be handled until a human acts.
///
/// # Errors
/// Always: `Failure::Suspend`.
pub fn suspend<T>(code: impl Into<String>, text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Suspend(Fault::new(code, text)))
}

/// JSON bytes, or a failure that names what did not encode.
pub(crate) fn to_json(what: &str, value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value)
        .or_else(|error| fail(format!("{what}-does-not-encode"), format!("the {what} cannot be JSON: {error}")))
}
