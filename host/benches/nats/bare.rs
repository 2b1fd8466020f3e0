//! What lies below a host. The raw log: take a message, append the one that follows, acknowledge. The bare protocol adds
//! what makes it exactly once: the actor's record by compare-and-swap before the append, one turn at a time for each actor.
//! Both on the host's own client, without routing, handlers, limits or events.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::stream::{FuturesOrdered, FuturesUnordered, StreamExt as _};
use hydra::backend::nats::Nats;
use hydra::backend::{Backend, Delivery, Expect, Inbox, NewMessage, Put};
use hydra::config::Config;
use hydra::id::{ActorId, BucketId, Cursor, Epoch, Revision, Seq};
use hydra::names::MessageId;
use hydra::outbox::Entry;
use hydra::record::{self, Record};
use tokio_util::task::TaskTracker;

use crate::course::Course;
use crate::load::{Load, message};

/// Messages that are taken together.
const BATCH: usize = 512;
/// Batches of one bucket in work at once, so that an append never waits for the one before.
const BATCHES: usize = 4;
/// Messages of one bucket in work at once: as a host allows itself.
const WINDOW: usize = 4_096;
/// Bytes of an actor's state.
pub(crate) const STATE: Bytes = Bytes::from_static(&[7; 64]);

/// The raw log.
pub(crate) async fn raw(nats: Nats, load: Load, course: Arc<Course>) {
    each_bucket(&nats, course, |backend, _, inbox, course| pass_on(backend, inbox, load, course)).await;
}

/// The bare protocol.
pub(crate) async fn protocol(nats: Nats, load: Load, course: Arc<Course>) {
    each_bucket(&nats, course, |backend, bucket, inbox, course| take_turns(backend, bucket, inbox, load, course)).await;
}

/// Runs one task for each bucket until all turns are done.
async fn each_bucket<F: Future<Output = ()> + Send + 'static>(
    nats: &Nats,
    course: Arc<Course>,
    work: impl Fn(Backend, BucketId, Box<dyn Inbox>, Arc<Course>) -> F,
) {
    let (backend, tasks) = (nats.backend(), TaskTracker::new());
    for bucket in backend.log.buckets() {
        let mut inbox = backend.log.inbox(bucket, Epoch(1)).await.unwrap();
        inbox.settle().await.unwrap();
        let (reached, work) = (course.reached.clone(), work(backend.clone(), bucket, inbox, course.clone()));
        tasks.spawn(async move { reached.run_until_cancelled(work).await });
    }
    tasks.close();
    tasks.wait().await;
}

async fn pass_on(backend: Backend, mut inbox: Box<dyn Inbox>, load: Load, course: Arc<Course>) {
    let mut appending = FuturesOrdered::new();
    loop {
        // Dropping a wait is safe: `next` loses nothing, and appends go on when they are looked at again.
        tokio::select! {
            biased;
            Some((turns, last)) = appending.next() => {
                inbox.ack(last).await.unwrap();
                course.done(turns);
            }
            first = inbox.next(), if appending.len() < BATCHES => {
                course.begin();
                let batch = ready(first.unwrap(), &mut inbox);
                let last = batch.last().map_or(Seq(0), |delivery| delivery.seq);
                let out: Vec<NewMessage> = batch.iter().filter_map(|delivery| following(delivery, load)).collect();
                let log = backend.log.clone();
                appending.push_back(async move {
                    if !out.is_empty() {
                        log.append(out).await.unwrap();
                    }
                    (batch.len(), last)
                });
            }
        }
    }
}

/// A message and all that can be had without waiting.
fn ready(first: Delivery, inbox: &mut Box<dyn Inbox>) -> Vec<Delivery> {
    let mut batch = vec![first];
    while batch.len() < BATCH {
        let Some(next) = inbox.next().now_or_never() else { break };
        batch.push(next.unwrap());
    }
    batch
}

fn following(delivery: &Delivery, load: Load) -> Option<NewMessage> {
    let (to, body) = load.follower(&delivery.to, &delivery.body)?;
    let id = MessageId::stored(&format!("{}-{}-{}", delivery.to.id(), delivery.seq.0, body[0]));
    Some(NewMessage::to_inbox(message(id, to, Some(delivery.to.clone()), body), delivery.committed))
}

/// What one actor has in memory.
#[derive(Default)]
struct Mailbox {
    waiting: VecDeque<Delivery>,
    revision: Option<Revision>,
    busy: bool,
}

async fn take_turns(backend: Backend, bucket: BucketId, mut inbox: Box<dyn Inbox>, load: Load, course: Arc<Course>) {
    let (mut mailboxes, mut turns) = (HashMap::<ActorId, Mailbox>::new(), FuturesUnordered::new());
    let (mut unfinished, mut last, mut since_ack) = (BTreeSet::new(), Seq(0), 0);
    // As many as a host commits together.
    let most = Config::default().node.activation_messages_max;
    loop {
        let mut touched = Vec::new();
        // Dropping a wait is safe: `next` loses nothing, and turns go on when they are looked at again.
        tokio::select! {
            biased;
            Some(turn) = turns.next() => {
                let Turn { actor, revision, done } = turn;
                course.done(done.len());
                since_ack += done.len();
                for seq in done {
                    unfinished.remove(&seq);
                }
                let mailbox = mailboxes.entry(actor.clone()).or_default();
                (mailbox.busy, mailbox.revision) = (false, Some(revision));
                touched.push(actor);
            }
            first = inbox.next(), if unfinished.len() < WINDOW => {
                course.begin();
                for delivery in ready(first.unwrap(), &mut inbox) {
                    last = delivery.seq;
                    unfinished.insert(last);
                    touched.push(delivery.to.clone());
                    mailboxes.entry(delivery.to.clone()).or_default().waiting.push_back(delivery);
                }
            }
        }
        if since_ack >= BATCH || unfinished.is_empty() {
            inbox.ack(unfinished.first().map_or(last, |first: &Seq| first.before())).await.unwrap();
            since_ack = 0;
        }
        for actor in touched {
            let mailbox = mailboxes.entry(actor.clone()).or_default();
            if !mailbox.busy && !mailbox.waiting.is_empty() {
                mailbox.busy = true;
                let count = mailbox.waiting.len().min(most);
                let batch = mailbox.waiting.drain(..count).collect();
                turns.push(take_turn(backend.clone(), bucket, actor, mailbox.revision, batch, load));
            }
        }
    }
}

/// What was done of one actor's messages.
struct Turn {
    actor: ActorId,
    revision: Revision,
    done: Vec<Seq>,
}

/// The waiting messages of one actor: the record, then what follows.
async fn take_turn(
    backend: Backend,
    bucket: BucketId,
    actor: ActorId,
    revision: Option<Revision>,
    batch: Vec<Delivery>,
    load: Load,
) -> Turn {
    let seqs: Vec<Seq> = batch.iter().map(|delivery| delivery.seq).collect();
    let cursor = Cursor { bucket, seq: seqs[seqs.len() - 1] };
    let committed = backend.log.now().unwrap();
    let out: Vec<NewMessage> = batch.iter().filter_map(|delivery| following(delivery, load)).collect();
    let entry = |message: &NewMessage| {
        Entry::send(crate::hosted::sending(&message.to, message.body.clone()), &message.to, None)
    };
    let outbox = out.iter().map(entry).collect();
    let record = Record { state: Some(STATE), cursor: Some(cursor), committed, outbox, ..Record::default() };
    let (value, headers) = record.encode();
    let expect = revision.map_or(Expect::Absent, Expect::Revision);
    let put = backend.actors.put(&record::key(&actor), value, headers, expect, None).await.unwrap();
    let Put::Written(revision) = put else { unreachable!("nobody else writes this record") };
    if !out.is_empty() {
        backend.log.append(out).await.unwrap();
    }
    Turn { actor, revision, done: seqs }
}
