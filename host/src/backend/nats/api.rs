//! Questions to JetStream's API, and what it answers: one way to ask, three ways not to be answered.
//! Used by `history`, `inbox`, `feed`, `time`, `table` and `log`. Never tries again, but for answers of servers that do not know.
//!
//! Where streams have copies, a server that has just got one, or misses its leader, says what it has: nothing, or too little.
//! Such an answer names no leader, and is not believed.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::RequestErrorKind;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{code, refused, unanswered};
use super::session::Session;
use crate::backend::Error;

/// Times that a question is asked while those answer who do not know.
const ASKS_MAX: u32 = 16;
/// The pause between two of them is this, times their number.
const PAUSE: Duration = Duration::from_millis(5);

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
    #[serde(default)]
    config: ConsumerConfig,
    #[serde(default)]
    cluster: Option<Cluster>,
}

/// How a consumer is set up.
#[derive(Debug, Default, Deserialize)]
struct ConsumerConfig {
    /// Where it began.
    #[serde(default)]
    opt_start_seq: u64,
}

/// The servers that have a copy of a stream or consumer.
#[derive(Debug, Deserialize)]
pub(super) struct Cluster {
    /// The name of the one that decides.
    #[serde(default)]
    leader: Option<String>,
    /// The others.
    #[serde(default)]
    pub(super) replicas: Vec<Peer>,
}

/// A server that follows the leader.
#[derive(Debug, Deserialize)]
pub(super) struct Peer {
    /// Its name.
    pub(super) name: String,
    /// The leader hears from it, and it has all that the leader has.
    pub(super) current: bool,
}

impl Cluster {
    /// Whether somebody decides, as far as the answering server knows.
    pub(super) fn names_leader(&self) -> bool {
        self.leader.as_ref().is_some_and(|leader| !leader.is_empty())
    }
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
    session: &Session,
    stream: &str,
    consumer: &str,
) -> Result<Option<ConsumerInfo>, Error> {
    let is_known =
        |info: &ConsumerInfo| !session.is_replicated || info.cluster.as_ref().is_some_and(Cluster::names_leader);
    match ask_leader(session, format!("CONSUMER.INFO.{stream}.{consumer}"), is_known).await {
        Ok(info) => Ok(Some(info)),
        Err(failure) if failure.is(code::CONSUMER_NOT_FOUND) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// What a stream holds, as its leader says.
///
/// # Errors
/// [`Failure`].
pub(super) async fn stream_info(session: &Session, stream: &str) -> Result<StreamInfo, Failure> {
    let is_known =
        |info: &StreamInfo| info.config.num_replicas <= 1 || info.cluster.as_ref().is_some_and(Cluster::names_leader);
    ask_leader(session, format!("STREAM.INFO.{stream}"), is_known).await
}

/// Asks until the answer comes from a server that knows.
async fn ask_leader<V: DeserializeOwned>(
    session: &Session,
    what: String,
    is_known: impl Fn(&V) -> bool,
) -> Result<V, Failure> {
    for number in 1..=ASKS_MAX {
        let answer = ask(&session.jetstream, what.clone(), &Nothing {}).await?;
        if is_known(&answer) {
            return Ok(answer);
        }
        tokio::time::sleep(PAUSE * number).await;
    }
    Err(Failure::Unanswered(no_leader(&what)))
}

/// The same of an answer that the client has read.
///
/// # Errors
/// `Unavailable`: whoever answered does not know. Try again.
pub(super) fn must_know(info: &stream::Info) -> Result<(), Error> {
    let is_known =
        info.config.num_replicas <= 1 || info.cluster.as_ref().is_some_and(|cluster| cluster.leader.is_some());
    if is_known { Ok(()) } else { Err(no_leader(&info.config.name)) }
}

fn no_leader(what: &str) -> Error {
    Error::Unavailable { reason: format!("{what}: it has no leader now: look whether most of its servers run") }
}

impl ConsumerInfo {
    /// The number of its last delivery.
    pub(super) fn number(&self) -> u64 {
        self.delivered.consumer_seq
    }

    /// Everything in the stream up to here is acknowledged. A consumer with copies, to which nothing was acknowledged yet,
    /// says 0; but ours begin behind what was.
    pub(super) fn floor(&self) -> u64 {
        self.ack_floor.stream_seq.max(self.config.opt_start_seq.saturating_sub(1))
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
    #[serde(default)]
    config: StreamConfig,
    #[serde(default)]
    cluster: Option<Cluster>,
}

/// How it is set up.
#[derive(Debug, Default, Deserialize)]
struct StreamConfig {
    #[serde(default)]
    num_replicas: usize,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_never_below_where_the_consumer_began() {
        let floor = |acknowledged: u64| {
            let text = format!(
                r#"{{"delivered":{{"consumer_seq":0,"stream_seq":0}},"config":{{"opt_start_seq":7}},
                    "ack_floor":{{"consumer_seq":0,"stream_seq":{acknowledged}}}}}"#
            );
            serde_json::from_str::<ConsumerInfo>(&text).unwrap().floor()
        };
        assert_eq!([0, 6, 9].map(floor), [6, 6, 9]);
    }

    #[test]
    fn an_answer_without_a_leader_is_told_apart() {
        let read = |text: &str| {
            let info: ConsumerInfo = serde_json::from_str(text).unwrap();
            info.cluster.as_ref().is_some_and(Cluster::names_leader)
        };
        let info = |cluster: &str| {
            let nothing = r#"{"consumer_seq":0,"stream_seq":0}"#;
            format!(r#"{{"delivered":{nothing},"ack_floor":{nothing}{cluster}}}"#)
        };
        assert!(read(&info(r#","cluster":{"name":"c","leader":"nats-1"}"#)));
        for unknown in ["", r#","cluster":{"name":"c"}"#, r#","cluster":{"leader":""}"#] {
            assert!(!read(&info(unknown)), "{unknown}");
        }
    }
}
