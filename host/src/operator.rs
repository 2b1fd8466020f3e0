//! Applies what a human does to one actor: suspend, resume, skip, delete, set its state.
//! Each is a message in the actor's own mailbox, so there is no second writer of records; but it does not wait behind the
//! others, and the record remembers its position apart from theirs. Applied by `activation`, as a commit without a guest.

use std::collections::VecDeque;

use crate::activation::Activation;
use crate::backend::{Delivery, Error, Queue};
use crate::callers::{suspend, tell, tell_suspended};
use crate::clock::Time;
use crate::commit::{self, Committed, Draft, LoadError, Loaded};
use crate::id::{BucketId, Cursor, Seq};
use crate::keys;
use crate::late::Earlier;
use crate::message::{Answer, Message, Problem, Status};
use crate::operation::{NO_SUCH_ACTOR, NO_SUCH_TIMER, Operation, is_operation};
use crate::outbox::Entry;
use crate::parking;
use crate::record::{self, Record};
use crate::reply::Reply;
use crate::timer::{Heard, Waits};
use crate::turn::{self, Admission};

/// Messages read at once while looking for the one to skip.
const PAGE: usize = 16;

/// Applies an operation: at once, exactly once, whatever waits.
///
/// # Errors
/// `Closed`, `Damaged`: the bucket cannot go on.
pub(crate) async fn apply(activation: &Activation, delivery: Delivery) -> Result<(), Error> {
    let (bucket, actor) = (&activation.bucket, &activation.actor);
    let message = Message::from_log(delivery.id.clone(), actor.clone(), &delivery.headers, delivery.body.clone());
    let read = message.ok().and_then(|message| Operation::from_message(&message).map(|operation| (message, operation)));
    if let Some((message, operation)) = read {
        let mut goes_on = true;
        while goes_on {
            bucket.context.records.remove(actor);
            goes_on = match commit::load(bucket, actor).await {
                Ok(loaded) => !try_once(activation, &delivery, &message, &operation, loaded).await?,
                Err(LoadError::Store(error)) => return Err(error),
                Err(error) => {
                    let problem = Problem::new("record-unreadable", error.to_string());
                    tell_suspended(bucket, &delivery, &problem);
                    false
                }
            };
        }
    }
    bucket.done(std::iter::once(delivery.seq));
    Ok(())
}

/// False: the record was not as expected, try again.
async fn try_once(
    activation: &Activation,
    delivery: &Delivery,
    message: &Message,
    operation: &Operation,
    loaded: Loaded,
) -> Result<bool, Error> {
    let (bucket, actor) = (&activation.bucket, &activation.actor);
    let record = &loaded.record;
    match turn::admit(record.operator, record.committed, bucket.id, bucket.context.retired, delivery) {
        Admission::Behind | Admission::TailLost => return Ok(true),
        Admission::LookUp => {
            let earlier = Earlier::find(bucket, actor, vec![delivery]).await?;
            if earlier.has(delivery) || !earlier.would_know(bucket, delivery) {
                return Ok(true);
            }
        }
        Admission::Handle => {}
    }
    let stuck_at = match operation {
        Operation::Skip => first_waiting(activation, record, delivery.seq).await?,
        _ => None,
    };
    let mut draft = Draft::new(&loaded);
    let position = Cursor { bucket: bucket.id, seq: delivery.seq };
    let answer = decide(operation, message, &loaded, stuck_at.as_ref());
    draft.operate(position, |record| {
        if answer.status == Status::Done {
            change(record, operation, stuck_at.as_ref(), bucket.id, delivery.time);
        } else if loaded.revision.is_none() {
            // Remembered as refused, or a redelivery could act on an actor that began since; a tombstone goes by itself.
            record.status = record::Status::Deleted;
        }
    });
    if let Some(reply) = Reply::of(&delivery.headers) {
        draft.record.outbox.push(Entry::answer(&reply, answer, None));
    }
    let loaded = match commit::commit(bucket, actor, &loaded, draft).await? {
        Committed::Done(Some(loaded)) => loaded,
        // Done and handed over. The next one to look at this actor reads what has become of it.
        Committed::Done(None) => return bucket.check_claim().await.map(|()| true),
        Committed::Refused => return bucket.check_claim().await.map(|()| false),
        Committed::TooLarge(error) => {
            let problem = Problem::new("too-large", error.to_string());
            tell(bucket, delivery, &Answer::new(message.id.clone(), Status::Refused).with_problem(problem));
            return Ok(true);
        }
    };
    if let Some(stuck_at) = stuck_at.as_ref().filter(|_| record.parked.is_none()) {
        bucket.done(std::iter::once(stuck_at.seq));
    }
    match &loaded.record.status {
        record::Status::Suspended(problem) => suspend(bucket, actor, VecDeque::new(), problem),
        _ => bucket.mailboxes().resume(actor),
    }
    if loaded.record.parked.is_some() {
        bucket.mailboxes().park(actor);
    }
    if loaded.record.status == record::Status::Deleted {
        bucket.remember_tombstone(delivery.seq, actor.clone());
    }
    bucket.context.records.insert(actor.clone(), *loaded);
    Ok(true)
}

/// The answer to an operation: refused where there is nothing to act on.
fn decide(operation: &Operation, message: &Message, loaded: &Loaded, stuck_at: Option<&Delivery>) -> Answer {
    let refuse =
        |code, text: &str| Answer::new(message.id.clone(), Status::Refused).with_problem(Problem::new(code, text));
    let never_was = loaded.record.position().is_none() || loaded.record.status == record::Status::Deleted;
    match operation {
        Operation::Skip if stuck_at.is_none() => refuse("nothing-to-skip", "no message of this actor waits"),
        Operation::CancelTimer(name) if !loaded.record.waits.timers.iter().any(|timer| &timer.name == name) => {
            refuse(NO_SUCH_TIMER, "this actor has no timer of that name: hydra timer ls shows those there are")
        }
        Operation::Resume | Operation::Delete if never_was => {
            refuse(NO_SUCH_ACTOR, "this actor has no record: the first message creates it")
        }
        _ => Answer::new(message.id.clone(), Status::Done),
    }
}

fn change(record: &mut Record, operation: &Operation, stuck_at: Option<&Delivery>, bucket: BucketId, now: Time) {
    match operation {
        Operation::Suspend => {
            let problem = Problem::new("operator", "suspended by an operator: hydra actor resume");
            record.status = record::Status::Suspended(problem);
        }
        Operation::Resume => record.status = record::Status::Active,
        Operation::Delete => {
            record.state = None;
            record.status = record::Status::Deleted;
            record.waits = Waits::default();
        }
        Operation::CancelTimer(name) => drop(record.waits.cancel(name)),
        Operation::SetState(bytes) => {
            record.state = Some(bytes.clone());
            if record.status == record::Status::Deleted {
                record.status = record::Status::Active;
            }
        }
        Operation::Skip => {
            if let Some(stuck_at) = stuck_at {
                skip(record, stuck_at, bucket, now);
            }
        }
    }
}

/// The skipped message becomes a dead letter, and whoever waits for it is told. One that repeats another under its key gets
/// that one's answer, as it would in its turn: two dead letters could be replayed to two effects.
fn skip(record: &mut Record, stuck_at: &Delivery, bucket: BucketId, now: Time) {
    let origin = Cursor { bucket, seq: stuck_at.seq };
    match &mut record.parked {
        Some(parked) => parked.pass(origin),
        None => record.cursor = Some(origin),
    }
    let Delivery { seq, id, to, headers, body, time, .. } = stuck_at;
    if let Some(rest) = Heard::of(&record.waits, headers, body, *time).rest() {
        record.waits = rest.clone();
    }
    let message = Message::from_log(id.clone(), to.clone(), headers, body.clone()).ok();
    let kept = message.as_ref().and_then(|message| keys::answer_kept(&record.keys, message, now));
    let is_new = kept.is_none();
    let answer = kept.filter(|answer| answer.status != Status::KeyReused).unwrap_or_else(|| {
        let reason = Problem::new("skipped", "skipped by an operator");
        let mut answer = Answer::new(id.clone(), Status::HandlerFailed).with_problem(reason.clone());
        answer.dead_letter = Some(origin.to_string());
        if let Some(message) = message.filter(|_| is_new) {
            keys::remember(&mut record.keys, &message, Some(&answer), now);
        }
        record.outbox.push(Entry::DeadLetter { seq: *seq, reason, attempts: 0, backtrace: String::new() });
        answer
    });
    record.outbox.extend(Reply::of(headers).map(|reply| Entry::answer(&reply, answer, None)));
}

/// The first message behind the cursor and before an operation that is not an operation itself.
async fn first_waiting(activation: &Activation, record: &Record, before: Seq) -> Result<Option<Delivery>, Error> {
    let (bucket, actor) = (&activation.bucket, &activation.actor);
    if let Some(parked) = record.parked {
        let page = parking::read(bucket, actor, Seq(0)).await?;
        let mut waiting = page.into_iter().map(|parked| parked.delivery);
        return Ok(waiting.find(|delivery| delivery.seq > parked.position.seq));
    }
    let log = &bucket.context.backend.log;
    let mut after = record.cursor.map_or(bucket.floor(), |cursor| cursor.seq.max(bucket.floor()));
    loop {
        let page = bucket.patiently("messages", || log.read(Queue::Inbox, Some(actor), after, PAGE)).await?;
        let Some(last) = page.last() else { return Ok(None) };
        after = last.seq;
        let found = page.into_iter().find(|delivery| !is_operation(&delivery.headers) || delivery.seq >= before);
        if found.is_some() {
            return Ok(found.filter(|delivery| delivery.seq < before));
        }
    }
}
