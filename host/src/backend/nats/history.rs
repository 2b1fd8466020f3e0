//! Reads a stream's messages of one subject, in order. Pages come by direct get, which any copy of the stream answers, and one
//! that lags would hide messages; so the leader says first how far there are any, and takes each step that a page does not.
//! Used by `log` and `table`. Never misses what was stored before the call, and never trips over headers that the client cannot read.

use std::time::Duration;

use async_nats::client::Request;
use async_nats::{StatusCode, Subscriber};
use futures_util::StreamExt as _;
use serde::Serialize;

use super::api::{ask, stream_info};
use super::error::code;
use super::headers;
use super::session::Session;
use super::stored::{Raw, Stored};
use super::time;
use crate::backend::Error;
use crate::clock::Time;
use crate::id::Seq;

/// Messages of one page.
const PAGE_MESSAGES: usize = 256;
/// Bytes of one page; one message at least.
const PAGE_BYTES: usize = 4 << 20;
/// Tries of one question while a new stream's servers make their copies.
const TRIES_MAX: u32 = 10;
/// The pause between two of them.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a page's next message may take; after that the leader is asked.
const PAGE_WAIT: Duration = Duration::from_secs(2);

/// The position of the message that a page's answer follows.
const LAST_SEQUENCE: &str = "Nats-Last-Sequence";

/// Where to begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// At this position.
    At(Seq),
    /// With what was stored then or later.
    Since(Time),
}

/// The messages of one subject in one stream.
pub(super) struct History<'s> {
    pub(super) session: &'s Session,
    pub(super) stream: String,
    /// May hold wildcards.
    pub(super) subject: String,
}

/// What the API is asked for; the same for the leader and for a page.
#[derive(Serialize)]
struct Get<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_by_subj: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_by_subj: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_bytes: Option<usize>,
}

impl History<'_> {
    /// The messages from `start` on, at most `limit` and at most as many as make up a few pages' bytes. Fewer than
    /// `limit` does not mean that there are no more; none does.
    ///
    /// # Errors
    /// `Unavailable`: try again.
    pub(super) async fn page(&self, start: Start, limit: usize) -> Result<Vec<Stored>, Error> {
        self.page_within(start, limit, PAGE_BYTES).await
    }

    /// As [`History::page`], of so many bytes; one message at least.
    ///
    /// # Errors
    /// `Unavailable`: try again.
    pub(super) async fn page_within(&self, start: Start, limit: usize, bytes: usize) -> Result<Vec<Stored>, Error> {
        if limit <= 1 {
            return Ok(self.next(start).await?.into_iter().take(limit).collect());
        }
        let last = self.last().await?;
        let is_behind = |last: &Stored| match start {
            Start::At(first) => last.seq < first,
            Start::Since(since) => last.time < since,
        };
        if last.is_none_or(|last| is_behind(&last)) {
            return Ok(Vec::new());
        }
        let page = self.direct(start, limit.min(PAGE_MESSAGES), bytes).await;
        if page.is_empty() { Ok(self.next(start).await?.into_iter().collect()) } else { Ok(page) }
    }

    /// The first message from `start` on, from the leader.
    ///
    /// # Errors
    /// `Unavailable`: try again.
    pub(super) async fn next(&self, start: Start) -> Result<Option<Stored>, Error> {
        self.ask_leader(&Get { next_by_subj: Some(&self.subject), ..Get::from(start) }).await
    }

    /// The last message, from the leader.
    ///
    /// # Errors
    /// `Unavailable`: try again.
    pub(super) async fn last(&self) -> Result<Option<Stored>, Error> {
        self.ask_leader(&Get { last_by_subj: Some(&self.subject), ..Get::NOTHING }).await
    }

    async fn ask_leader(&self, get: &Get<'_>) -> Result<Option<Stored>, Error> {
        let mut tries = if self.session.is_replicated { TRIES_MAX } else { 1 };
        loop {
            let what = format!("STREAM.MSG.GET.{}", self.stream);
            tries -= 1;
            match ask::<Raw>(&self.session.jetstream, what, get).await {
                Ok(raw) => return raw.read().map(Some).ok_or_else(|| unreadable(&self.stream)),
                Err(failure) if failure.is(code::NO_MESSAGE) => return Ok(None),
                // A server that is to have a copy says so until it has made it.
                Err(failure) if failure.is(code::STREAM_NOT_FOUND) && tries > 0 => tokio::time::sleep(PAUSE).await,
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    /// As much of a page as comes, in order and without a gap; nothing if anything is wrong.
    async fn direct(&self, start: Start, count: usize, bytes: usize) -> Vec<Stored> {
        let get =
            Get { next_by_subj: Some(&self.subject), batch: Some(count), max_bytes: Some(bytes), ..Get::from(start) };
        let Ok(payload) = serde_json::to_vec(&get) else { return Vec::new() };
        let inbox = self.session.client.new_inbox();
        let Ok(mut answers) = self.session.client.subscribe(inbox.clone()).await else { return Vec::new() };
        let request = Request::new().inbox(inbox).payload(payload.into());
        let sent = self.session.jetstream.send_request(format!("DIRECT.GET.{}", self.stream), request).await;
        if sent.is_err() {
            return Vec::new();
        }
        let mut page: Vec<Stored> = Vec::new();
        while let Some((before, stored)) = next_of_page(&mut answers).await {
            if !continues(&page, before) {
                break;
            }
            page.push(stored);
        }
        page
    }
}

/// Whether the message whose answer names `before` is the page's next. An answer that got lost while the connection broke
/// would look like a message that was never there.
fn continues(page: &[Stored], before: Seq) -> bool {
    before == page.last().map_or(Seq(0), |last| last.seq)
}

/// The next message of a page, and the position of the one before it on this page, 0 for the first. None: its end, or it
/// breaks off.
async fn next_of_page(answers: &mut Subscriber) -> Option<(Seq, Stored)> {
    let answer = tokio::time::timeout(PAGE_WAIT, answers.next()).await.ok()??;
    let is_message = answer.status.is_none_or(|status| status == StatusCode::OK);
    let before = headers::of_server(answer.headers.as_ref()?, LAST_SEQUENCE)?.parse().ok()?;
    if is_message { Some((Seq(before), Stored::got(answer)?)) } else { None }
}

impl Get<'_> {
    const NOTHING: Self =
        Self { seq: None, start_time: None, next_by_subj: None, last_by_subj: None, batch: None, max_bytes: None };

    fn from(start: Start) -> Self {
        match start {
            Start::At(seq) => Self { seq: Some(seq.0.max(1)), ..Self::NOTHING },
            Start::Since(time) => Self { start_time: Some(time.to_string()), ..Self::NOTHING },
        }
    }
}

/// Whether nothing that was stored at `since` or later was trimmed from a stream.
///
/// # Errors
/// `Unavailable`: try again.
pub(super) async fn is_complete(session: &Session, stream: &str, since: Time) -> Result<bool, Error> {
    let state = stream_info(session, stream).await?.state;
    // What was trimmed is not younger than the first message that was kept; of an empty stream nobody knows.
    let is_older = || state.messages > 0 && time::read(&state.first_ts).is_some_and(|first| first < since);
    Ok(state.first_seq <= 1 || is_older())
}

fn unreadable(stream: &str) -> Error {
    Error::Unavailable { reason: format!("the server's answer about the stream {stream} cannot be read") }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::clock::Time;

    #[test]
    fn a_page_ends_where_an_answer_is_missing() {
        let at = |seq| Stored { subject: "s".into(), seq: Seq(seq), time: Time(0), headers: None, body: Bytes::new() };
        let page = [at(4), at(9)];
        assert!(continues(&[], Seq(0)) && continues(&page, Seq(9)));
        assert!(!continues(&[], Seq(4)) && !continues(&page, Seq(0)) && !continues(&page, Seq(11)));
    }
}
