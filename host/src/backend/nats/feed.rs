//! Pulls one bucket's messages for one opening, in order and once, whatever happens to the connection.
//! Started by `inbox`, which hands on what this sends. After anything odd (a connection that broke, a number that is not the
//! next one, silence) it has the server begin again behind the floor, and skips what it has handed on.
//! Never hands on a message that is no actor's: that one goes to the dead letters and out of the stream.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::client::Request;
use async_nats::connection::State;
use async_nats::{Message, StatusCode, Subscriber};
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::api::{ConsumerInfo, ask, consumer_info};
use super::history::{History, Start};
use super::log::append;
use super::session::Session;
use super::stored::{self, Place, Stored, ack_subject, bury, delivery, fault, place};
use crate::backend::{Delivery, Error};
use crate::guard::lock;
use crate::id::{BucketId, Seq};

/// Messages of one pull.
const PULL_MESSAGES: u64 = 5_000;
/// Bytes of one pull: what waits here for one bucket. Far above the largest message.
const PULL_BYTES: usize = 4 << 20;
/// How long the server keeps a pull that finds nothing.
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that a pull still waits.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// A silence that long means that the pull is gone.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How often the connection is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Wait before the server is asked to begin again, if that has failed.
const AGAIN_AFTER: Duration = Duration::from_millis(250);
/// Messages that wait beside the pull.
pub(super) const READY_MAX: usize = 64;
/// Stretches of deliveries that are remembered for acknowledging; if there are more, the oldest are forgotten.
const STRETCHES_MAX: usize = 1_024;

/// How the feed ends an attempt.
enum Stop {
    /// The consumer is gone, or the opening is closed.
    Closed,
    /// Begin again.
    Broken(String),
}

/// Which delivery carried which message: what acknowledging needs.
#[derive(Default)]
pub(super) struct Deliveries {
    /// Positions without a gap whose deliveries have no gap either: first position, last position, first number.
    stretches: VecDeque<(Seq, Seq, u64)>,
    /// Any reply subject of this consumer.
    reply: String,
}

impl Deliveries {
    fn note(&mut self, place: Place, reply: &str) {
        if self.reply.is_empty() {
            self.reply = reply.into();
        }
        if let Some((first, last, number)) = self.stretches.back_mut()
            && last.0 + 1 == place.seq.0
            && *number + (place.seq.0 - first.0) == place.number
        {
            *last = place.seq;
            return;
        }
        self.stretches.push_back((place.seq, place.seq, place.number));
        if self.stretches.len() > STRETCHES_MAX {
            self.stretches.pop_front();
        }
    }

    /// Where to acknowledge everything up to `seq`, as far as it was delivered. None: nothing of it was.
    pub(super) fn ack_subject(&self, seq: Seq) -> Option<String> {
        let (first, last, number) = self.stretches.iter().rev().find(|(first, ..)| *first <= seq)?;
        let seq = seq.min(*last);
        Some(ack_subject(&self.reply, seq, number + (seq.0 - first.0)))
    }

    /// Everything up to there is acknowledged.
    pub(super) fn forget(&mut self, seq: Seq) {
        while self.stretches.pop_front_if(|(_, last, _)| *last < seq).is_some() {}
    }
}

/// The pulling end of one opening.
pub(super) struct Feed {
    pub(super) session: Session,
    pub(super) bucket: BucketId,
    pub(super) stream: String,
    pub(super) consumer: String,
    /// The opening is closed.
    pub(super) closed: CancellationToken,
    /// Nothing is pulled any more.
    pub(super) gone: CancellationToken,
    pub(super) ready: mpsc::Sender<Result<Delivery, Error>>,
    pub(super) deliveries: Arc<Mutex<Deliveries>>,
    /// The last message handed on.
    pub(super) received: Seq,
    /// The number of the consumer's last delivery.
    pub(super) number: u64,
}

/// What the server still owes for one pull.
#[derive(Debug, Default, PartialEq, Eq)]
struct Pull {
    /// Where it says so.
    reply: String,
    messages: u64,
    bytes: usize,
}

impl Feed {
    /// Feeds until the opening is closed.
    pub(super) async fn run(mut self) {
        // However it ends: a later opening of this epoch waits for it.
        let _ended = (self.closed.clone().drop_guard(), self.gone.clone().drop_guard());
        self.feed().await;
    }

    async fn feed(&mut self) {
        loop {
            match self.attempt().await {
                Stop::Closed => return,
                Stop::Broken(reason) => tracing::debug!(bucket = %self.bucket, reason, "pulling anew"),
            }
            while let Err(error) = self.begin_again().await {
                if matches!(error, Error::Closed) || self.hand_on(Err(error)).await.is_err() {
                    return;
                }
                // Dropping either side is safe: a token is looked at again, and nothing hangs on a pause.
                let _ = tokio::time::timeout(AGAIN_AFTER, self.closed.cancelled()).await;
            }
        }
    }

    /// Has the server begin again behind the floor.
    async fn begin_again(&mut self) -> Result<(), Error> {
        if self.closed.is_cancelled() {
            return Err(Error::Closed);
        }
        self.number = reset(&self.session, &self.stream, &self.consumer, None).await?.number();
        *lock(&self.deliveries) = Deliveries::default();
        self.remove_unreadable().await
    }

    /// A message whose headers the client cannot read breaks the connection: it is always the one that comes next.
    async fn remove_unreadable(&self) -> Result<(), Error> {
        let history = History { session: &self.session, stream: self.stream.clone(), subject: ">".into() };
        match history.next(Start::At(Seq(self.received.0 + 1))).await? {
            Some(stored) if stored.headers.is_none() => self.bury(&stored, fault(&self.session.names, &stored)).await,
            _ => Ok(()),
        }
    }

    /// Pulls and hands on until something is odd.
    async fn attempt(&mut self) -> Stop {
        let connects = self.connects();
        let inbox = self.session.client.new_inbox();
        let mut messages = match self.session.client.subscribe(format!("{inbox}.*")).await {
            Ok(messages) => messages,
            Err(error) => return Stop::Broken(error.to_string()),
        };
        let stop = self.pull_from(&mut messages, &inbox, connects).await;
        // Now, not some time after: what is pulled next must not go to this attempt's subject.
        if let Err(error) = messages.unsubscribe().await {
            tracing::debug!(%error, "the connection is closed");
        }
        stop
    }

    async fn pull_from(&mut self, messages: &mut Subscriber, inbox: &str, connects: u64) -> Stop {
        let (mut pull, mut heard) = (Pull::default(), Instant::now());
        for number in 0_u64.. {
            if pull.is_over() {
                // A reply subject of its own: what the server says of one pull is not meant for the next.
                pull = Pull { reply: format!("{inbox}.{number}"), messages: PULL_MESSAGES, bytes: PULL_BYTES };
                if let Err(error) = self.pull(&pull.reply).await {
                    return Stop::Broken(error.to_string());
                }
            }
            let message = match self.hear(messages, connects, heard).await {
                Ok(Some(message)) => message,
                Ok(None) => continue,
                Err(stop) => return stop,
            };
            heard = Instant::now();
            if let Err(stop) = self.take(message, &mut pull).await {
                return stop;
            }
        }
        Stop::Closed
    }

    fn connects(&self) -> u64 {
        self.session.client.statistics().connects.load(Ordering::Relaxed)
    }

    async fn pull(&self, reply: &str) -> Result<(), async_nats::PublishError> {
        let nanoseconds = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let pull = json!({
            "batch": PULL_MESSAGES,
            "max_bytes": PULL_BYTES,
            "expires": nanoseconds(PULL_EXPIRES),
            "idle_heartbeat": nanoseconds(HEARTBEAT),
        });
        let request = Request::new().inbox(reply.into()).payload(pull.to_string().into());
        let what = format!("CONSUMER.MSG.NEXT.{}.{}", self.stream, self.consumer);
        self.session.jetstream.send_request(what, request).await
    }

    /// Waits a moment for what the server sends.
    async fn hear(&self, messages: &mut Subscriber, connects: u64, heard: Instant) -> Result<Option<Message>, Stop> {
        // What is here already costs no timer. A closed opening hands nothing on.
        if let Some(Some(message)) = messages.next().now_or_never() {
            return Ok(Some(message));
        }
        tokio::select! {
            biased;
            // Dropping any branch is safe: a token is looked at again, `next` of a channel loses nothing, a pause is one.
            () = self.closed.cancelled() => Err(Stop::Closed),
            message = messages.next() => message.map(Some).ok_or(Stop::Closed),
            () = tokio::time::sleep(LOOK_EVERY) => {
                if self.connects() != connects || self.session.client.connection_state() != State::Connected {
                    Err(Stop::Broken("the connection broke".into()))
                } else if heard.elapsed() > SILENCE_MAX {
                    Err(Stop::Broken("the server is silent".into()))
                } else {
                    Ok(None)
                }
            }
        }
    }

    /// Takes one message or status of the server.
    async fn take(&mut self, message: Message, pull: &mut Pull) -> Result<(), Stop> {
        if let Some(status) = message.status.filter(|status| *status != StatusCode::OK) {
            let is_news = status != StatusCode::IDLE_HEARTBEAT && message.subject.as_str() == pull.reply;
            return if is_news { pull.end(status, message.description.as_deref()) } else { Ok(()) };
        }
        let place = message.reply.as_deref().and_then(place);
        let Some(place) = place else { return Ok(()) };
        if place.number != self.number + 1 {
            return Err(Stop::Broken(format!("delivery {} came after {}", place.number, self.number)));
        }
        self.number = place.number;
        lock(&self.deliveries).note(place, message.reply.as_deref().unwrap_or_default());
        pull.serve(message.length);
        if place.seq <= self.received {
            return Ok(());
        }
        self.receive(Stored::delivered(message, place)).await
    }

    async fn receive(&mut self, stored: Stored) -> Result<(), Stop> {
        let seq = stored.seq;
        match self.session.names.receiver(&stored.subject).filter(|_| stored.headers.is_some()) {
            Some(to) => self.hand_on(Ok(delivery(to, self.bucket, stored))).await?,
            None => {
                let reason = fault(&self.session.names, &stored);
                self.bury(&stored, reason).await.map_err(|error| Stop::Broken(error.to_string()))?;
            }
        }
        self.received = seq;
        Ok(())
    }

    /// Moves a message to the dead letters. In between it may be in both places; its id keeps it from being buried twice.
    async fn bury(&self, stored: &Stored, reason: Option<&'static str>) -> Result<(), Error> {
        let reason = reason.unwrap_or("it cannot be read");
        tracing::warn!(bucket = %self.bucket, seq = %stored.seq, reason, "a message is no actor's: moved to the dead letters");
        if let Some(letter) = bury(&self.session.names, self.bucket, stored, reason) {
            append(&self.session, vec![letter]).await?;
        }
        stored::remove(&self.session, &self.stream, stored.seq).await.map(drop)
    }

    async fn hand_on(&self, delivery: Result<Delivery, Error>) -> Result<(), Stop> {
        let delivery = match self.ready.try_send(delivery) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(Stop::Closed),
            Err(TrySendError::Full(delivery)) => delivery,
        };
        tokio::select! {
            biased;
            // Dropping the sending loses a message that nobody will ask for any more.
            () = self.closed.cancelled() => Err(Stop::Closed),
            sent = self.ready.send(delivery) => sent.map_err(|_| Stop::Closed),
        }
    }
}

impl Pull {
    fn is_over(&self) -> bool {
        self.messages == 0 || self.bytes == 0
    }

    /// A message of it came.
    fn serve(&mut self, bytes: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// The server ended it. One that ends before its time without anything would end so again.
    fn end(&mut self, status: StatusCode, description: Option<&str>) -> Result<(), Stop> {
        let description = description.unwrap_or_default();
        let is_full = ["Message Size Exceeds MaxBytes", "Batch Completed"].contains(&description);
        let has_served = self.messages < PULL_MESSAGES;
        if status == StatusCode::TIMEOUT || (has_served && (is_full || status == StatusCode::NOT_FOUND)) {
            self.messages = 0;
            return Ok(());
        }
        Err(Stop::Broken(format!("the server ended a pull: {status} {description}")))
    }
}

/// Has a consumer deliver again what lies behind its floor; or, with a position, all from there on.
///
/// # Errors
/// `Closed`: there is no such consumer any more. `Unavailable`: try again.
pub(super) async fn reset(
    session: &Session,
    stream: &str,
    consumer: &str,
    from: Option<Seq>,
) -> Result<ConsumerInfo, Error> {
    // Asked first: of a consumer that is gone, a server does not say so when it is to be reset.
    consumer_info(session, stream, consumer).await?.ok_or(Error::Closed)?;
    let payload = from.map_or_else(|| json!({}), |from| json!({ "seq": from.0 }));
    Ok(ask(&session.jetstream, format!("CONSUMER.RESET.{stream}.{consumer}"), &payload).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    const REPLY: &str = "$JS.ACK.S.C.1.1.1.1.0";

    fn note(deliveries: &mut Deliveries, seq: u64, number: u64) {
        deliveries.note(Place { seq: Seq(seq), number, time: Time(0) }, REPLY);
    }

    #[test]
    fn what_was_delivered_up_to_a_position_is_acknowledged_and_no_more() {
        let mut deliveries = Deliveries::default();
        assert_eq!(deliveries.ack_subject(Seq(9)), None);
        for (seq, number) in [(5, 1), (6, 2), (9, 3), (10, 4)] {
            note(&mut deliveries, seq, number);
        }
        let place = |seq| deliveries.ack_subject(Seq(seq)).and_then(|subject| place(&subject));
        let seqs = [4, 5, 6, 8, 9, 10, 99].map(|seq| place(seq).map(|place| (place.seq.0, place.number)));
        let expected = [None, Some((5, 1)), Some((6, 2)), Some((6, 2)), Some((9, 3)), Some((10, 4)), Some((10, 4))];
        assert_eq!(seqs, expected);
    }

    #[test]
    fn what_is_acknowledged_is_forgotten() {
        let mut deliveries = Deliveries::default();
        for (seq, number) in [(1, 1), (2, 2), (4, 3)] {
            note(&mut deliveries, seq, number);
        }
        deliveries.forget(Seq(4));
        assert_eq!(deliveries.stretches, [(Seq(4), Seq(4), 3)]);
    }

    #[test]
    fn stretches_are_bounded() {
        let mut deliveries = Deliveries::default();
        for number in 1..=(2 * STRETCHES_MAX as u64) {
            note(&mut deliveries, 3 * number, number);
        }
        assert_eq!(deliveries.stretches.len(), STRETCHES_MAX);
    }

    fn pull(messages: u64, bytes: usize) -> Pull {
        Pull { reply: "_INBOX.a.0".into(), messages, bytes }
    }

    #[test]
    fn a_pull_is_over_with_its_messages_or_its_bytes() {
        let served = |mut pull: Pull, bytes| {
            pull.serve(bytes);
            pull.is_over()
        };
        assert!(served(pull(1, 9), 1) && served(pull(9, 9), 10) && !served(pull(2, 9), 8));
        assert!(Pull::default().is_over());
    }

    #[test]
    fn a_pull_that_ends_early_without_anything_is_odd() {
        let end = |messages, status: u16, description| {
            let mut pull = pull(messages, 9);
            pull.end(StatusCode::from_u16(status).unwrap(), Some(description)).is_ok() && pull.is_over()
        };
        assert!(end(PULL_MESSAGES, 408, "Request Timeout"));
        assert!(end(PULL_MESSAGES - 1, 409, "Message Size Exceeds MaxBytes"));
        assert!(!end(PULL_MESSAGES, 409, "Message Size Exceeds MaxBytes"));
        assert!(!end(PULL_MESSAGES - 1, 409, "Consumer Deleted") && !end(PULL_MESSAGES, 503, ""));
    }
}
