//! The seam's `Table` on a NATS key-value bucket. A write is a publish that names the sequence it expects on the row's own
//! subject, so writes of many rows are on their way at once; the sequence that it gets is the row's revision.
//! A deleted or expired row leaves a marker for a while, which is no row. Never trusts a header of somebody else.

use std::sync::Mutex;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{DirectGetErrorKind, Stream};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

use super::api::must_know;
use super::error::unanswered;
use super::history::History;
use super::listing::{Collected, Listing};
use super::names::{Names, TableName};
use super::provision::MARKERS_KEPT;
use super::publisher::{Outgoing, PublishError};
use super::session::Session;
use super::{frame, headers, watch};
use crate::backend::bounds::check_row;
use crate::backend::{Entry, Error, Expect, Put, Table, Watch};
use crate::guard::lock;
use crate::id::Revision;
use crate::message::Headers;

/// The sequence that the row's subject must be at; 0: it was never written.
const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";
/// After so many seconds the server removes the message.
const EXPIRES: &str = "Nats-TTL";
/// The server's own marker of a row that expired or was purged.
const MARKER: &str = "Nats-Marker-Reason";
/// Tries of one write while the server cannot tell, or while markers come and go.
const TRIES_MAX: u32 = 12;
/// The pause between two tries is this, times their number.
const PAUSE: Duration = Duration::from_millis(2);
/// Rows that are read at once to tell rows from markers.
const READS_AT_ONCE: usize = 32;

/// One table.
pub(super) struct Rows {
    session: Session,
    table: TableName,
    stream: Stream<()>,
    /// What the last page of a long list has left over.
    listing: Mutex<Option<Listing>>,
}

/// What a row's subject holds.
struct Found {
    revision: Revision,
    /// None: a marker.
    entry: Option<Entry>,
}

impl Rows {
    pub(super) async fn new(session: &Session, table: TableName) -> Result<Self, Error> {
        let stream = session.jetstream.get_stream_no_info(session.names.table_stream(table)).await;
        let stream = stream.map_err(|error| unanswered("use a table", &error))?;
        Ok(Self { session: session.clone(), table, stream, listing: Mutex::default() })
    }

    fn jetstream(&self) -> &Context {
        &self.session.jetstream
    }

    fn subject(&self, key: &str) -> String {
        self.session.names.row(self.table, key)
    }

    /// What the row's subject holds now. Several servers may answer a direct get, one of them late: then the leader is asked.
    async fn latest(&self, key: &str, from_leader: bool) -> Result<Option<Found>, Error> {
        self.session.check()?;
        let subject = self.subject(key);
        if from_leader || self.session.is_replicated {
            // Not by the client's own call: of headers with one name it keeps the last only.
            let stream = self.session.names.table_stream(self.table);
            let history = History { session: &self.session, stream, subject };
            let Some(stored) = Box::pin(history.last()).await? else { return Ok(None) };
            let unreadable =
                || Error::Damaged { reason: format!("the row {key} has headers that no NATS client reads") };
            let headers = stored.headers.ok_or_else(unreadable)?;
            return found(Revision(stored.seq.0), &headers, stored.body).map(Some);
        }
        match self.stream.direct_get_last_for_subject(subject).await {
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(unanswered("read a row", &error)),
            Ok(message) => found(Revision(message.sequence), &message.headers, message.payload).map(Some),
        }
    }

    /// Publishes for a row until it is stored, refused or unknown.
    async fn write(&self, key: &str, headers: HeaderMap, body: Bytes, expect: Expect) -> Result<Put, Error> {
        self.session.check()?;
        let mut expected = match expect {
            Expect::Any => None,
            Expect::Absent => Some(0),
            Expect::Revision(revision) => Some(revision.0),
        };
        for number in 1..=TRIES_MAX {
            let mut headers = headers.clone();
            if let Some(sequence) = expected {
                headers::append(&mut headers, EXPECTED, &sequence.to_string());
            }
            let outgoing = Outgoing {
                subject: Names::to_row(self.session.domain.as_deref(), self.subject(key)),
                headers,
                body: body.clone(),
            };
            match self.session.publisher.publish(outgoing).await {
                Ok(ack) => return Ok(Put::Written(Revision(ack.seq))),
                Err(PublishError::NotExpected) if expect == Expect::Absent => {
                    expected = match Box::pin(self.latest(key, true)).await? {
                        Some(Found { entry: Some(_), .. }) => return Ok(Put::Refused),
                        // A claim over a marker expects the marker.
                        Some(Found { entry: None, revision }) => Some(revision.0),
                        None => Some(0),
                    };
                }
                Err(PublishError::NotExpected) => return Ok(Put::Refused),
                Err(PublishError::Undecided) => tokio::time::sleep(PAUSE * number).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Unavailable { reason: format!("the row {key} is being written by others: try again") })
    }

    /// The key, if there is a row and not a marker.
    async fn if_row(&self, key: String) -> Result<Option<String>, Error> {
        Ok(self.latest(&key, false).await?.and_then(|found| found.entry).map(|_| key))
    }

    /// Keys behind `after`, markers included.
    async fn listing(&self, prefix: &str, after: Option<&str>) -> Result<Listing, Error> {
        let unanswered = |error: &dyn std::fmt::Display| unanswered("list rows", error);
        let filter = self.subject(&watch::words_above(prefix));
        let mut subjects = self.stream.info_with_subjects(filter).await.map_err(|error| unanswered(&error))?;
        must_know(&subjects.info)?;
        let mut collected = Collected::default();
        while let Some((subject, _)) = subjects.try_next().await.map_err(|error| unanswered(&error))? {
            let Some(key) = self.session.names.key(self.table, &subject) else { continue };
            if key.starts_with(prefix) && after.is_none_or(|after| key > after) {
                collected.add(key);
            }
        }
        Ok(collected.listed(prefix, after, Instant::now()))
    }

    /// What the page before has left over, if this is the next one.
    fn left_over(&self, prefix: &str, after: Option<&str>) -> Option<Listing> {
        let mut kept = lock(&self.listing);
        if kept.as_ref()?.continues(prefix, after, Instant::now()) { kept.take() } else { None }
    }
}

/// Reads a stored message as a row.
fn found(revision: Revision, headers: &HeaderMap, body: Bytes) -> Result<Found, Error> {
    if is_marker(headers) {
        return Ok(Found { revision, entry: None });
    }
    let (headers, value) = frame::unpack(Some(headers), body)?;
    Ok(Found { revision, entry: Some(Entry { value, headers, revision }) })
}

/// Whether a message says that there is no row.
pub(super) fn is_marker(headers: &HeaderMap) -> bool {
    let deleted = headers.get(frame::OPERATION).is_some_and(|operation| ["DEL", "PURGE"].contains(&operation.as_str()));
    deleted || headers.get(MARKER).is_some()
}

/// Whole seconds, not fewer than asked for: the server knows no others.
fn seconds(span: Duration) -> u64 {
    span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0)).max(1)
}

#[async_trait]
impl Table for Rows {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        Ok(self.latest(key, false).await?.and_then(|found| found.entry))
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        headers: Headers,
        expect: Expect,
        expires_after: Option<Duration>,
    ) -> Result<Put, Error> {
        check_row(&value, &headers)?;
        let (mut headers, body) = frame::pack(&headers, value)?;
        if let Some(span) = expires_after {
            headers::append(&mut headers, EXPIRES, &seconds(span).to_string());
        }
        self.write(key, headers, body, expect).await
    }

    async fn delete(&self, key: &str, expect: Expect) -> Result<Put, Error> {
        let mut headers = HeaderMap::new();
        headers::append(&mut headers, frame::OPERATION, "DEL");
        headers::append(&mut headers, EXPIRES, &seconds(MARKERS_KEPT).to_string());
        self.write(key, headers, Bytes::new(), expect).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, Error> {
        self.session.check()?;
        let mut listed: Vec<String> = Vec::new();
        let mut listing = match self.left_over(prefix, after) {
            Some(listing) => listing,
            None => self.listing(prefix, after).await?,
        };
        while listed.len() < limit {
            let keys = listing.take(limit - listed.len());
            if keys.is_empty() && listing.is_complete() {
                break;
            }
            if keys.is_empty() {
                listing = self.listing(prefix, listing.after()).await?;
                continue;
            }
            let reads = futures_util::stream::iter(keys).map(|key| self.if_row(key));
            let rows: Vec<Option<String>> = reads.buffered(READS_AT_ONCE).try_collect().await?;
            listed.extend(rows.into_iter().flatten());
        }
        // Kept only for one who goes on where this page ends: behind its last row, not behind a marker.
        if listing.is_long() && listing.after() == listed.last().map(String::as_str) {
            lock(&self.listing).replace(listing);
        }
        Ok(listed)
    }

    async fn watch(&self, prefix: &str) -> Result<Watch, Error> {
        self.session.check()?;
        watch::start(&self.session, self.table, self.jetstream(), prefix).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_never_expires_before_it_was_asked_to() {
        let cases = [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (1_999, 2), (86_400_000, 86_400)];
        for (millis, expected) in cases {
            assert_eq!(seconds(Duration::from_millis(millis)), expected);
        }
        assert_eq!(seconds(Duration::MAX), u64::MAX);
    }

    #[test]
    fn deletions_and_expiries_are_no_rows() {
        let with = |name: &str, value: &str| {
            let mut map = HeaderMap::new();
            headers::append(&mut map, name, value);
            map
        };
        assert!(is_marker(&with("KV-Operation", "DEL")) && is_marker(&with("KV-Operation", "PURGE")));
        assert!(is_marker(&with("Nats-Marker-Reason", "MaxAge")));
        assert!(!is_marker(&with("KV-Operation", "PUT")) && !is_marker(&HeaderMap::new()));
    }
}
