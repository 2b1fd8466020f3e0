//! Keys of a table on their way to whoever lists it page by page. The server counts all subjects for every answer, so what
//! one answer held is kept for the next pages: a table of a million rows is counted a few times, not a thousand.
//! Pure. Never kept for long, nor for tables that are quickly counted: keys that came meanwhile are not in it.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// Keys that are held at once, a few dozen bytes each.
const KEYS_MAX: usize = 200_000;
/// Fewer keys than this are asked for anew.
const KEPT_KEYS_MIN: usize = 1_000;
/// How long keys are kept for the next page.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// Keys that begin alike, in order.
#[derive(Debug)]
pub(super) struct Listing {
    prefix: String,
    /// The next key comes after this one.
    after: Option<String>,
    keys: VecDeque<String>,
    /// There are no keys behind these.
    is_complete: bool,
    since: Instant,
}

/// Collects the first so many keys, in whichever order they come.
#[derive(Debug, Default)]
pub(super) struct Collected {
    keys: BTreeSet<String>,
    is_cut: bool,
}

impl Collected {
    pub(super) fn add(&mut self, key: &str) {
        self.keys.insert(key.to_owned());
        if self.keys.len() > KEYS_MAX {
            self.keys.pop_last();
            self.is_cut = true;
        }
    }

    /// As a listing of what comes after a key.
    pub(super) fn listed(self, prefix: &str, after: Option<&str>, now: Instant) -> Listing {
        let (keys, is_complete) = (self.keys.into_iter().collect(), !self.is_cut);
        Listing { prefix: prefix.into(), after: after.map(str::to_owned), keys, is_complete, since: now }
    }
}

impl Listing {
    /// Whether it goes on exactly there.
    pub(super) fn continues(&self, prefix: &str, after: Option<&str>, now: Instant) -> bool {
        let is_next = after.is_some() && self.after.as_deref() == after && self.prefix == prefix;
        is_next && now.saturating_duration_since(self.since) < KEPT_FOR
    }

    /// The next so many keys. Fewer: ask for what comes after the last, unless it [`is_complete`](Self::is_complete).
    pub(super) fn take(&mut self, count: usize) -> Vec<String> {
        let taken: Vec<String> = self.keys.drain(..count.min(self.keys.len())).collect();
        if let Some(last) = taken.last() {
            self.after = Some(last.clone());
        }
        taken
    }

    /// Where it goes on.
    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Whether there is nothing behind its last key.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether it is worth keeping.
    pub(super) fn is_long(&self) -> bool {
        self.keys.len() >= KEPT_KEYS_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(count: usize, now: Instant) -> Listing {
        let mut collected = Collected::default();
        (0..count).rev().for_each(|number| collected.add(&format!("k.{number:07}")));
        collected.listed("k.", None, now)
    }

    #[test]
    fn keys_come_in_order_page_by_page() {
        let now = Instant::now();
        let mut listing = listing(5, now);
        assert_eq!(listing.take(2), ["k.0000000", "k.0000001"]);
        assert!(listing.continues("k.", Some("k.0000001"), now) && listing.is_complete());
        assert_eq!(listing.take(9).len(), 3);
        assert_eq!(listing.after(), Some("k.0000004"));
        assert!(listing.take(1).is_empty());
    }

    #[test]
    fn another_place_another_prefix_and_a_late_page_are_asked_anew() {
        let now = Instant::now();
        let mut listing = listing(5, now);
        assert!(!listing.continues("k.", None, now), "from the beginning everything is looked at again");
        listing.take(2);
        assert!(!listing.continues("k.", Some("k.0000000"), now));
        assert!(!listing.continues("", Some("k.0000001"), now));
        assert!(!listing.continues("k.", Some("k.0000001"), now + KEPT_FOR));
    }

    #[test]
    fn what_is_too_much_to_hold_is_cut_at_the_end() {
        let mut listing = listing(KEYS_MAX + 3, Instant::now());
        assert!(!listing.is_complete() && listing.is_long());
        assert_eq!(listing.take(usize::MAX).last().map(String::as_str), Some("k.0199999"));
    }
}
