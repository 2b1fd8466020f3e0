//! The parked queue: messages of actors that are suspended, wait long or lag behind, moved out of the bucket's way.
//! Filled by `commit` when it hands over an outbox, read by `activation` and `operator`. A message keeps the name of the
//! place where it stood in the log; a copy of it in the queue is known by that.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::backend::{Delivery, Error, NewMessage, Queue};
use crate::bucket::Bucket;
use crate::clock::Time;
use crate::crash::{self, Step};
use crate::id::{ActorId, BucketId, Cursor, Seq};
use crate::mailbox::Waiting;
use crate::message::{Headers, body};
use crate::names::MessageId;

/// Messages that one actor may have parked; more become dead letters.
pub(crate) const PARKED_MAX: u32 = 10_000;
/// Messages read at once.
pub(crate) const PAGE: usize = 64;

/// What the body of a parked message holds. Its headers may be anything, so they travel in here.
#[derive(Debug, Serialize, Deserialize)]
struct Frame {
    message: MessageId,
    /// When the log stored it.
    accepted: Time,
    headers: Headers,
    #[serde(with = "body")]
    body: Bytes,
}

/// A message of the queue.
pub(crate) struct Parked {
    /// Where it stands in the queue.
    pub(crate) seq: Seq,
    /// As it stood in the log, and where.
    pub(crate) delivery: Delivery,
}

/// Moves messages of one actor from the log behind those that are parked, in order. Repeating it does no harm.
///
/// # Errors
/// `Error::Closed` and `Error::Damaged`: the bucket cannot go on.
pub(crate) async fn park(bucket: &Bucket, actor: &ActorId, seqs: &[Seq], committed: Time) -> Result<(), Error> {
    let log = &bucket.context.backend.log;
    let (Some(first), Some(last)) = (seqs.first(), seqs.last()) else { return Ok(()) };
    let mut after = first.before();
    while after < *last {
        let page = bucket.patiently("messages", || log.read(Queue::Inbox, Some(actor), after, PAGE)).await?;
        // What is not there any more was moved by an earlier owner, and is above the floor no longer.
        let Some(read_up_to) = page.last().map(|delivery| delivery.seq) else { return Ok(()) };
        after = read_up_to;
        for delivery in page.into_iter().filter(|delivery| seqs.contains(&delivery.seq)) {
            let parked = vec![frame(bucket, delivery, committed)];
            // One at a time: of several the first could be lost and repeated behind the others.
            crash::at(Step::BeforePark);
            bucket.patiently("parked queue", || async { log.append(parked.clone()).await.map(drop) }).await?;
            crash::at(Step::Parked);
        }
    }
    Ok(())
}

fn frame(bucket: &Bucket, delivery: Delivery, committed: Time) -> NewMessage {
    let id = MessageId::of_log(Cursor { bucket: bucket.id, seq: delivery.seq });
    let Delivery { to, time: accepted, id: message, headers, body, .. } = delivery;
    let body = rmp_serde::to_vec_named(&Frame { message, accepted, headers, body }).unwrap_or_default().into();
    NewMessage { queue: Queue::Parked, to, id, committed: Some(committed), headers: Headers::default(), body }
}

/// An actor's parked messages behind a place in the queue, in order, at most [`PAGE`]. Copies of them stand among them,
/// and what was handled and not yet trimmed.
///
/// # Errors
/// `Error::Closed` and `Error::Damaged`: the bucket cannot go on.
pub(crate) async fn read(bucket: &Bucket, actor: &ActorId, after: Seq) -> Result<Vec<Parked>, Error> {
    let log = &bucket.context.backend.log;
    let page = bucket.patiently("parked queue", || log.read(Queue::Parked, Some(actor), after, PAGE)).await?;
    page.into_iter().map(|stored| open(bucket.id, stored)).collect()
}

/// Those that are still to be handled: a parked message's first copy stands behind those of all that came before it.
pub(crate) fn first_copies(page: Vec<Parked>, handled: Seq) -> VecDeque<Waiting> {
    let mut last = handled;
    let is_first = |parked: &Parked| {
        let is_later = parked.delivery.seq > last;
        last = last.max(parked.delivery.seq);
        is_later
    };
    let waiting = |Parked { seq, delivery }| Waiting { delivery, parked: Some(seq), memory: None };
    page.into_iter().filter(is_first).map(waiting).collect()
}

/// A message of the queue as it stood in its bucket.
///
/// # Errors
/// `Error::Damaged`: it does not read back, or comes from another bucket.
pub(crate) fn open(bucket: BucketId, stored: Delivery) -> Result<Parked, Error> {
    let damaged = || Error::Damaged { reason: format!("parked message {} cannot be read", stored.id) };
    let origin: Cursor = stored.id.as_str().parse().map_err(|_| damaged())?;
    if origin.bucket != bucket {
        return Err(damaged());
    }
    let Frame { message, accepted, headers, body } = rmp_serde::from_slice(&stored.body).map_err(|_| damaged())?;
    // Whether it is a late copy was decided when it was parked.
    let delivery = Delivery {
        to: stored.to.clone(),
        seq: origin.seq,
        time: accepted,
        id: message,
        committed: None,
        headers,
        body,
    };
    Ok(Parked { seq: stored.seq, delivery })
}

/// The message that stood at this place in the log: there, or parked.
///
/// # Errors
/// `Error::Closed` and `Error::Damaged`: the bucket cannot go on.
pub(crate) async fn find(bucket: &Bucket, actor: &ActorId, origin: Seq) -> Result<Option<Delivery>, Error> {
    let log = &bucket.context.backend.log;
    let found = bucket.patiently("message", || log.read(Queue::Inbox, Some(actor), origin.before(), 1)).await?;
    if let Some(delivery) = found.into_iter().find(|delivery| delivery.seq == origin) {
        return Ok(Some(delivery));
    }
    let mut after = Seq(0);
    loop {
        let page = read(bucket, actor, after).await?;
        let Some(last) = page.last() else { return Ok(None) };
        after = last.seq;
        if let Some(parked) = page.into_iter().find(|parked| parked.delivery.seq == origin) {
            return Ok(Some(parked.delivery));
        }
    }
}

/// Forgets an actor's parked messages up to this place in the queue.
///
/// # Errors
/// `Error::Closed` and `Error::Damaged`: the bucket cannot go on.
pub(crate) async fn trim(bucket: &Bucket, actor: &ActorId, up_to: Seq) -> Result<(), Error> {
    crash::at(Step::BeforeParkedTrim);
    bucket.patiently("parked queue", || bucket.context.backend.log.trim_parked(actor, up_to)).await
}
