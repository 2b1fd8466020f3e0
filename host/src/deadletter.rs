//! Dead letters: messages that could not be handled, kept for a human with the reason.
//! Written by `commit` when it hands over an outbox; listed, replayed and dropped from the edges.
//! Never decides that a message is one: `failure` does.

use std::collections::HashSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::backend::{Backend, Delivery, Error, NewMessage, Queue};
use crate::client::{self, Client, REPLAY_KEY, Request};
use crate::clock::Time;
use crate::id::{ActorId, BucketId, Cursor, Kind, Seq};
use crate::message::{Headers, Message, body, header};
use crate::names::{ANSWER, MessageId};
use crate::outbox::Entry;

/// Dead letters read at once.
const PAGE: usize = 256;

/// One dead letter, without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its name: the place in the log where the message stood, for example `3a.1:17`.
    pub id: String,
    /// Position among the dead letters: where the next page begins.
    pub seq: Seq,
    /// Whose message it was.
    pub actor: ActorId,
    /// The message's id.
    pub message: String,
    /// The message's subject, as far as it had one.
    pub subject: String,
    /// The sending actor.
    pub sender: Option<String>,
    /// When it became a dead letter.
    pub time: Time,
    /// A stable word: `refused`, `failed`, `trap`, `cpu-limit`, `denied`, `unknown-kind`, `malformed`, `skipped`, …
    pub reason: String,
    /// For people.
    pub text: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The guest's stack, if it broke.
    pub backtrace: String,
    /// Size of the body in bytes.
    pub body_bytes: usize,
}

/// What the body of a stored dead letter holds. Its headers may be anything, so they travel in here.
#[derive(Debug, Serialize, Deserialize)]
struct Frame {
    message: MessageId,
    headers: Headers,
    #[serde(with = "body")]
    body: Bytes,
    reason: String,
    text: String,
    attempts: u32,
    backtrace: String,
}

/// The stored form of a message that an outbox moves to the dead letters. Its id is its origin: equal on every copy.
pub(crate) fn bury(bucket: BucketId, delivery: &Delivery, committed: Time, entry: &Entry) -> Option<NewMessage> {
    let Entry::DeadLetter { reason, attempts, backtrace, .. } = entry else { return None };
    let frame = Frame {
        message: delivery.id.clone(),
        headers: delivery.headers.clone(),
        body: delivery.body.clone(),
        reason: reason.code.clone(),
        text: reason.text.clone(),
        attempts: *attempts,
        backtrace: backtrace.clone(),
    };
    Some(NewMessage {
        queue: Queue::DeadLetters,
        to: delivery.to.clone(),
        id: MessageId::of_log(Cursor { bucket, seq: delivery.seq }),
        committed: Some(committed),
        headers: Headers::default(),
        body: rmp_serde::to_vec_named(&frame).unwrap_or_default().into(),
    })
}

/// A dead letter that no actor's owner has written: the store found a message that is no actor's, and moved it as it was.
fn moved_by_the_store(delivery: &Delivery, reason: &str) -> Frame {
    let (code, text) = reason.split_once(": ").unwrap_or((reason, ""));
    let headers = delivery.headers.0.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(header::REASON));
    Frame {
        message: delivery.id.clone(),
        headers: Headers(headers.cloned().collect()),
        body: delivery.body.clone(),
        reason: code.into(),
        text: text.into(),
        attempts: 0,
        backtrace: String::new(),
    }
}

fn read(delivery: &Delivery) -> Result<(DeadLetter, Frame), Error> {
    let frame = match delivery.headers.get(header::REASON) {
        Some(reason) => moved_by_the_store(delivery, reason),
        None => rmp_serde::from_slice(&delivery.body)
            .map_err(|error| Error::Damaged { reason: format!("dead letter {}: {error}", delivery.id) })?,
    };
    let letter = DeadLetter {
        id: delivery.id.to_string(),
        seq: delivery.seq,
        actor: delivery.to.clone(),
        message: frame.message.to_string(),
        subject: frame.headers.get(header::SUBJECT).unwrap_or_default().into(),
        sender: frame.headers.get(header::SENDER).map(Into::into),
        time: delivery.time,
        reason: frame.reason.clone(),
        text: frame.text.clone(),
        attempts: frame.attempts,
        backtrace: frame.backtrace.clone(),
        body_bytes: frame.body.len(),
    };
    Ok((letter, frame))
}

/// Dead letters behind `after`, oldest first, at most `limit`; of one kind if given. One that is stored twice, as a crash
/// between storing it and noting so can leave it, is told once.
///
/// # Errors
/// The store's.
pub async fn list(backend: &Backend, kind: Option<&Kind>, after: Seq, limit: usize) -> Result<Vec<DeadLetter>, Error> {
    let (mut letters, mut told, mut after) = (Vec::new(), HashSet::new(), after);
    while letters.len() < limit {
        let page = backend.log.read(Queue::DeadLetters, None, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for delivery in page.iter().filter(|delivery| kind.is_none_or(|kind| delivery.to.kind() == kind)) {
            if told.insert(delivery.id.clone()) {
                letters.push(read(delivery)?.0);
            }
        }
    }
    letters.truncate(limit);
    Ok(letters)
}

/// One dead letter and its message's body.
///
/// # Errors
/// The store's.
pub async fn show(backend: &Backend, id: &str) -> Result<Option<(DeadLetter, Bytes)>, Error> {
    let found = find(backend, id).await?;
    Ok(found.map(|(letter, frame)| (letter, frame.body)))
}

/// Puts the message into its actor's mailbox again, as a new message, and drops the dead letter. None: no such one.
/// The new message is keyed by the dead letter: replaying twice, also after a crash, is one effect.
///
/// # Errors
/// The client's.
pub async fn replay(backend: &Backend, client: &Client, id: &str) -> Result<Option<String>, client::Error> {
    let Some((letter, frame)) = find(backend, id).await? else { return Ok(None) };
    let message = Message::from_log(frame.message, letter.actor.clone(), &frame.headers, frame.body)?;
    if message.subject.as_str().split_once(':').is_some_and(|(first, _)| first == ANSWER) {
        return Err(client::Error::Ended);
    }
    let actor = letter.actor.clone();
    let request = Request {
        to: letter.actor,
        subject: message.subject,
        headers: message.headers,
        body: message.body,
        key: Some(format!("{REPLAY_KEY}{}", letter.id)),
        trace: message.trace,
    };
    let sent = client.replay(request, message.sender).await?;
    remove(backend, &actor, id).await?;
    Ok(Some(sent.to_string()))
}

/// Forgets a dead letter. False: no such one.
///
/// # Errors
/// The store's.
pub async fn drop(backend: &Backend, id: &str) -> Result<bool, Error> {
    match find(backend, id).await? {
        Some((letter, _)) => remove(backend, &letter.actor, id).await,
        None => Ok(false),
    }
}

/// Removes all copies of one dead letter.
async fn remove(backend: &Backend, actor: &ActorId, id: &str) -> Result<bool, Error> {
    let (mut after, mut removed) = (Seq(0), false);
    loop {
        let page = backend.log.read(Queue::DeadLetters, Some(actor), after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(removed) };
        after = last.seq;
        for copy in page.iter().filter(|delivery| delivery.id.as_str() == id) {
            removed |= backend.log.remove_dead_letter(copy.seq).await?;
        }
    }
}

async fn find(backend: &Backend, id: &str) -> Result<Option<(DeadLetter, Frame)>, Error> {
    let mut after = Seq(0);
    loop {
        let page = backend.log.read(Queue::DeadLetters, None, after, PAGE).await?;
        if let Some(delivery) = page.iter().find(|delivery| delivery.id.as_str() == id) {
            return read(delivery).map(Some);
        }
        let Some(last) = page.last() else { return Ok(None) };
        after = last.seq;
    }
}
