//! The record: what is persisted for one actor, its state and the host's bookkeeping in one row.
//! One write of it is one commit: state, cursor and outbox become true together or not at all.
//! Pure: reads and writes table entries, never a table.

use std::fmt;
use std::str::FromStr;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::Entry;
use crate::clock::Time;
use crate::digest::Digest;
use crate::id::{ActorId, Cursor, Epoch};
use crate::keys::Kept;
use crate::message::{Headers, Problem};
use crate::outbox;
use crate::timer::Waits;

/// Names of the record's headers.
mod header {
    pub(super) const CURSOR: &str = "Hydra-Cursor";
    pub(super) const OPERATOR: &str = "Hydra-Operator";
    pub(super) const COMMITTED: &str = "Hydra-Committed";
    pub(super) const VERSION: &str = "Hydra-Version";
    pub(super) const STATE_VERSION: &str = "Hydra-State-Version";
    pub(super) const STATE_BYTES: &str = "Hydra-State-Bytes";
    pub(super) const OUTBOX: &str = "Hydra-Outbox";
    pub(super) const KEYS: &str = "Hydra-Keys";
    pub(super) const STATUS: &str = "Hydra-Status";
    pub(super) const REASON: &str = "Hydra-Reason";
    pub(super) const EPOCH: &str = "Hydra-Epoch";
    pub(super) const PARKED: &str = "Hydra-Parked";
    pub(super) const TIMERS: &str = "Hydra-Timers";
}

/// An outbox that would make the headers longer follows the state in the value: stores take 64 KiB of headers.
const HEADERS_WANTED_MAX: usize = 40 << 10;

/// What is persisted for one actor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The last message applied.
    pub cursor: Option<Cursor>,
    /// The last operator's message applied: those do not wait behind the others.
    pub operator: Option<Cursor>,
    /// When this commit's content was fixed: its messages carry it in every copy.
    pub committed: Time,
    /// Which code wrote it last.
    pub version: Option<Digest>,
    /// The manifest's `state_version` under which the state was written.
    pub state_version: u32,
    /// Under which claim of the bucket it was written: evidence, not a lock.
    pub epoch: Epoch,
    /// The actor's bytes; none: it has no state.
    pub state: Option<Bytes>,
    /// Whether it works.
    pub status: Status,
    /// Messages of it wait in the parked queue; what comes is put behind them.
    pub parked: Option<Parked>,
    /// What this commit still has to hand over, while its cursor is above the bucket's floor.
    pub outbox: Vec<outbox::Entry>,
    /// Idempotency keys handled lately.
    pub keys: Vec<Kept>,
    /// Its timers, and its requests that are not answered yet.
    pub waits: Waits,
}

/// How far an actor's parked messages are handled. They are named by where they stood in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parked {
    /// The last one that was handled: what stands in the queue at or before it is done with.
    pub position: Cursor,
    /// How many wait.
    pub count: u32,
}

impl Parked {
    /// The message that stood at `origin` is handled.
    pub fn pass(&mut self, origin: Cursor) {
        self.position = origin;
        self.count = self.count.saturating_sub(1);
    }
}

impl fmt::Display for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.position, self.count)
    }
}

impl FromStr for Parked {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (position, count) = text.split_once(' ').ok_or(())?;
        Ok(Self { position: position.parse().map_err(drop)?, count: count.parse().map_err(drop)? })
    }
}

/// Whether an actor works.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Status {
    /// It does.
    #[default]
    Active,
    /// Its messages wait for a human.
    Suspended(Problem),
    /// It is forgotten; only its cursor is kept.
    Deleted,
}

/// A row that is no record: changed by hand or written by a newer host. A human must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A header does not parse.
    #[error("record header {name} cannot be read")]
    Header {
        /// Its name.
        name: &'static str,
    },
    /// The value is shorter than its state.
    #[error("the record's value has {bytes} bytes, its state alone should have {state}")]
    Short {
        /// The value's length.
        bytes: usize,
        /// What `Hydra-State-Bytes` says.
        state: usize,
    },
}

/// Where an actor's record is kept: `KIND.ID.state`.
#[must_use]
pub fn key(actor: &ActorId) -> String {
    format!("{}.{}.state", actor.kind(), actor.escaped_id())
}

/// Whose record is kept there; none if the key is another row's.
#[must_use]
pub fn actor_of(key: &str) -> Option<ActorId> {
    let (kind, id) = key.strip_suffix(".state")?.split_once('.')?;
    ActorId::parse_escaped(&format!("{kind}/{id}")).ok()
}

impl Record {
    /// The row's value and headers.
    #[must_use]
    pub fn encode(&self) -> (Bytes, Headers) {
        let mut headers = Headers(Vec::with_capacity(8));
        headers.push_some(header::CURSOR, self.cursor.map(|cursor| cursor.to_string()));
        headers.push_some(header::OPERATOR, self.operator.map(|cursor| cursor.to_string()));
        headers.push(header::COMMITTED, self.committed.0.to_string());
        headers.push_some(header::VERSION, self.version.map(|version| version.to_string()));
        headers.push_some(header::STATE_VERSION, (self.state_version != 0).then(|| self.state_version.to_string()));
        headers.push(header::EPOCH, self.epoch.to_string());
        headers.push_some(header::PARKED, self.parked.map(|parked| parked.to_string()));
        match &self.status {
            Status::Active => {}
            Status::Deleted => headers.push(header::STATUS, "deleted"),
            Status::Suspended(problem) => {
                headers.push(header::STATUS, "suspended");
                headers.push(header::REASON, pack(problem));
            }
        }
        headers.push_some(header::KEYS, (!self.keys.is_empty()).then(|| pack(&self.keys)));
        headers.push_some(header::TIMERS, (!self.waits.is_empty()).then(|| pack(&self.waits)));
        let value = self.encode_outbox(&mut headers);
        (value, headers)
    }

    /// Puts the outbox into a header, or behind the state when it is large; tells where the state ends if that is not clear.
    fn encode_outbox(&self, headers: &mut Headers) -> Bytes {
        let state = self.state.clone().unwrap_or_default();
        let outbox = if self.outbox.is_empty() { Vec::new() } else { pack_raw(&self.outbox) };
        let used: usize = headers.0.iter().map(|(name, value)| name.len() + value.len()).sum();
        let wanted = used + data_encoding::BASE64.encode_len(outbox.len());
        let behind_state = !outbox.is_empty() && wanted > HEADERS_WANTED_MAX;
        if behind_state || (state.is_empty() && self.state.is_some()) {
            headers.push(header::STATE_BYTES, state.len().to_string());
        }
        if !behind_state {
            headers.push_some(header::OUTBOX, (!outbox.is_empty()).then(|| data_encoding::BASE64.encode(&outbox)));
            return state;
        }
        headers.push(header::OUTBOX, if self.state.is_some() { "behind-state" } else { "behind-no-state" });
        let mut value = BytesMut::with_capacity(state.len() + outbox.len());
        value.put(state);
        value.put_slice(&outbox);
        value.freeze()
    }

    /// Reads a row.
    ///
    /// # Errors
    /// `Error`: the row was changed by hand or by a newer host. Suspend the actor's work and tell a human.
    pub fn decode(entry: &Entry) -> Result<Self, Error> {
        let headers = &entry.headers;
        let (state, outbox) = decode_value(entry)?;
        Ok(Self {
            cursor: read(headers, header::CURSOR)?,
            operator: read(headers, header::OPERATOR)?,
            committed: Time(read(headers, header::COMMITTED)?.unwrap_or_default()),
            version: read(headers, header::VERSION)?,
            state_version: read(headers, header::STATE_VERSION)?.unwrap_or_default(),
            epoch: read(headers, header::EPOCH)?.unwrap_or_default(),
            state,
            status: decode_status(headers)?,
            parked: read(headers, header::PARKED)?,
            outbox,
            keys: headers.get(header::KEYS).map_or(Ok(Vec::new()), |keys| unpack(header::KEYS, keys))?,
            waits: headers.get(header::TIMERS).map_or(Ok(Waits::default()), |waits| unpack(header::TIMERS, waits))?,
        })
    }

    /// The later of the two positions: the commit that wrote this record.
    #[must_use]
    pub fn position(&self) -> Option<Cursor> {
        match (self.cursor, self.operator) {
            (Some(cursor), Some(operator)) if cursor.bucket == operator.bucket => Some(cursor.max(operator)),
            (cursor, operator) => cursor.or(operator),
        }
    }

    /// What the messages of this commit are named after: the last message that it handled. A parked actor handles
    /// messages from its queue only, while its cursor stands where the last one was parked.
    #[must_use]
    pub fn handled(&self) -> Option<Cursor> {
        self.parked.map(|parked| parked.position).or(self.cursor)
    }

    /// About how many bytes it takes in memory.
    #[must_use]
    pub fn size(&self) -> usize {
        let outbox: usize = self.outbox.iter().map(outbox::Entry::size).sum();
        let waits = if self.waits.is_empty() { 0 } else { 2 * self.waits.size() };
        256 + self.state.as_ref().map_or(0, Bytes::len) + outbox + self.keys.len() * 256 + waits
    }
}

fn decode_status(headers: &Headers) -> Result<Status, Error> {
    match headers.get(header::STATUS) {
        None => Ok(Status::Active),
        Some("deleted") => Ok(Status::Deleted),
        Some("suspended") => {
            let reason = headers.get(header::REASON).ok_or(Error::Header { name: header::REASON })?;
            Ok(Status::Suspended(unpack(header::REASON, reason)?))
        }
        Some(_) => Err(Error::Header { name: header::STATUS }),
    }
}

fn decode_value(entry: &Entry) -> Result<(Option<Bytes>, Vec<outbox::Entry>), Error> {
    let bytes = entry.value.len();
    let state_bytes: Option<usize> = read(&entry.headers, header::STATE_BYTES)?;
    let outbox = entry.headers.get(header::OUTBOX);
    let behind = matches!(outbox, Some("behind-state" | "behind-no-state"));
    let end = if behind { state_bytes.ok_or(Error::Header { name: header::STATE_BYTES })? } else { bytes };
    if end > bytes {
        return Err(Error::Short { bytes, state: end });
    }
    let state = entry.value.slice(..end);
    let has_state = !state.is_empty() || (state_bytes.is_some() && outbox != Some("behind-no-state"));
    let outbox = match outbox {
        None => Vec::new(),
        Some(_) if behind => {
            rmp_serde::from_slice(&entry.value.slice(end..)).map_err(|_| Error::Header { name: header::OUTBOX })?
        }
        Some(text) => unpack(header::OUTBOX, text)?,
    };
    Ok((has_state.then_some(state), outbox))
}

fn read<T: FromStr>(headers: &Headers, name: &'static str) -> Result<Option<T>, Error> {
    headers.get(name).map(|text| text.parse().map_err(|_| Error::Header { name })).transpose()
}

fn pack_raw<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap_or_default()
}

fn pack<T: Serialize>(value: &T) -> String {
    data_encoding::BASE64.encode(&pack_raw(value))
}

fn unpack<T: DeserializeOwned>(name: &'static str, text: &str) -> Result<T, Error> {
    let bytes = data_encoding::BASE64.decode(text.as_bytes()).map_err(|_| Error::Header { name })?;
    rmp_serde::from_slice(&bytes).map_err(|_| Error::Header { name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::Send;
    use crate::id::{BucketId, Revision, Seq};
    use crate::message::{Answer, Status as Ending};
    use crate::names::{MessageId, Subject};
    use crate::timer::{Missed, Pending, When};

    fn cursor(seq: u64) -> Cursor {
        Cursor { bucket: BucketId { number: 1, incarnation: 1 }, seq: Seq(seq) }
    }

    fn send(bytes: usize) -> outbox::Entry {
        let to = ActorId::parse("counter/b").unwrap();
        let subject = Subject::new("add").unwrap();
        let send =
            Send { to: to.clone(), subject, headers: Headers::default(), body: vec![7; bytes].into(), awaited: None };
        outbox::Entry::send(send, &to, None)
    }

    /// A timer and a request, of about so many bytes together.
    fn waits(bytes: usize) -> Waits {
        let (mut waits, when) = (Waits::default(), When::Every(std::time::Duration::from_secs(60)));
        waits.set("tick", when, Missed::Skip, vec![7; bytes / 2].into(), cursor(5), Time(9)).unwrap();
        let memo = vec![7; bytes / 2].into();
        waits.expect(Pending { token: "0af3".into(), memo, due: Time(77) }).unwrap();
        waits
    }

    fn survives(record: Record) {
        let (value, headers) = record.encode();
        let entry = Entry { value, headers, revision: Revision(1) };
        assert_eq!(Record::decode(&entry), Ok(record));
    }

    #[test]
    fn every_record_survives_its_row() {
        let answer = Answer::new(MessageId::stored("in:x/y:1"), Ending::Done);
        let small = vec![send(3), outbox::Entry::Answer { reply: "reply.1".into(), answer, trace: None }];
        let suspended = Status::Suspended(Problem::new("state", "does not decode: ö\n"));
        for state in [None, Some(Bytes::new()), Some(Bytes::from_static(b"\0raw"))] {
            for outbox in [Vec::new(), small.clone(), vec![send(100_000)]] {
                for status in [Status::Active, Status::Deleted, suspended.clone()] {
                    survives(Record {
                        cursor: Some(cursor(7)),
                        operator: Some(cursor(9)),
                        committed: Time(5),
                        version: Some(Digest::of(b"x")),
                        state_version: 3,
                        epoch: Epoch(4),
                        state: state.clone(),
                        status: status.clone(),
                        parked: (status != Status::Active).then_some(Parked { position: cursor(6), count: 2 }),
                        outbox: outbox.clone(),
                        keys: Vec::new(),
                        waits: waits(40),
                    });
                }
            }
        }
    }

    #[test]
    fn the_value_is_exactly_the_state_while_the_outbox_is_small() {
        let record = Record { state: Some(Bytes::from_static(b"{}")), outbox: vec![send(3)], ..Record::default() };
        assert_eq!(record.encode().0, "{}");
        let large = Record { state: Some(Bytes::from_static(b"{}")), outbox: vec![send(60_000)], ..Record::default() };
        let (value, headers) = large.encode();
        assert!(value.starts_with(b"{}") && headers.get(header::STATE_BYTES) == Some("2"));
        let in_headers: usize = headers.0.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(in_headers < 64 << 10);
    }

    #[test]
    fn headers_stay_within_what_a_store_takes_whatever_is_in_them() {
        let to = ActorId::new(crate::id::Kind::new("k").unwrap(), &"ö".repeat(128)).unwrap();
        let answer =
            Answer { body: vec![1; 6_000].into(), ..Answer::new(MessageId::outside(&to, [7; 16]), Ending::Done) };
        let mut keys = Vec::new();
        for number in 0..64 {
            let message = crate::message::Message {
                id: MessageId::outside(&to, [7; 16]),
                to: to.clone(),
                sender: None,
                subject: Subject::new("add").unwrap(),
                headers: Headers::default(),
                body: Bytes::new(),
                reply: None,
                deadline: None,
                key: Some(format!("{number:0>250}")),
                trace: None,
            };
            crate::keys::remember(&mut keys, &message, Some(&answer), Time(1));
        }
        for outbox_bytes in [0, 10_000, 29_000, 300_000] {
            let status = Status::Suspended(Problem::new("x".repeat(64), "y".repeat(4_096)));
            let outbox = vec![send(outbox_bytes)];
            let waits = waits(16_000 - 300);
            let record = Record { status, keys: keys.clone(), outbox, waits, ..Record::default() };
            let (_, headers) = record.encode();
            let bytes: usize = headers.0.iter().map(|(name, value)| name.len() + value.len()).sum();
            assert!(bytes < 60 << 10, "{outbox_bytes}: {bytes}");
            survives(record);
        }
    }

    #[test]
    fn a_row_changed_by_hand_is_an_error() {
        let mut headers = Headers::default();
        headers.push(header::CURSOR, "nonsense");
        let entry = Entry { value: Bytes::new(), headers, revision: Revision(1) };
        assert_eq!(Record::decode(&entry), Err(Error::Header { name: header::CURSOR }));
    }

    #[test]
    fn keys_name_their_actor() {
        let actor = ActorId::parse("counter/a b/ö").unwrap();
        assert_eq!(actor_of(&key(&actor)), Some(actor));
        assert_eq!(actor_of("own.3a"), None);
    }
}
