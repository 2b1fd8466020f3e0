//! Best-effort messages over core NATS: answers on their way, events for whoever looks on.
//! Followers of this process hear at once; the connection does not echo, so they hear nothing twice.
//! One task sends to all others and begins to follow, in the order of the calls. Never waits, never tries again, and never
//! publishes outside two places: below this region's notices, and below the inboxes of NATS clients.

use std::sync::Arc;

use async_nats::{Client, Message, Subscriber};
use futures_util::StreamExt as _;
use tokio::sync::{mpsc, oneshot};

use super::headers;
use super::interest::{self, Interest, SAID_EVERY};
use super::names::Names;
use super::session::Session;
use crate::backend::followers::Followers;
use crate::backend::{Error, Follow, Notice};

/// Notices that wait to be sent; more are lost.
const SENDING_MAX: usize = 16_384;
/// Notices that wait for one follower; more are lost to it.
const FOLLOWING_MAX: usize = 16_384;
/// What the inboxes of NATS clients begin with.
const INBOXES: &str = "_INBOX.";

/// The sending end.
pub(super) struct Notices {
    tasks: mpsc::Sender<Task>,
    interest: Interest,
    /// Those in this process.
    here: Arc<Followers>,
}

enum Task {
    Tell(Notice),
    Follow(String, oneshot::Sender<Result<Follow, Error>>),
}

impl Notices {
    /// Its tasks end with the store.
    ///
    /// # Errors
    /// `Unavailable`: the connection is gone; open the store again.
    pub(super) async fn start(session: &Session) -> Result<Self, Error> {
        let said = session.client.subscribe(session.names.interest()).await.map_err(unavailable)?;
        let (interest, (sender, tasks)) = (Interest::default(), mpsc::channel(SENDING_MAX));
        session.tasks.spawn(interest::listen(session.clone(), said, interest.clone()));
        let here = Arc::new(Followers::new());
        let hearing = Hearing { session: session.clone(), interest: interest.clone(), here: here.clone() };
        session.tasks.spawn(send(hearing, tasks));
        Ok(Self { tasks: sender, interest, here })
    }

    /// Whether anybody follows a channel, at whichever host.
    pub(super) fn is_followed(&self, channel: &str) -> bool {
        self.interest.covers(channel)
    }

    /// Sends a notice, if there is room.
    pub(super) fn notify(&self, notice: Notice) {
        if self.here.is_followed(&notice.channel) {
            self.here.notify(notice.clone());
        }
        // Best effort: the one who waits for it gives up some day.
        let _ = self.tasks.try_send(Task::Tell(notice));
    }

    /// Follows the channels that begin with these words.
    pub(super) async fn follow(&self, prefix: &str) -> Result<Follow, Error> {
        let (answer, answered) = oneshot::channel();
        self.tasks.send(Task::Follow(prefix.into(), answer)).await.map_err(|_| Error::Closed)?;
        let follow = answered.await.unwrap_or(Err(Error::Closed))?;
        self.interest.hear(prefix);
        Ok(follow)
    }
}

/// What the tasks need.
#[derive(Clone)]
struct Hearing {
    session: Session,
    interest: Interest,
    here: Arc<Followers>,
}

async fn send(hearing: Hearing, mut tasks: mpsc::Receiver<Task>) {
    let session = &hearing.session;
    loop {
        let task = tokio::select! {
            biased;
            // Dropping either branch is safe: a token is looked at again, and a channel loses nothing.
            () = session.ended.cancelled() => None,
            task = tasks.recv() => task,
        };
        match task {
            Some(Task::Tell(notice)) => tell(&session.client, &session.names, notice).await,
            Some(Task::Follow(prefix, answer)) => {
                // Nobody there: the follower went away, and the task ends as it sees that.
                let _ = answer.send(follow(&hearing, &prefix).await);
            }
            None => return hearing.here.close(),
        }
    }
}

async fn tell(client: &Client, names: &Names, notice: Notice) {
    let Some(subject) = subject(names, &notice.channel) else {
        return tracing::debug!("a notice went nowhere: its channel is none");
    };
    let sent = client.publish_with_headers(subject, headers::encode(&notice.headers), notice.body).await;
    if let Err(error) = sent {
        tracing::debug!(%error, "a notice was not sent");
    }
}

/// Where a notice goes; none: its channel cannot be a subject, or would be somebody's else.
fn subject(names: &Names, channel: &str) -> Option<String> {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic() && !b"*>".contains(&byte));
    if !channel.split('.').all(is_word) {
        return None;
    }
    Some(if channel.starts_with(INBOXES) { channel.into() } else { names.notice(channel) })
}

async fn follow(hearing: &Hearing, prefix: &str) -> Result<Follow, Error> {
    let session = &hearing.session;
    let subscribed = session.client.subscribe(session.names.notices(prefix)).await;
    let messages = subscribed.map_err(unavailable)?;
    let (notices, follow) = mpsc::channel(FOLLOWING_MAX);
    hearing.here.add(prefix, notices.clone())?;
    session.tasks.spawn(hear(hearing.clone(), prefix.into(), messages, notices));
    Ok(follow)
}

/// Hears what other processes tell.
async fn hear(hearing: Hearing, prefix: String, mut messages: Subscriber, notices: mpsc::Sender<Notice>) {
    let Hearing { session, interest, .. } = hearing;
    let mut say = tokio::time::interval(SAID_EVERY);
    say.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            biased;
            // Dropping any branch is safe: tokens, ends and ticks are looked at again, and a channel loses nothing.
            () = session.ended.cancelled() => return,
            () = notices.closed() => return,
            _ = say.tick() => {
                // The others are told; what is said is not echoed.
                interest.hear(&prefix);
                interest::say(&session, &prefix).await;
                continue;
            }
            message = messages.next() => message,
        };
        let Some(message) = message else { return };
        if let Some(notice) = read(&session.names, message) {
            // Best effort: a full follower loses the notice.
            let _ = notices.try_send(notice);
        }
    }
}

fn unavailable(error: async_nats::SubscribeError) -> Error {
    Error::Unavailable { reason: error.to_string() }
}

fn read(names: &Names, message: Message) -> Option<Notice> {
    let channel = names.channel(&message.subject)?.to_owned();
    Some(Notice { channel, headers: headers::decode(message.headers.as_ref()), body: message.payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_goes_below_the_regions_notices_or_to_an_inbox_and_nowhere_else() {
        let names = Names::new("hydra", "local");
        let subject = |channel: &str| subject(&names, channel);
        assert_eq!(subject("_INBOX.abc.1").as_deref(), Some("_INBOX.abc.1"));
        for channel in ["reply.7", "$JS.API.STREAM.DELETE.x", "hydra.local.msg.0.0.0.counter.a", "_INBOX"] {
            let subject = subject(channel).unwrap();
            assert!(subject.starts_with("hydra.local.notice."), "{subject}");
            assert_eq!(names.channel(&subject), Some(channel));
        }
        for none in ["", "reply.", "reply..a", "reply.*", "reply.>", "reply a", "reply\r\nPUB x 0", "_INBOX.é"] {
            assert_eq!(subject(none), None, "{none}");
        }
    }
}
