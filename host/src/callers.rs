//! Whoever waits for a message's outcome, and is told something before there is one: best effort, without a commit.
//! Called by `inbox`, `activation` and `operator`. Outcomes themselves are part of the outbox.

use std::collections::VecDeque;

use crate::backend::{Delivery, Notice};
use crate::bucket::Bucket;
use crate::id::ActorId;
use crate::mailbox::Waiting;
use crate::message::{Answer, Problem, Status};
use crate::reply::Reply;

/// Leaves all messages of an actor that waits for a human in the log, and tells whoever waits for them.
pub(crate) fn suspend(bucket: &Bucket, actor: &ActorId, unhandled: VecDeque<Waiting>, problem: &Problem) {
    tracing::warn!(%actor, code = problem.code, "an actor is suspended");
    let left = bucket.mailboxes().suspend(actor, unhandled);
    left.iter().for_each(|delivery| tell_suspended(bucket, delivery, problem));
}

/// Tells whoever waits for a message that it waits itself, for a human. Best effort: the message is not done.
pub(crate) fn tell_suspended(bucket: &Bucket, delivery: &Delivery, problem: &Problem) {
    tell(bucket, delivery, &Answer::new(delivery.id.clone(), Status::Suspended).with_problem(problem.clone()));
}

/// Tells whoever waits for a message, without a commit: best effort. An actor is told nothing before there is an outcome:
/// its request has a time-out.
pub(crate) fn tell(bucket: &Bucket, delivery: &Delivery, answer: &Answer) {
    let Some(channel) = Reply::of(&delivery.headers).and_then(Reply::channel) else { return };
    let (headers, body) = answer.to_wire();
    bucket.context.backend.log.notify(Notice { channel, headers, body });
}
