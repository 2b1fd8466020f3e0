//! Who follows which channels, at whichever host: so that nothing is built and sent that nobody hears.
//! Each follower says so at once and then every second, over core NATS, and every host listens; who falls silent is
//! forgotten. Best effort, as what is followed is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::session::Session;
use crate::backend::followers::is_below;
use crate::guard::lock;

/// How often a follower says that it is still there.
pub(super) const SAID_EVERY: Duration = Duration::from_secs(1);
/// A follower that was silent for so long has gone.
const SILENT_MAX: Duration = Duration::from_secs(3);
/// Channels that are known as followed at once: whatever is said, memory stays small.
const KNOWN_MAX: usize = 1_024;

/// The channels that somebody follows. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Interest(Arc<Mutex<BTreeMap<String, Instant>>>);

impl Interest {
    /// Somebody follows the channels that begin with these words.
    pub(super) fn hear(&self, prefix: &str) {
        let mut known = lock(&self.0);
        known.retain(|_, heard| heard.elapsed() < SILENT_MAX);
        if known.len() < KNOWN_MAX || known.contains_key(prefix) {
            known.insert(prefix.into(), Instant::now());
        }
    }

    /// Whether anybody follows this channel.
    pub(super) fn covers(&self, channel: &str) -> bool {
        lock(&self.0).iter().any(|(prefix, heard)| heard.elapsed() < SILENT_MAX && is_below(prefix, channel))
    }
}

/// Says that somebody here follows these channels. Lost if the connection is: it is said again.
pub(super) async fn say(session: &Session, prefix: &str) {
    let subject = session.names.interest();
    if let Err(error) = session.client.publish(subject, prefix.to_owned().into()).await {
        tracing::debug!(%error, "could not say what is followed here");
    }
}

/// Listens to what followers say, until the store closes.
pub(super) async fn listen(session: Session, mut said: Subscriber, interest: Interest) {
    // Dropping the wait is safe: what is not heard is said again.
    while let Some(Some(message)) = session.ended.run_until_cancelled(said.next()).await {
        if let Ok(prefix) = std::str::from_utf8(&message.payload) {
            interest.hear(prefix);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_channel_is_followed_as_long_as_somebody_says_so() {
        let interest = Interest::default();
        assert!(!interest.covers("events"));
        interest.hear("events");
        assert!(interest.covers("events") && interest.covers("events.turn") && !interest.covers("event"));
        tokio::time::advance(SILENT_MAX - SAID_EVERY).await;
        interest.hear("events");
        tokio::time::advance(SILENT_MAX - SAID_EVERY).await;
        assert!(interest.covers("events"));
        tokio::time::advance(SAID_EVERY).await;
        assert!(!interest.covers("events"));
        interest.hear("");
        assert!(interest.covers("anything"));
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_is_said_memory_stays_small() {
        let interest = Interest::default();
        (0..2 * KNOWN_MAX).for_each(|number| interest.hear(&number.to_string()));
        assert_eq!(lock(&interest.0).len(), KNOWN_MAX);
        tokio::time::advance(SILENT_MAX).await;
        interest.hear("events");
        assert!(interest.covers("events") && lock(&interest.0).len() == 1);
    }
}
