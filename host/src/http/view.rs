//! The JSON that the HTTP API speaks, as plain structs: written by the host, read by the command line and by tests.
//! Times are Unix milliseconds, sizes bytes. Kinds' versions, dead letters, sources and past turns are shown
//! as `registry`, `deadletter`, `source`, `history` and `inquiry` define them.
//! Never holds a rule: what is shown is decided where it is asked for.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::connector;
use crate::deadletter::DeadLetter;
use crate::digest::Digest;
use crate::history::Summary;
use crate::id::{ActorId, Kind, Seq};
use crate::registry::Version;
use crate::source::Status;
use crate::timer::Missed;

/// An error, as RFC 9457 defines it (`application/problem+json`). What does not apply is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable, for programs: `urn:hydra:SLUG`.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The same sentence for every problem of this type.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time, and what to do about it.
    pub detail: String,
    /// The handler's own word, or why exactly a component was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The id of the message, once it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The dead letter that the message became.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<String>,
    /// How large it was, in bytes, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// How large it may be, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The setting that holds the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<Cow<'static, str>>,
    /// When to try again, in seconds; also the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
}

/// `GET /version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// `hydra`.
    pub name: Cow<'static, str>,
    /// Of the host.
    pub version: Cow<'static, str>,
    /// Of this API: the first part of its paths.
    pub api: Cow<'static, str>,
}

/// `GET /healthz`, `GET /readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `alive` or `ready`.
    pub status: Cow<'static, str>,
}

/// A message was accepted: stored, and handled in its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Its id.
    pub id: String,
}

/// An actor, without its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `KIND/ID`.
    pub actor: ActorId,
    /// Whether it works.
    pub status: ActorStatus,
    /// Why it is suspended, when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<crate::message::Problem>,
    /// The last message applied, `BUCKET:SEQ`.
    pub cursor: Option<String>,
    /// The component that wrote the record last.
    pub version: Option<Digest>,
    /// When the record was written last.
    pub committed: Time,
    /// Size of its state; none: it has no state.
    pub state_bytes: Option<usize>,
}

/// Whether an actor works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorStatus {
    /// It handles its messages.
    Active,
    /// Its messages wait for a human.
    Suspended,
}

/// A page of actors, in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actors {
    /// May be fewer than asked for, even none, before the last page.
    pub actors: Vec<Actor>,
    /// Goes into `after` for the next page; none: this is the last.
    pub next: Option<String>,
}

/// A timer of an actor, without what its messages hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// Whose.
    pub actor: ActorId,
    /// By which it is replaced and cancelled.
    pub name: String,
    /// `once`, `every N ms`, or a cron expression and a time zone.
    pub schedule: String,
    /// What becomes of missed times.
    pub missed: Missed,
    /// When it is due next.
    pub due: Time,
    /// Size of what its messages hold.
    pub body_bytes: usize,
}

/// A page of timers, by actor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timers {
    /// May be none before the last page.
    pub timers: Vec<Timer>,
    /// Goes into `after` for the next page; none: this is the last.
    pub next: Option<String>,
}

/// What one actor waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimersOf {
    /// Who.
    pub actor: ActorId,
    /// Its timers.
    pub timers: Vec<Timer>,
    /// How many of its requests are not answered yet.
    pub requests: usize,
}

/// A kind and its current version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindSummary {
    /// The name.
    pub kind: Kind,
    /// How many versions were deployed.
    pub versions: usize,
    /// The version that new activations use.
    pub current: Option<Version>,
    /// Why it does not load on this host; none: it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// All kinds, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kinds {
    /// The kinds.
    pub kinds: Vec<KindSummary>,
}

/// `POST /v1/kinds/{kind}/rollback`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// How the wanted version's digest begins; none: the version before the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A page of dead letters, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetters {
    /// The dead letters.
    pub dead_letters: Vec<DeadLetter>,
    /// Goes into `after` for the next page; none: this is the last.
    pub next: Option<Seq>,
}

/// `GET /v1/endpoints`: those of the host that answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// By name.
    pub endpoints: Vec<connector::Status>,
}

/// `GET /v1/turns`: actors in the order that was asked for, by their last turns on the host that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranking {
    /// The host's name.
    pub node: String,
    /// Turns that began before do not count.
    pub since: Time,
    /// The first ones.
    pub actors: Vec<Summary>,
}

/// `GET /v1/buckets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buckets {
    /// The name of the host that answers.
    pub node: String,
    /// The log's time, by which everything is dated.
    pub time: Time,
    /// All buckets, in order.
    pub buckets: Vec<Bucket>,
    /// The first of the actors whose messages are parked.
    pub parked: Vec<ParkedActor>,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name.
    pub bucket: String,
    /// The host that serves it; none: nobody does.
    pub node: Option<String>,
    /// Everything up to here is done.
    pub floor: Seq,
    /// When the oldest message that is not done was stored; none: nothing waits.
    pub waiting_since: Option<Time>,
    /// How many of its actors have messages parked.
    pub parked: usize,
}

/// An actor whose messages are parked: it is suspended, waits long or lags behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedActor {
    /// Who.
    pub actor: ActorId,
    /// Whether it works.
    pub status: ActorStatus,
    /// Why it is suspended, when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<crate::message::Problem>,
    /// How many of its messages are parked.
    pub messages: u32,
}

/// `GET /v1/sources`: those of the host that answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// In the order of its settings.
    pub sources: Vec<Status>,
}
