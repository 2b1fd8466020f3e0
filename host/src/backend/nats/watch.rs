//! Watches rows: a push consumer from now on, handed out change by change. Made by `table`.
//! It ends at the first sign that something is missing: a gap in the consumer's count, a heartbeat that tells of messages
//! that did not come, or silence. Never resumes by itself: whoever watches lists the rows and watches again.

use std::time::Duration;

use async_nats::jetstream::consumer::push::Config;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::{self, Context};
use async_nats::{Message, StatusCode, Subscriber};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::error::unanswered;
use super::names::TableName;
use super::session::Session;
use super::{frame, table};
use crate::backend::{Entry, Error, Watch};
use crate::id::Revision;

/// How often the server says that it is there while nothing changes.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// After so long a silence the consumer is gone, or the server.
const SILENCE_MAX: Duration = Duration::from_millis(3_500);
/// The server forgets a consumer that nobody has listened to for so long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);
/// Changes that wait for one watcher. One that is further behind is ended.
const CHANGES_MAX: usize = 4_096;
/// A heartbeat's header: the number of the last message that the consumer was sent.
const LAST_SENT: &str = "Nats-Last-Consumer";

/// Watches the rows whose keys begin so, from the return of this call on.
///
/// # Errors
/// `Unavailable`: try again.
pub(super) async fn start(
    session: &Session,
    table: TableName,
    jetstream: &Context,
    prefix: &str,
) -> Result<Watch, Error> {
    let inbox = session.client.new_inbox();
    let subscribed = session.client.subscribe(inbox.clone()).await;
    let subscriber = subscribed.map_err(|error| unanswered("watch rows", &error))?;
    let config = Config {
        deliver_subject: inbox,
        deliver_policy: DeliverPolicy::New,
        ack_policy: AckPolicy::None,
        filter_subject: session.names.row(table, &words_above(prefix)),
        idle_heartbeat: HEARTBEAT,
        inactive_threshold: FORGOTTEN_AFTER,
        memory_storage: true,
        num_replicas: 1,
        ..Config::default()
    };
    let made = jetstream.create_consumer_on_stream(config, session.names.table_stream(table)).await;
    made.map_err(|error| unanswered("watch rows", &error))?;
    let (changes, watch) = mpsc::channel(CHANGES_MAX);
    let watching = Watching { session: session.clone(), table, prefix: prefix.into(), changes, received: 0 };
    session.tasks.spawn(watching.run(subscriber));
    Ok(watch)
}

/// The narrowest wildcard of whole words that takes every key with this prefix.
pub(super) fn words_above(prefix: &str) -> String {
    prefix.rsplit_once('.').map_or_else(|| ">".into(), |(words, _)| format!("{words}.>"))
}

struct Watching {
    session: Session,
    table: TableName,
    prefix: String,
    changes: mpsc::Sender<(String, Option<Entry>)>,
    /// The consumer's number of the last message that came.
    received: u64,
}

impl Watching {
    /// Ends with the store, with the one who watches, and when something is missing.
    async fn run(mut self, mut messages: Subscriber) {
        loop {
            // Dropping any branch is safe: after each of the first two nobody needs the message.
            let message = tokio::select! {
                biased;
                () = self.session.ended.cancelled() => break,
                () = self.changes.closed() => break,
                message = tokio::time::timeout(SILENCE_MAX, messages.next()) => message,
            };
            let Ok(Some(message)) = message else {
                tracing::debug!(table = ?self.table, "a watch went silent and ends");
                break;
            };
            if !self.take(message) {
                break;
            }
        }
        // The server forgets the consumer by itself, so a failure changes nothing.
        let _ = messages.unsubscribe().await;
    }

    /// Hands a message on. False: something is missing, or whoever watches is too far behind.
    fn take(&mut self, message: Message) -> bool {
        if message.status == Some(StatusCode::IDLE_HEARTBEAT) {
            let sent = message.headers.as_ref().and_then(|headers| headers.get(LAST_SENT));
            return sent.is_none_or(|sent| sent.as_str().parse() == Ok(self.received));
        }
        let message = jetstream::Message { message, context: self.session.jetstream.clone() };
        let Ok(info) = message.info() else { return false };
        let (number, revision) = (info.consumer_sequence, Revision(info.stream_sequence));
        if number != self.received + 1 {
            return false;
        }
        self.received = number;
        let Some(key) = self.session.names.key(self.table, &message.subject) else { return true };
        if !key.starts_with(&self.prefix) {
            return true;
        }
        let headers = message.headers.as_ref();
        let entry = if headers.is_some_and(table::is_marker) {
            None
        } else {
            // A row that cannot be read is not told here: whoever reads it is told why.
            let Ok((headers, value)) = frame::unpack(headers, message.payload.clone()) else { return true };
            Some(Entry { value, headers, revision })
        };
        self.changes.try_send((key.to_owned(), entry)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_within_a_word_is_watched_from_the_word_above() {
        let cases = [("", ">"), ("k", ">"), ("k.", "k.>"), ("own.3a", "own.>"), ("a.b.c", "a.b.>")];
        for (prefix, expected) in cases {
            assert_eq!(words_above(prefix), expected);
        }
    }
}
