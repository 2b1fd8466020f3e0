//! Questions to JetStream's API, and what it answers: one way to ask, three ways not to be answered.
//! Used by `history`, `inbox`, `feed`, `time` and `log`. Never tries again.

use async_nats::jetstream::Context;
use async_nats::jetstream::context::RequestErrorKind;
use async_nats::jetstream::response::Response;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{code, refused, unanswered};
use crate::backend::Error;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server says no.
    Refused {
        /// What was asked.
        what: String,
        /// Its code.
        code: u16,
        /// Its text.
        text: String,
    },
    /// It did not say, or nobody is there to.
    Unanswered(Error),
}

impl Failure {
    /// Whether the server refused with this code.
    pub(super) fn is(&self, wanted: u16) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == wanted)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused { what, code, text } => refused(code, &format!("{what}: {text}")),
            Failure::Unanswered(error) => error,
        }
    }
}

/// Asks the API: `what` is its name without the prefix, with the stream in it.
pub(super) async fn ask<V: DeserializeOwned>(
    jetstream: &Context,
    what: String,
    payload: &impl Serialize,
) -> Result<V, Failure> {
    match jetstream.request(what.clone(), payload).await {
        Ok(Response::Ok(answer)) => Ok(answer),
        Ok(Response::Err { error }) => {
            let code = u16::try_from(error.error_code().0).unwrap_or(0);
            Err(Failure::Refused { what, code, text: error.to_string() })
        }
        Err(error) if error.kind() == RequestErrorKind::NoResponders => {
            let reason = format!("{what}: nobody answers: is JetStream on, and has the stream a leader?");
            Err(Failure::Unanswered(Error::Unavailable { reason }))
        }
        Err(error) => Err(Failure::Unanswered(unanswered(&what, &error))),
    }
}

/// A question that says nothing more than its name.
#[derive(Serialize)]
pub(super) struct Nothing {}

/// A consumer, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct ConsumerInfo {
    delivered: Sequences,
    ack_floor: Sequences,
}

#[derive(Debug, Deserialize)]
struct Sequences {
    consumer_seq: u64,
    stream_seq: u64,
}

/// Asks about a consumer. None: there is no such one.
///
/// # Errors
/// `Unavailable`: try again.
pub(super) async fn consumer_info(
    jetstream: &Context,
    stream: &str,
    consumer: &str,
) -> Result<Option<ConsumerInfo>, Error> {
    match ask(jetstream, format!("CONSUMER.INFO.{stream}.{consumer}"), &Nothing {}).await {
        Ok(info) => Ok(Some(info)),
        Err(failure) if failure.is(code::CONSUMER_NOT_FOUND) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

impl ConsumerInfo {
    /// The number of its last delivery.
    pub(super) fn number(&self) -> u64 {
        self.delivered.consumer_seq
    }

    /// Everything in the stream up to here is acknowledged.
    pub(super) fn floor(&self) -> u64 {
        self.ack_floor.stream_seq
    }
}

/// A stream, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct StreamInfo {
    /// When it was made.
    #[serde(default)]
    pub(super) created: Option<String>,
    /// What it holds.
    pub(super) state: StreamState,
    /// The server's time.
    #[serde(default)]
    pub(super) ts: Option<String>,
}

/// What a stream holds.
#[derive(Debug, Deserialize)]
pub(super) struct StreamState {
    /// How many messages.
    pub(super) messages: u64,
    /// The first position that is not trimmed; 0 or 1: nothing ever was.
    pub(super) first_seq: u64,
    /// When the first message was stored.
    pub(super) first_ts: String,
    /// The last position given out.
    pub(super) last_seq: u64,
}

/// A part of the names of a stream's consumers.
#[derive(Debug, Deserialize)]
pub(super) struct ConsumerNames {
    /// How many there are in all.
    pub(super) total: usize,
    /// Those of this page.
    #[serde(default)]
    pub(super) consumers: Option<Vec<String>>,
}
