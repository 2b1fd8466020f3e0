//! The seam's `Log` on streams of NATS: which stream and subject everything goes to; the work is done beside it.
//! Called by the host through the seam. Never writes to a subject that `names` did not make.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use serde_json::json;

use super::api::{Failure, ask, must_know};
use super::error::{refused, unanswered};
use super::foreign;
use super::frame;
use super::history::{History, Start, is_complete};
use super::inbox::{self, Openings};
use super::map;
use super::notices::Notices;
use super::publisher::{Ack, Outgoing, PublishError};
use super::session::Session;
use super::stored::{self, Stored, delivery, message_id};
use super::time::ServerTime;
use crate::backend::bounds::check_messages;
use crate::backend::{
    self, Appended, Delivery, Error, Follow, ForeignPage, ForeignPut, Inbox, Log, NewMessage, Notice, Queue, Standing,
};
use crate::clock::Time;
use crate::id::{ActorId, BucketId, Epoch, Seq};
use crate::message::Headers;
use crate::names::MessageId;

/// Tries of one message while a copy of it is on its way.
const ASKS_MAX: u32 = 12;
/// The pause before a try is this, times its number.
const PAUSE: Duration = Duration::from_millis(2);
/// Messages that a look-up reads at once.
const LOOK_UP_PAGE: usize = 256;

/// The streams of one system in one region.
pub(super) struct Streams {
    session: Session,
    time: ServerTime,
    notices: Notices,
    openings: Arc<Openings>,
}

impl Streams {
    /// # Errors
    /// `Unavailable`: the server does not tell the time.
    pub(super) async fn start(session: &Session) -> Result<Self, Error> {
        let (time, notices) = (ServerTime::start(session).await?, Notices::start(session).await?);
        Ok(Self { session: session.clone(), time, notices, openings: Arc::default() })
    }

    fn known(&self, bucket: BucketId) -> Result<(), Error> {
        let is_known = bucket.number < self.session.buckets && bucket.incarnation == self.session.incarnation;
        if is_known { self.session.check() } else { Err(Error::Closed) }
    }

    /// The messages of an actor in its mailbox.
    fn mailbox(&self, actor: &ActorId) -> History<'_> {
        let (stream, subject) = place(&self.session, Queue::Inbox, actor);
        History { session: &self.session, stream, subject }
    }

    fn queue(&self, queue: Queue, actor: Option<&ActorId>) -> Option<History<'_>> {
        let (stream, subject) = match (queue, actor) {
            (_, Some(actor)) => place(&self.session, queue, actor),
            (Queue::DeadLetters, None) => (self.session.names.dead_letter_stream(), self.session.names.dead_letters()),
            (Queue::Inbox | Queue::Parked, None) => return None,
        };
        Some(History { session: &self.session, stream, subject })
    }

    /// What the host sees of a stored message; none if no host has written it.
    fn delivery(&self, queue: Queue, stored: Stored) -> Option<Delivery> {
        let names = &self.session.names;
        let to = match queue {
            Queue::Inbox => names.receiver(&stored.subject),
            Queue::DeadLetters => names.dead_letter_of(&stored.subject),
            Queue::Parked => names.parked_of(&stored.subject),
        }?;
        let bucket = bucket_of(&self.session, &to);
        Some(delivery(to, bucket, stored))
    }
}

fn bucket_of(session: &Session, actor: &ActorId) -> BucketId {
    session.bucket(actor.slot().bucket_number(session.buckets))
}

/// The stream and the subject of an actor's messages.
fn place(session: &Session, queue: Queue, actor: &ActorId) -> (String, String) {
    let names = &session.names;
    match queue {
        Queue::Inbox => (names.bucket_stream(bucket_of(session, actor)), names.message(actor)),
        Queue::DeadLetters => (names.dead_letter_stream(), names.dead_letter(actor)),
        Queue::Parked => (names.parked_stream(), names.parked(actor)),
    }
}

/// Stores messages: all on the wire in their order, then all acks.
///
/// # Errors
/// As [`Log::append`].
pub(super) async fn append(session: &Session, messages: Vec<NewMessage>) -> Result<Vec<Appended>, Error> {
    check_messages(&messages)?;
    let limit = session.client.max_payload();
    let mut outgoing = Vec::with_capacity(messages.len());
    for message in messages {
        let (stream, subject) = place(session, message.queue, &message.to);
        let (headers, body) = stored::pack(message)?;
        let size = frame::wire_bytes(&headers) + body.len();
        if size > limit {
            return Err(Error::TooLarge { what: "the message with its headers", size, limit });
        }
        outgoing.push((stream, Outgoing { subject, headers, body }));
    }
    let mut submitted = Vec::with_capacity(outgoing.len());
    for (stream, outgoing) in outgoing {
        // Only several servers ask for it again.
        let again = session.is_replicated.then(|| outgoing.clone());
        submitted.push((session.publisher.submit(outgoing).await, stream, again));
    }
    let mut appended = Vec::with_capacity(submitted.len());
    let mut failed = None;
    for (submitted, stream, again) in submitted {
        let ack = match submitted {
            Ok(submitted) => submitted.ack().await,
            Err(error) => Err(error),
        };
        match settled(session, again, ack).await {
            Ok(ack) => appended.push(Appended { seq: Seq(ack.seq), duplicate: ack.duplicate }),
            Err(error) => {
                let error = explain(error, &stream);
                // That one is not stored says nothing about the others.
                if failed.is_none() || matches!(error, Error::Unknown { .. }) {
                    failed = Some(error);
                }
            }
        }
    }
    match failed {
        None => Ok(appended),
        Some(Error::Unavailable { reason }) if !appended.is_empty() => Err(Error::Unknown { reason }),
        Some(error) => Err(error),
    }
}

/// Of several servers, the leader may not know yet what becomes of a message's copy: it is asked until it does.
async fn settled(
    session: &Session,
    again: Option<Outgoing>,
    first: Result<Ack, PublishError>,
) -> Result<Ack, PublishError> {
    let (Some(again), Err(PublishError::CopyOnItsWay)) = (again, &first) else { return first };
    let mut ack = first;
    for number in 1..=ASKS_MAX {
        tokio::time::sleep(PAUSE * number).await;
        ack = session.publisher.publish(again.clone()).await;
        if ack != Err(PublishError::CopyOnItsWay) {
            break;
        }
    }
    ack
}

fn explain(error: PublishError, stream: &str) -> Error {
    match error {
        PublishError::NoStream { .. } => Error::Unavailable {
            reason: format!(
                "the stream {stream} does not answer: it has no leader now, or somebody has deleted it: run hydra doctor"
            ),
        },
        PublishError::Refused { code, text } => refused(code, &format!("{stream}: {text}")),
        other => other.into(),
    }
}

#[async_trait]
impl Log for Streams {
    fn now(&self) -> Result<Time, Error> {
        self.session.check()?;
        self.time.now()
    }

    fn buckets(&self) -> Vec<BucketId> {
        (0..self.session.buckets).map(|number| self.session.bucket(number)).collect()
    }

    fn bucket_of(&self, actor: &ActorId) -> BucketId {
        bucket_of(&self.session, actor)
    }

    async fn begin_incarnation(&self, incarnation: u32) -> Result<(), Error> {
        self.session.check()?;
        map::begin_incarnation(&self.session, incarnation).await
    }

    async fn standing(&self, bucket: BucketId) -> Result<Standing, Error> {
        self.known(bucket)?;
        let stream = self.session.names.bucket_stream(bucket);
        let floor = inbox::floor(&self.session, &stream).await?;
        let history = History { session: &self.session, stream, subject: ">".into() };
        let first = history.next(Start::At(Seq(floor.0 + 1))).await?;
        let (waiting, since) = first.map(|stored| (stored.seq, stored.time)).unzip();
        Ok(Standing { floor, waiting, since })
    }

    async fn append(&self, messages: Vec<NewMessage>) -> Result<Vec<Appended>, Error> {
        self.session.check()?;
        append(&self.session, messages).await
    }

    async fn inbox(&self, bucket: BucketId, epoch: Epoch) -> Result<Box<dyn Inbox>, Error> {
        self.known(bucket)?;
        Ok(Box::new(inbox::open(&self.session, Arc::clone(&self.openings), bucket, epoch).await?))
    }

    async fn read(
        &self,
        queue: Queue,
        actor: Option<&ActorId>,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        self.session.check()?;
        let Some(history) = self.queue(queue, actor) else { return Ok(Vec::new()) };
        let (mut read, mut position) = (Vec::new(), after);
        while read.len() < limit {
            let start = Start::At(Seq(position.0.saturating_add(1)));
            let page = history.page(start, limit - read.len()).await?;
            let Some(last) = page.last() else { break };
            position = last.seq;
            read.extend(page.into_iter().filter_map(|stored| self.delivery(queue, stored)));
        }
        Ok(read)
    }

    async fn remove_dead_letter(&self, seq: Seq) -> Result<bool, Error> {
        self.session.check()?;
        stored::remove(&self.session, &self.session.names.dead_letter_stream(), seq).await
    }

    async fn trim_parked(&self, actor: &ActorId, up_to: Seq) -> Result<(), Error> {
        self.session.check()?;
        let (stream, subject) = place(&self.session, Queue::Parked, actor);
        let purge = json!({ "filter": subject, "seq": up_to.0.saturating_add(1) });
        let purged = ask::<serde::de::IgnoredAny>(&self.session.jetstream, format!("STREAM.PURGE.{stream}"), &purge);
        purged.await.map(drop).map_err(Failure::into)
    }

    async fn parked_actors(&self, bucket: BucketId) -> Result<Vec<ActorId>, Error> {
        self.known(bucket)?;
        let names = &self.session.names;
        let failed = |error: &dyn std::fmt::Display| unanswered("list parked actors", error);
        let stream = self.session.jetstream.get_stream_no_info(names.parked_stream()).await;
        let subjects = stream.map_err(|error| failed(&error))?.info_with_subjects(names.all_parked()).await;
        let mut subjects = subjects.map_err(|error| failed(&error))?;
        must_know(&subjects.info)?;
        let mut actors = Vec::new();
        while let Some((subject, _)) = subjects.try_next().await.map_err(|error| failed(&error))? {
            actors.extend(names.parked_of(&subject).filter(|actor| self.bucket_of(actor) == bucket));
        }
        Ok(actors)
    }

    async fn find(
        &self,
        actor: &ActorId,
        since: Time,
        before: Seq,
        ids: &[MessageId],
    ) -> Result<backend::History, Error> {
        self.session.check()?;
        let (history, bucket) = (self.mailbox(actor), self.bucket_of(actor));
        let (mut found, mut start): (Vec<(MessageId, Seq)>, _) = (Vec::new(), Start::Since(since));
        loop {
            let page = history.page(start, LOOK_UP_PAGE).await?;
            let Some(last) = page.last().map(|last| last.seq) else { break };
            for stored in page.iter().filter(|stored| stored.seq < before) {
                let id = message_id(stored.headers.as_ref(), bucket, stored.seq);
                if ids.contains(&id) && !found.iter().any(|(known, _)| *known == id) {
                    found.push((id, stored.seq));
                }
            }
            if last.0.saturating_add(1) >= before.0 {
                break;
            }
            start = Start::At(Seq(last.0 + 1));
        }
        // Asked last, so that a trim meanwhile counts.
        let complete = is_complete(&self.session, &history.stream, since).await?;
        Ok(backend::History { found, complete })
    }

    async fn read_foreign(
        &self,
        stream: &str,
        filter: &str,
        after: Seq,
        limit: usize,
    ) -> Result<Option<ForeignPage>, Error> {
        self.session.check()?;
        foreign::read(&self.session, stream, filter, after, limit).await
    }

    async fn put_foreign(&self, subject: &str, id: &str, headers: &Headers, body: Bytes) -> Result<ForeignPut, Error> {
        self.session.check()?;
        foreign::put(&self.session, subject, id, headers, body).await
    }

    fn notify(&self, notice: Notice) {
        self.notices.notify(notice);
    }

    fn is_followed(&self, channel: &str) -> bool {
        self.notices.is_followed(channel)
    }

    async fn follow(&self, prefix: &str) -> Result<Follow, Error> {
        self.session.check()?;
        self.notices.follow(prefix).await
    }
}
