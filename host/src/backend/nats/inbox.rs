//! The reading end of one bucket: its opening, its floor, what it acknowledges and trims. `feed` pulls the messages.
//! Every epoch has a consumer of its own in the bucket's stream; the highest floor of them all is where the next begins.
//! Never takes a floor from a consumer that is not ours: others may report the end of the stream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::client::Request;
use async_trait::async_trait;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::api::{ConsumerInfo, ConsumerNames, Nothing, ask, consumer_info, stream_info};
use super::error::code;
use super::feed::{Deliveries, Feed, READY_MAX, reset};
use super::names::Names;
use super::session::Session;
use crate::backend::{Delivery, Error, Inbox};
use crate::guard::lock;
use crate::id::{BucketId, Epoch, Seq};

/// How long a delivery may go unacknowledged before the server brings it again. The host bounds how far it reads ahead, so
/// this need not: a short one would bring the same messages again behind one slow actor.
const ACK_WAIT: Duration = Duration::from_secs(60 * 60);
/// How long an acknowledgement may take to be confirmed; the next one covers it.
const CONFIRM_WAIT: Duration = Duration::from_secs(2);
/// Consumers of one stream that are looked at; a bucket has one or two.
const CONSUMERS_MAX: usize = 4_096;

/// The openings of this process, so that a later one ends an earlier one at once.
#[derive(Default)]
pub(super) struct Openings(Mutex<BTreeMap<BucketId, Vec<Opening>>>);

/// One opening of this process.
#[derive(Clone)]
struct Opening {
    epoch: Epoch,
    closed: CancellationToken,
    /// Its feed has ended.
    gone: CancellationToken,
}

impl Openings {
    /// Adds one; it ends with the store.
    fn add(&self, bucket: BucketId, epoch: Epoch, ended: &CancellationToken) -> Opening {
        let opening = Opening { epoch, closed: ended.child_token(), gone: CancellationToken::new() };
        let mut openings = lock(&self.0);
        let openings = openings.entry(bucket).or_default();
        openings.retain(|opening| !opening.gone.is_cancelled());
        openings.push(opening.clone());
        opening
    }

    /// Closes those for which `is_over` holds.
    fn close(&self, bucket: BucketId, is_over: impl Fn(Epoch) -> bool) -> Vec<Opening> {
        let openings = lock(&self.0);
        let over = openings.get(&bucket).into_iter().flatten().filter(|opening| is_over(opening.epoch));
        over.inspect(|opening| opening.closed.cancel()).cloned().collect()
    }
}

/// One opening of a bucket.
pub(super) struct Reader {
    session: Session,
    openings: Arc<Openings>,
    bucket: BucketId,
    epoch: Epoch,
    floor: Seq,
    /// Everything before this position is trimmed away.
    trimmed: Seq,
    closed: CancellationToken,
    ready: mpsc::Receiver<Result<Delivery, Error>>,
    deliveries: Arc<Mutex<Deliveries>>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

/// Opens a bucket that there is.
///
/// # Errors
/// `Closed`: a later epoch has it. `Unavailable`: try again.
pub(super) async fn open(
    session: &Session,
    openings: Arc<Openings>,
    bucket: BucketId,
    epoch: Epoch,
) -> Result<Reader, Error> {
    let stream = session.names.bucket_stream(bucket);
    let epochs = epochs(session, &stream).await?;
    if epochs.iter().any(|other| *other > epoch) {
        return Err(Error::Closed);
    }
    let floor = highest_floor(session, &stream, &epochs).await?;
    let (consumer, from) = (Names::consumer(epoch), Seq(floor.0 + 1));
    // One of the same epoch shares the consumer, so it ends here already.
    for opening in openings.close(bucket, |other| other == epoch) {
        opening.gone.cancelled().await;
    }
    let consumer_info = match epochs.contains(&epoch) {
        true => reset(session, &stream, &consumer, Some(from)).await?,
        false => create(session, &stream, &consumer, from).await?,
    };
    let Opening { epoch: _, closed, gone } = openings.add(bucket, epoch, &session.ended);
    let (sender, ready) = mpsc::channel(READY_MAX);
    let deliveries = Arc::new(Mutex::default());
    let feed = Feed {
        session: session.clone(),
        bucket,
        stream,
        consumer,
        closed: closed.clone(),
        gone,
        ready: sender,
        deliveries: Arc::clone(&deliveries),
        received: floor,
        number: consumer_info.number(),
    };
    session.tasks.spawn(feed.run());
    Ok(Reader { session: session.clone(), openings, bucket, epoch, floor, trimmed: floor, closed, ready, deliveries })
}

/// The epochs that have a consumer.
async fn epochs(session: &Session, stream: &str) -> Result<Vec<Epoch>, Error> {
    let (mut names, mut seen) = (Vec::new(), 0);
    while seen < CONSUMERS_MAX {
        let what = format!("CONSUMER.NAMES.{stream}");
        let page: ConsumerNames = ask(&session.jetstream, what, &json!({ "offset": seen })).await?;
        let consumers = page.consumers.unwrap_or_default();
        seen += consumers.len();
        let is_last = consumers.is_empty() || seen >= page.total;
        names.extend(consumers.iter().filter_map(|name| Names::consumer_epoch(name)));
        if is_last {
            return Ok(names);
        }
    }
    let reason =
        format!("the stream {stream} has more than {CONSUMERS_MAX} consumers: delete those that are not Hydra's");
    Err(Error::Unavailable { reason })
}

/// Up to where any owner has acknowledged.
///
/// # Errors
/// `Unavailable`: try again.
pub(super) async fn floor(session: &Session, stream: &str) -> Result<Seq, Error> {
    highest_floor(session, stream, &epochs(session, stream).await?).await
}

async fn highest_floor(session: &Session, stream: &str, epochs: &[Epoch]) -> Result<Seq, Error> {
    let mut floor = Seq(0);
    for epoch in epochs {
        floor = floor.max(floor_of(session, stream, *epoch).await?);
    }
    Ok(floor)
}

async fn floor_of(session: &Session, stream: &str, epoch: Epoch) -> Result<Seq, Error> {
    let info = consumer_info(session, stream, &Names::consumer(epoch)).await?;
    // None: deleted since its name was read, by an owner that has settled: that one's floor is as high.
    Ok(info.map_or(Seq(0), |info| Seq(info.floor())))
}

async fn create(session: &Session, stream: &str, consumer: &str, from: Seq) -> Result<ConsumerInfo, Error> {
    let config = json!({
        "durable_name": consumer,
        "description": "Hydra: the owner of this bucket under one epoch",
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": from.0,
        "ack_policy": "all",
        "ack_wait": u64::try_from(ACK_WAIT.as_nanos()).unwrap_or(u64::MAX),
        "max_ack_pending": -1,
        "max_deliver": -1,
        "replay_policy": "instant",
    });
    let request = json!({ "stream_name": stream, "config": config, "action": "create" });
    Ok(ask(&session.jetstream, format!("CONSUMER.CREATE.{stream}.{consumer}"), &request).await?)
}

impl Reader {
    fn check(&self) -> Result<(), Error> {
        if self.closed.is_cancelled() { Err(Error::Closed) } else { Ok(()) }
    }

    fn stream(&self) -> String {
        self.session.names.bucket_stream(self.bucket)
    }

    /// Whether our consumer is still there: a later owner deletes it.
    async fn check_consumer(&self) -> Result<(), Error> {
        let consumer = Names::consumer(self.epoch);
        if consumer_info(&self.session, &self.stream(), &consumer).await?.is_none() {
            self.closed.cancel();
            return Err(Error::Closed);
        }
        Ok(())
    }

    async fn delete(&self, epoch: Epoch) -> Result<(), Error> {
        let what = format!("CONSUMER.DELETE.{}.{}", self.stream(), Names::consumer(epoch));
        match ask::<serde::de::IgnoredAny>(&self.session.jetstream, what, &Nothing {}).await {
            Err(failure) if !failure.is(code::CONSUMER_NOT_FOUND) => Err(failure.into()),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Inbox for Reader {
    fn floor(&self) -> Seq {
        self.floor
    }

    async fn settle(&mut self) -> Result<(), Error> {
        self.check()?;
        let epochs = epochs(&self.session, &self.stream()).await?;
        if epochs.iter().any(|other| *other > self.epoch) {
            self.closed.cancel();
            return Err(Error::Closed);
        }
        if !epochs.contains(&self.epoch) {
            // Of several servers, the one that lists them may not have heard of ours yet.
            self.check_consumer().await?;
        }
        for lower in epochs.into_iter().filter(|other| *other < self.epoch) {
            self.delete(lower).await?;
        }
        self.openings.close(self.bucket, |other| other < self.epoch);
        Ok(())
    }

    async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            self.check()?;
            // Dropped here, it has taken nothing.
            let next = self.ready.recv().await.ok_or(Error::Closed)?;
            self.check()?;
            // One that was pulled before it was trimmed is gone all the same.
            if next.as_ref().map_or(true, |delivery| delivery.seq >= self.trimmed) {
                return next;
            }
        }
    }

    async fn ack(&mut self, seq: Seq) -> Result<(), Error> {
        self.check()?;
        let Some(subject) = lock(&self.deliveries).ack_subject(seq) else { return Ok(()) };
        let request = Request::new().payload("+ACK".into()).timeout(Some(CONFIRM_WAIT));
        if let Err(error) = self.session.client.send_request(subject, request).await {
            self.check_consumer().await?;
            return Err(Error::Unknown { reason: format!("an acknowledgement was not confirmed: {error}") });
        }
        lock(&self.deliveries).forget(seq);
        Ok(())
    }

    async fn trim(&mut self, seq: Seq) -> Result<(), Error> {
        self.check()?;
        self.check_consumer().await?;
        // A stream that is purged beyond its end goes on from there.
        let stream = self.stream();
        let last = stream_info(&self.session, &stream).await?.state.last_seq;
        let seq = seq.0.min(last + 1);
        if seq > 1 {
            let what = format!("STREAM.PURGE.{stream}");
            ask::<serde::de::IgnoredAny>(&self.session.jetstream, what, &json!({ "seq": seq })).await?;
            self.trimmed = self.trimmed.max(Seq(seq));
        }
        Ok(())
    }
}
