//! One message as a stream holds it, from wherever it was read: a delivery, a direct get, or the stream's leader.
//! Pure: reads what any publisher may have written, and turns it into what the host knows. Never fails on content:
//! what has no meaning here is left out, and the layers above make it a dead letter.

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::json;

use super::api::ask;
use super::error::code;
use super::frame;
use super::headers::{self, COMMITTED, MESSAGE_ID, of_server};
use super::names::Names;
use super::session::Session;
use super::time;
use crate::backend::{Delivery, Error, NewMessage, Queue};
use crate::clock::Time;
use crate::id::{ActorId, BucketId, Cursor, Kind, Seq};
use crate::message::header;
use crate::names::MessageId;

/// The value of `Hydra-Committed` that stands for the time of storing.
pub(super) const WHEN_STORED: &str = "stored";
/// The kind under which messages are buried that name no actor. Reserved: no component has it.
const MISADDRESSED: &str = "sys-misaddressed";
/// So much of a subject fits an id.
const SUBJECT_BYTES_KEPT: usize = 200;

/// A message of a stream.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// Where it was published.
    pub(super) subject: String,
    /// Its position.
    pub(super) seq: Seq,
    /// When the stream stored it.
    pub(super) time: Time,
    /// None: they cannot be read, by us or by any NATS client.
    pub(super) headers: Option<HeaderMap>,
    /// Opaque bytes.
    pub(super) body: Bytes,
}

/// Where a delivered message stands, as its reply subject tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// In the stream.
    pub(super) seq: Seq,
    /// In the consumer's deliveries: the next one has the next number.
    pub(super) number: u64,
    /// When the stream stored it.
    pub(super) time: Time,
}

/// Reads `$JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.TRIES.SEQ.NUMBER.NANOSECONDS.PENDING[.…]`.
pub(super) fn place(reply: &str) -> Option<Place> {
    let words: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
    let skipped = if words.len() >= 9 { 5 } else { 3 };
    let number = |at: usize| words.get(skipped + at)?.parse::<u64>().ok();
    Some(Place { seq: Seq(number(0)?), number: number(1)?, time: Time(number(2)? / 1_000_000) })
}

/// The subject that acknowledges a message: that of another delivery of the same consumer, with this place in it.
pub(super) fn ack_subject(reply: &str, seq: Seq, number: u64) -> String {
    let words: Vec<&str> = reply.split('.').collect();
    let skipped = if words.len() >= 11 { 7 } else { 5 };
    let (seq, number) = (seq.to_string(), number.to_string());
    let place = |(at, word): (usize, &&str)| match at.checked_sub(skipped) {
        Some(0) => seq.clone(),
        Some(1) => number.clone(),
        _ => (*word).to_owned(),
    };
    words.iter().enumerate().map(place).collect::<Vec<_>>().join(".")
}

impl Stored {
    /// A delivery to a consumer.
    pub(super) fn delivered(message: Message, place: Place) -> Self {
        let headers = Some(message.headers.unwrap_or_default());
        let subject = message.subject.as_str().into();
        Self { subject, seq: place.seq, time: place.time, headers, body: message.payload }
    }

    /// An answer to a direct get. None: it is not one.
    pub(super) fn got(message: Message) -> Option<Self> {
        let headers = message.headers?;
        let text = |name: &'static str| of_server(&headers, name);
        let subject = text("Nats-Subject")?.to_owned();
        let seq = Seq(text("Nats-Sequence")?.parse().ok()?);
        let time = time::read(text("Nats-Time-Stamp")?)?;
        Some(Self { subject, seq, time, headers: Some(headers), body: message.payload })
    }
}

/// What the leader answers: JSON, which no header can break.
#[derive(Deserialize)]
pub(super) struct Raw {
    message: RawMessage,
}

#[derive(Deserialize)]
struct RawMessage {
    subject: String,
    seq: u64,
    time: String,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
}

impl Raw {
    /// None: it is not what a server answers.
    pub(super) fn read(self) -> Option<Stored> {
        let RawMessage { subject, seq, time, hdrs, data } = self.message;
        let headers = BASE64.decode(hdrs.as_bytes()).ok()?;
        let body = BASE64.decode(data.as_bytes()).ok()?.into();
        Some(Stored { subject, seq: Seq(seq), time: time::read(&time)?, headers: read_headers(&headers), body })
    }
}

/// Reads headers as strictly as the client does: what it cannot read would break its connection.
fn read_headers(bytes: &[u8]) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    if bytes.is_empty() {
        return Some(map);
    }
    let mut lines = std::str::from_utf8(bytes).ok()?.lines().peekable();
    lines.next()?.strip_prefix("NATS/1.0")?;
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (name, value) = line.split_once(':')?;
        let mut value = value.trim_start().to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with(char::is_whitespace)) {
            value.push_str(more);
        }
        let name: async_nats::HeaderName = name.parse().ok()?;
        map.append(name, value.trim_end().parse::<async_nats::HeaderValue>().ok()?);
    }
    Some(map)
}

/// A message of an actor, of the bucket that its actor belongs to.
pub(super) fn delivery(to: ActorId, bucket: BucketId, stored: Stored) -> Delivery {
    let Stored { subject: _, seq, time, headers: map, body } = stored;
    let id = message_id(map.as_ref(), bucket, seq);
    let text = |name: &'static str| map.as_ref().and_then(|map| headers::get(map, name));
    let committed = text(COMMITTED).and_then(|committed| match committed.as_str() {
        WHEN_STORED => Some(time),
        millis => millis.parse().ok().map(Time),
    });
    let (mut headers, body) = match frame::unpack(map.as_ref(), body.clone()) {
        Ok(unpacked) => unpacked,
        // Somebody else's headers look like ours and are not: they pass as they are.
        Err(_) => (headers::decode(map.as_ref()), body),
    };
    headers.0.retain(|(name, _)| !name.eq_ignore_ascii_case(COMMITTED));
    Delivery { to, seq, time, id, committed, headers, body }
}

/// The id that a message came with, or the one that its place gives it.
pub(super) fn message_id(map: Option<&HeaderMap>, bucket: BucketId, seq: Seq) -> MessageId {
    let id = map.and_then(|map| headers::get(map, MESSAGE_ID)).filter(|id| !id.is_empty());
    id.map_or_else(|| MessageId::of_log(Cursor { bucket, seq }), |id| MessageId::stored(&id))
}

/// The headers that go with a new message, and its body.
///
/// # Errors
/// As [`frame::pack`].
pub(super) fn pack(message: NewMessage) -> Result<(HeaderMap, Bytes), Error> {
    let (mut map, body) = frame::pack(&message.headers, message.body)?;
    headers::append(&mut map, MESSAGE_ID, message.id.as_str());
    let committed = message.committed.map_or_else(|| WHEN_STORED.into(), |time| time.0.to_string());
    headers::append(&mut map, COMMITTED, &committed);
    Ok((map, body))
}

/// Removes one message from a stream. False: it was not there.
///
/// # Errors
/// `Unavailable`, `Unknown`: try again.
pub(super) async fn remove(session: &Session, stream: &str, seq: Seq) -> Result<bool, Error> {
    let what = format!("STREAM.MSG.DELETE.{stream}");
    let delete = json!({ "seq": seq.0, "no_erase": true });
    match ask::<serde::de::IgnoredAny>(&session.jetstream, what, &delete).await {
        Ok(_) => Ok(true),
        Err(failure) if failure.is(code::SEQUENCE_NOT_FOUND) || failure.is(code::NO_MESSAGE) => Ok(false),
        Err(failure) => Err(failure.into()),
    }
}

/// Why a message of a bucket cannot be any actor's.
pub(super) fn fault(names: &Names, stored: &Stored) -> Option<&'static str> {
    if stored.headers.is_none() {
        return Some("its headers are not those of a NATS message");
    }
    names.receiver(&stored.subject).is_none().then_some("its subject does not name the actor of its slot")
}

/// The dead letter that such a message becomes. It belongs to `sys-misaddressed/SUBJECT`, the subject's end cut off where
/// it is too long, and is as it was but for its reason. Its id is its place, so burying it twice is once.
pub(super) fn bury(names: &Names, bucket: BucketId, stored: &Stored, reason: &str) -> Option<NewMessage> {
    let named = names.receiver(&stored.subject);
    let kept = stored.subject.floor_char_boundary(SUBJECT_BYTES_KEPT);
    let misaddressed = || ActorId::new(Kind::new(MISADDRESSED).ok()?, stored.subject.get(..kept)?).ok();
    // Without what the server would obey, and without what tells ours.
    let ours = [header::REASON, COMMITTED];
    let mut headers = headers::decode(stored.headers.as_ref());
    headers.0.retain(|(name, _)| !frame::is_servers(name) && !ours.iter().any(|one| name.eq_ignore_ascii_case(one)));
    headers.0.insert(0, (header::REASON.into(), format!("misaddressed: {reason}")));
    Some(NewMessage {
        queue: Queue::DeadLetters,
        to: named.or_else(misaddressed)?,
        id: MessageId::of_log(Cursor { bucket, seq: stored.seq }),
        committed: Some(stored.time),
        headers,
        body: stored.body.clone(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::Headers;

    const BUCKET: BucketId = BucketId { number: 3, incarnation: 1 };

    fn names() -> Names {
        Names::new("hydra", "local")
    }

    fn stored(subject: &str, map: HeaderMap) -> Stored {
        let body = Bytes::from_static(b"body");
        Stored { subject: subject.into(), seq: Seq(9), time: Time(1_000), headers: Some(map), body }
    }

    #[test]
    fn a_reply_subject_tells_the_place_in_both_forms() {
        let expected = Place { seq: Seq(7), number: 5, time: Time(1_800_000_000_123) };
        for reply in ["$JS.ACK.S.C.1.7.5.1800000000123456789.0", "$JS.ACK._.hash.S.C.1.7.5.1800000000123456789.0.x"] {
            assert_eq!(place(reply), Some(expected));
            assert_eq!(
                place(&ack_subject(reply, Seq(70), 50)).map(|place| (place.seq, place.number)),
                Some((Seq(70), 50))
            );
        }
        for foreign in ["", "$JS.ACK.", "$JS.ACK.S.C.1.x.5.1.0", "_INBOX.a"] {
            assert_eq!(place(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_foreign_message_is_named_by_its_place_and_has_no_time_of_its_own() {
        let to = ActorId::parse("counter/alice").unwrap();
        let mut map = HeaderMap::new();
        map.append("Nats-Msg-Id", "");
        map.append("Hydra-Committed", "yesterday");
        map.append("Hydra-Headers-Bytes", "99");
        let read = delivery(to, BUCKET, stored("s", map));
        assert_eq!((read.id.as_str(), read.committed, &read.body[..]), ("03.1:9", None, &b"body"[..]));
    }

    #[test]
    fn what_we_pack_reads_back() {
        let to = ActorId::parse("counter/alice").unwrap();
        let headers = Headers(vec![("Hydra-Subject".into(), "add".into()), ("X-A".into(), " é\n".into())]);
        for (committed, expected) in [(None, Time(1_000)), (Some(Time(7)), Time(7))] {
            let (queue, id) = (Queue::Inbox, MessageId::stored("in:counter/a=20b:1"));
            let (to, headers, body) = (to.clone(), headers.clone(), Bytes::from_static(b"body"));
            let (map, body) =
                pack(NewMessage { queue, to: to.clone(), id: id.clone(), committed, headers, body }).unwrap();
            let read = delivery(to, BUCKET, Stored { body, ..stored("s", map) });
            assert_eq!((read.id, read.committed, read.headers.0.len()), (id, Some(expected), 2));
            assert_eq!(read.headers.get("x-a"), Some(" é\n"));
        }
    }

    #[test]
    fn what_a_publisher_writes_in_the_servers_name_is_not_believed() {
        let mut map = HeaderMap::new();
        for (name, value) in [
            ("Nats-Sequence", "77"),
            ("Nats-Subject", "elsewhere"),
            ("Nats-Subject", "s"),
            ("Nats-Sequence", "9"),
            ("Nats-Time-Stamp", "2026-01-01T00:00:00Z"),
        ] {
            map.append(name, value);
        }
        let (subject, payload) = ("_INBOX.x".into(), Bytes::new());
        let (reply, status, description) = (None, None, None);
        let answer = Message { subject, reply, payload, headers: Some(map), status, description, length: 0 };
        let got = Stored::got(answer).unwrap();
        assert_eq!((got.subject.as_str(), got.seq), ("s", Seq(9)));
    }

    #[test]
    fn a_message_that_is_nobodys_is_buried_under_its_subject() {
        let mut map = HeaderMap::new();
        map.append("Nats-Msg-Id", "x");
        map.append("X-A", "1");
        let astray = stored("hydra.local.msg.0.0.0.counter.alice", map);
        let reason = fault(&names(), &astray).unwrap();
        let letter = bury(&names(), BUCKET, &astray, reason).unwrap();
        assert_eq!((letter.to.kind().as_str(), letter.to.id()), ("sys-misaddressed", astray.subject.as_str()));
        assert_eq!((letter.id.as_str(), letter.headers.0.len(), &letter.body), ("03.1:9", 2, &astray.body));
        let fine = stored("hydra.local.msg.d.a.0.counter.alice", HeaderMap::new());
        assert_eq!(fault(&names(), &fine), None);
        assert!(fault(&names(), &Stored { headers: None, ..fine }).is_some());
    }

    #[test]
    fn headers_that_would_break_the_client_are_told_apart() {
        assert!(read_headers(b"").unwrap().is_empty());
        let map = read_headers(b"NATS/1.0\r\nX-A: 1\r\n  2\r\nX-A:3\r\n: empty\r\n\r\n").unwrap();
        assert_eq!((map.len(), map.get("X-A").unwrap().as_str()), (2, "1  2"));
        for broken in [
            &b"NATS/1.0\r\nno colon\r\n\r\n"[..],
            b"NATS/1.0\r\n\xff: 1\r\n",
            b"HTTP/1.1\r\n",
            b"NATS/1.0\r\na b: 1\r\n",
        ] {
            assert!(read_headers(broken).is_none(), "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn no_subject_and_no_header_stops_the_reading(subject in ".{0,300}", bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let astray = Stored { headers: read_headers(&bytes), ..stored(&subject, HeaderMap::new()) };
            if let Some(reason) = fault(&names(), &astray) {
                prop_assert!(subject.is_empty() || bury(&names(), BUCKET, &astray, reason).is_some());
            }
            let _ = (place(&subject), ack_subject(&subject, Seq(1), 1));
        }
    }
}
