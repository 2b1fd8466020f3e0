//! Who follows which channels in this process: answers on their way, events for whoever looks on.
//! Both backends hand their notices to it. Never blocks: a follower that is full loses the notice.

use arc_swap::ArcSwapOption;
use tokio::sync::mpsc;

use super::{Error, Follow, Notice};

/// Notices that wait for one follower; more are lost to it.
const NOTICES_MAX: usize = 16_384;
/// Followers at once.
const FOLLOWERS_MAX: usize = 1_024;

/// The followers of one store. Read without a lock, for every answer passes here.
pub(super) struct Followers {
    /// None: the store is closed.
    list: ArcSwapOption<Vec<Follower>>,
}

#[derive(Clone)]
struct Follower {
    prefix: String,
    notices: mpsc::Sender<Notice>,
}

/// Whether a channel begins with these words. All do with none.
pub(super) fn is_below(prefix: &str, channel: &str) -> bool {
    let begins = |rest: &str| prefix.is_empty() || rest.is_empty() || rest.starts_with('.');
    channel.strip_prefix(prefix).is_some_and(begins)
}

impl Follower {
    fn follows(&self, channel: &str) -> bool {
        is_below(&self.prefix, channel)
    }

    fn tell(&self, notice: Notice) {
        // Best effort: a full follower loses the notice, an ended one is forgotten when the next begins.
        let _ = self.notices.try_send(notice);
    }
}

impl Followers {
    pub(super) fn new() -> Self {
        Self { list: ArcSwapOption::from_pointee(Vec::new()) }
    }

    /// Tells everybody who follows the notice's channel.
    pub(super) fn notify(&self, notice: Notice) {
        let list = self.list.load();
        let mut last: Option<&Follower> = None;
        for follower in list.iter().flat_map(|list| list.iter()).filter(|follower| follower.follows(&notice.channel)) {
            if let Some(earlier) = last.replace(follower) {
                earlier.tell(notice.clone());
            }
        }
        if let Some(follower) = last {
            follower.tell(notice);
        }
    }

    /// Whether anybody follows a channel.
    pub(super) fn is_followed(&self, channel: &str) -> bool {
        let list = self.list.load();
        list.iter()
            .flat_map(|list| list.iter())
            .any(|follower| follower.follows(channel) && !follower.notices.is_closed())
    }

    /// Follows the channels that begin with these words.
    pub(super) fn follow(&self, prefix: &str) -> Result<Follow, Error> {
        let (notices, follow) = mpsc::channel(NOTICES_MAX);
        self.add(prefix, notices).map(|()| follow)
    }

    /// The same, into a channel that others fill too.
    pub(super) fn add(&self, prefix: &str, notices: mpsc::Sender<Notice>) -> Result<(), Error> {
        let new = Follower { prefix: prefix.into(), notices };
        let alive = |list: &Vec<Follower>| -> Vec<Follower> {
            list.iter().filter(|follower| !follower.notices.is_closed()).cloned().collect()
        };
        if self.list.load().iter().any(|list| alive(list).len() >= FOLLOWERS_MAX) {
            return Err(Error::Unavailable { reason: format!("{FOLLOWERS_MAX} followers already: end one") });
        }
        let before = self.list.rcu(|list| {
            let mut next = alive(list.as_ref()?);
            next.push(new.clone());
            Some(next.into())
        });
        if before.is_none() { Err(Error::Closed) } else { Ok(()) }
    }

    /// Ends all followers; there will be no more.
    pub(super) fn close(&self) {
        self.list.store(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Headers;

    fn notice(channel: &str) -> Notice {
        Notice { channel: channel.into(), headers: Headers::default(), body: bytes::Bytes::new() }
    }

    #[test]
    fn a_follower_hears_whole_words_below_its_prefix() {
        let followers = Followers::new();
        let mut reply = followers.follow("reply.a").unwrap();
        let mut all = followers.follow("").unwrap();
        for channel in ["reply.a", "reply.a.7", "reply.ab", "other"] {
            followers.notify(notice(channel));
        }
        followers.close();
        let heard = |follow: &mut Follow| {
            std::iter::from_fn(|| follow.blocking_recv()).map(|notice| notice.channel).collect::<Vec<_>>()
        };
        assert_eq!(heard(&mut reply), ["reply.a", "reply.a.7"]);
        assert_eq!(heard(&mut all).len(), 4);
    }

    #[test]
    fn a_channel_whose_follower_went_away_is_not_followed() {
        let followers = Followers::new();
        assert!(!followers.is_followed("events"));
        let follow = followers.follow("events").unwrap();
        assert!(followers.is_followed("events.turn") && !followers.is_followed("event"));
        drop(follow);
        assert!(!followers.is_followed("events"));
        followers.close();
        assert!(matches!(followers.follow("events"), Err(Error::Closed)));
    }

    #[test]
    fn a_full_follower_loses_notices_and_nobody_waits() {
        let followers = Followers::new();
        let mut follow = followers.follow("events").unwrap();
        for _ in 0..NOTICES_MAX + 10 {
            followers.notify(notice("events"));
        }
        followers.close();
        assert_eq!(std::iter::from_fn(|| follow.blocking_recv()).count(), NOTICES_MAX);
    }
}
