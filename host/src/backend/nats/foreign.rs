//! Reads streams that are somebody else's, without a consumer and without a trace: not even a work queue notices; and publishes
//! where such a stream takes it. Used by `log`. Never changes a stream, acknowledges or deletes anything there.

use bytes::Bytes;

use super::api::{Failure, StreamInfo, stream_info};
use super::error::code;
use super::headers;
use super::history::{History, Start};
use super::publisher::{Outgoing, PublishError};
use super::session::Session;
use super::stored::Stored;
use crate::backend::{Error, ForeignMessage, ForeignPage, ForeignPut};
use crate::id::Seq;
use crate::message::Headers;

/// Bytes that are read at once, above the first message.
const BYTES: usize = 512 << 10;
/// A stream that is trimmed or replaced while it is read is read again so often.
const TRIES: usize = 4;

/// Messages of a stream on `filter`, behind `after`, at most `limit` and a few hundred KiB. None: there is no such stream.
///
/// # Errors
/// `Unavailable`: try again.
pub(super) async fn read(
    session: &Session,
    stream: &str,
    filter: &str,
    after: Seq,
    limit: usize,
) -> Result<Option<ForeignPage>, Error> {
    let Some(mut before) = info(session, stream).await? else { return Ok(None) };
    for _ in 0..TRIES {
        let mut page = head(&before, after);
        if page.complete || limit == 0 {
            return Ok(Some(page));
        }
        page.complete = fill(session, stream, filter, after, limit, &mut page.messages).await?;
        let Some(now) = info(session, stream).await? else { return Ok(None) };
        // Messages of two streams of one name do not mix, and what was trimmed before it was read must not go unseen.
        let is_same = before.created == now.created;
        let is_trimmed =
            now.state.first_seq > after.0.saturating_add(1) && now.state.first_seq != before.state.first_seq;
        if is_same && !is_trimmed {
            return Ok(Some(page));
        }
        before = now;
    }
    Err(Error::Unavailable { reason: format!("the stream {stream} changes faster than it can be read") })
}

/// Publishes a message where somebody else's stream takes it, and waits until it has.
///
/// # Errors
/// `Unavailable`, `Unknown`: try again with the same id. `TooLarge`: never.
pub(super) async fn put(
    session: &Session,
    subject: &str,
    id: &str,
    headers: &Headers,
    body: Bytes,
) -> Result<ForeignPut, Error> {
    let mut headers = headers::encode(headers);
    headers.insert(async_nats::header::NATS_MESSAGE_ID, id);
    match session.publisher.publish(Outgoing { subject: subject.into(), headers, body }).await {
        Ok(_) => Ok(ForeignPut::Stored),
        Err(PublishError::NoStream { .. }) => Ok(ForeignPut::NoStream),
        Err(error) => Err(error.into()),
    }
}

fn head(info: &StreamInfo, after: Seq) -> ForeignPage {
    let (first, last) = (Seq(info.state.first_seq.max(1)), Seq(info.state.last_seq));
    let created = info.created.clone().unwrap_or_default();
    ForeignPage { created, first, last, messages: Vec::new(), complete: last <= after }
}

/// True: there are no more.
async fn fill(
    session: &Session,
    stream: &str,
    filter: &str,
    after: Seq,
    limit: usize,
    messages: &mut Vec<ForeignMessage>,
) -> Result<bool, Error> {
    let history = History { session, stream: stream.into(), subject: filter.into() };
    let (mut after, mut bytes) = (after, 0);
    while messages.len() < limit && bytes < BYTES {
        let start = Start::At(Seq(after.0.saturating_add(1)));
        let page = history.page_within(start, limit - messages.len(), BYTES).await?;
        let Some(last) = page.last() else { return Ok(true) };
        after = last.seq;
        bytes += page.iter().map(|stored| stored.body.len()).sum::<usize>();
        messages.extend(page.into_iter().map(message));
    }
    Ok(false)
}

async fn info(session: &Session, stream: &str) -> Result<Option<StreamInfo>, Error> {
    match stream_info(session, stream).await {
        Ok(info) => Ok(Some(info)),
        Err(failure) if failure.is(code::STREAM_NOT_FOUND) => Ok(None),
        Err(failure) => Err(Failure::into(failure)),
    }
}

fn message(stored: Stored) -> ForeignMessage {
    let Stored { subject, seq, time, headers, body } = stored;
    ForeignMessage { seq, time, subject, headers: headers.map(|map| headers::decode(Some(&map))), body }
}
