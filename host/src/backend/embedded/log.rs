//! The seam's `Log` on SQLite: prepares messages, queues them for the writer, and reads on connections of its own.

use std::sync::Arc;

use async_trait::async_trait;

use super::inbox::Reader;
use super::parked;
use super::scan;
use super::schema;
use super::store::Store;
use super::stream::{self, Prepared, StreamNumber};
use crate::backend::bounds::check_messages;
use crate::backend::{Appended, Delivery, Error, Follow, History, Inbox, Log, NewMessage, Notice, Queue, Standing};
use crate::clock::Time;
use crate::id::{ActorId, BucketId, Epoch, Seq};
use crate::names::MessageId;

/// The streams of one store.
pub(super) struct Streams(pub(super) Arc<Store>);

#[async_trait]
impl Log for Streams {
    fn now(&self) -> Result<Time, Error> {
        Ok(self.0.clock.now())
    }

    fn buckets(&self) -> Vec<BucketId> {
        (0..self.0.buckets()).map(|number| self.0.bucket(number)).collect()
    }

    fn bucket_of(&self, actor: &ActorId) -> BucketId {
        self.0.bucket(actor.slot().bucket_number(self.0.buckets()))
    }

    async fn begin_incarnation(&self, incarnation: u32) -> Result<(), Error> {
        self.0.write(0, move |group| schema::begin_incarnation(group.connection, incarnation)).await
    }

    async fn standing(&self, bucket: BucketId) -> Result<Standing, Error> {
        let floor = self.0.tail(bucket)?.floor();
        let first = move |connection: &_| scan::page(connection, StreamNumber::of(bucket), floor, 1, usize::MAX);
        let first = self.0.readers.scan(first).await?.into_iter().next();
        let (waiting, since) = first.map(|delivery| (delivery.seq, delivery.time)).unzip();
        Ok(Standing { floor, waiting, since })
    }

    async fn append(&self, messages: Vec<NewMessage>) -> Result<Vec<Appended>, Error> {
        check_messages(&messages)?;
        let prepare = |message| Prepared::new(message, self.0.buckets());
        let prepared: Vec<_> = messages.into_iter().map(prepare).collect::<Result<_, _>>()?;
        let bytes = prepared.iter().map(Prepared::bytes).sum();
        self.0.write(bytes, move |group| stream::append(group, prepared)).await
    }

    async fn inbox(&self, bucket: BucketId, epoch: Epoch) -> Result<Box<dyn Inbox>, Error> {
        Ok(Box::new(Reader::open(Arc::clone(&self.0), bucket, epoch)?))
    }

    async fn read(
        &self,
        queue: Queue,
        actor: Option<&ActorId>,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        let stream = match (queue, actor) {
            (Queue::Inbox, Some(actor)) => StreamNumber::of(self.bucket_of(actor)),
            (Queue::Parked, Some(actor)) => {
                let actor = actor.clone();
                let read = move |connection: &_| parked::page(connection, &actor, after, limit);
                return self.0.readers.scan(read).await;
            }
            (Queue::Inbox | Queue::Parked, None) => return Ok(Vec::new()),
            (Queue::DeadLetters, _) => StreamNumber::DEAD_LETTERS,
        };
        let actor = actor.cloned();
        let read = move |connection: &_| match actor {
            Some(actor) => scan::page_of_actor(connection, stream, &actor, after, limit),
            None => scan::page(connection, stream, after, limit, usize::MAX),
        };
        self.0.readers.scan(read).await
    }

    async fn remove_dead_letter(&self, seq: Seq) -> Result<bool, Error> {
        self.0.write(0, move |group| stream::remove_dead_letter(group, seq)).await
    }

    async fn trim_parked(&self, actor: &ActorId, up_to: Seq) -> Result<(), Error> {
        loop {
            let actor = actor.clone();
            if !self.0.write(0, move |group| parked::trim(group, &actor, up_to)).await? {
                return Ok(());
            }
        }
    }

    async fn parked_actors(&self, bucket: BucketId) -> Result<Vec<ActorId>, Error> {
        self.0.tail(bucket)?;
        let mut actors = self.0.readers.scan(parked::actors).await?;
        actors.retain(|actor| self.bucket_of(actor) == bucket);
        Ok(actors)
    }

    async fn find(&self, actor: &ActorId, since: Time, before: Seq, ids: &[MessageId]) -> Result<History, Error> {
        let stream = StreamNumber::of(self.bucket_of(actor));
        let (actor, ids) = (actor.clone(), ids.iter().cloned().collect());
        let read = move |connection: &_| scan::find(connection, stream, &actor, since, before, &ids);
        let (found, complete) = self.0.readers.scan(read).await?;
        Ok(History { found: found.into_iter().collect(), complete })
    }

    fn notify(&self, notice: Notice) {
        self.0.followers.notify(notice);
    }

    fn is_followed(&self, channel: &str) -> bool {
        self.0.followers.is_followed(channel)
    }

    async fn follow(&self, prefix: &str) -> Result<Follow, Error> {
        self.0.followers.follow(prefix)
    }
}
