//! What is to be done: messages that wait in mailboxes at the start, each followed by so many others, one by one.
//! A body's first byte says how many are still to follow.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use hydra::backend::NewMessage;
use hydra::backend::nats::Nats;
use hydra::id::ActorId;
use hydra::message::{Headers, Message};
use hydra::names::{MessageId, Subject};

/// How many messages follow each one that waits at the start, if turns send.
const FOLLOWERS: u64 = 19;
/// Messages of one append while filling.
const BATCH: usize = 500;
/// Appends at once while filling.
const FILLERS: usize = 8;

/// One row of the matrix.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Actors that messages go to, in turn.
    pub(crate) actors: u64,
    /// Messages that each turn sends.
    pub(crate) sends: u64,
    /// Bytes of a body.
    pub(crate) body: usize,
    /// Turns in all.
    pub(crate) turns: u64,
}

impl Load {
    /// Puts what waits at the start into the mailboxes.
    pub(crate) async fn fill(self, nats: &Nats) {
        let followers = if self.sends == 0 { 0 } else { FOLLOWERS };
        let seeds = self.turns / (followers + 1);
        assert_eq!(seeds * (followers + 1), self.turns, "turns are a multiple of {}", FOLLOWERS + 1);
        let mut body = vec![b'x'; self.body];
        body[0] = u8::try_from(followers).unwrap();
        let body = Bytes::from(body);
        let log = nats.backend().log;
        let messages = (0..seeds).map(|seed| {
            let to = self.actor(seed);
            let id = MessageId::stored(&format!("seed-{seed}"));
            NewMessage::to_inbox(message(id, to, None, body.clone()), None)
        });
        let batches: Vec<Vec<NewMessage>> =
            messages.collect::<Vec<_>>().chunks(BATCH).map(<[NewMessage]>::to_vec).collect();
        let filling = stream::iter(batches).map(|batch| log.append(batch)).buffer_unordered(FILLERS);
        filling.for_each(|appended| async { drop(appended.unwrap()) }).await;
    }

    fn actor(self, number: u64) -> ActorId {
        ActorId::parse(&format!("counter/{}", number % self.actors)).unwrap()
    }

    /// The body and receiver of what a message to `at` has follow, if anything.
    pub(crate) fn follower(self, at: &ActorId, body: &Bytes) -> Option<(ActorId, Bytes)> {
        let left = body[0].checked_sub(1)?;
        // A prime, so that neighbours do not send to neighbours, and every actor gets its share.
        let to = self.actor(at.id().parse::<u64>().unwrap() + 7_919);
        let mut next = body.to_vec();
        next[0] = left;
        Some((to, next.into()))
    }
}

/// A message to an actor, as a turn's outbox makes it.
pub(crate) fn message(id: MessageId, to: ActorId, sender: Option<ActorId>, body: Bytes) -> Message {
    let subject = Subject::new("add").unwrap();
    let (reply, deadline, key, trace) = (None, None, None, None);
    Message { id, to, sender, subject, headers: Headers::default(), body, reply, deadline, key, trace }
}
