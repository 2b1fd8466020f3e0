//! The ids that the log saw within its window, in memory: an index over random ids on disk would cost a third of the speed.
//! Kept by the writer, filled again from the log when the store is opened. Knows hashes and positions, no messages.

use std::collections::{HashMap, VecDeque};

use super::stream::StreamNumber;
use crate::backend::DEDUPE_WINDOW;
use crate::clock::Time;
use crate::id::Seq;
use crate::names::MessageId;

/// Capacity below which the map is not worth shrinking.
const CAPACITY_KEPT: usize = 65_536;

/// Stands for one id in one stream: 128 bits of a cryptographic hash, because callers choose part of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 16]);

impl Key {
    pub(super) fn new(stream: StreamNumber, id: &MessageId) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&stream.0.to_le_bytes());
        hash.update(id.as_str().as_bytes());
        let mut key = [0; 16];
        hash.finalize_xof().fill(&mut key);
        Self(key)
    }
}

/// The ids of the last [`DEDUPE_WINDOW`]: about 70 bytes each.
#[derive(Default)]
pub(super) struct Window {
    positions: HashMap<Key, Seq>,
    /// Oldest first.
    arrivals: VecDeque<(Key, Time)>,
}

impl Window {
    /// The position of the copy that came within the window.
    pub(super) fn find(&self, key: Key) -> Option<Seq> {
        self.positions.get(&key).copied()
    }

    /// Remembers an id that is not there.
    pub(super) fn insert(&mut self, key: Key, seq: Seq, now: Time) {
        self.positions.insert(key, seq);
        self.arrivals.push_back((key, now));
    }

    /// Takes the latest `count` ids back: their group was not stored.
    pub(super) fn take_back(&mut self, count: usize) {
        for (key, _) in self.arrivals.drain(self.arrivals.len().saturating_sub(count)..) {
            self.positions.remove(&key);
        }
    }

    /// Forgets what is older than the window.
    pub(super) fn forget_old(&mut self, now: Time) {
        while let Some((key, _)) = self.arrivals.pop_front_if(|(_, stored)| stored.plus(DEDUPE_WINDOW) <= now) {
            self.positions.remove(&key);
        }
        if self.positions.capacity() > CAPACITY_KEPT.max(self.positions.len().saturating_mul(8)) {
            self.positions.shrink_to(CAPACITY_KEPT);
            self.arrivals.shrink_to(CAPACITY_KEPT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::new(StreamNumber(1), &MessageId::stored(text))
    }

    #[test]
    fn an_id_taken_back_and_inserted_again_lives_its_full_window() {
        let mut window = Window::default();
        window.insert(key("a"), Seq(1), Time(0));
        window.take_back(1);
        assert_eq!(window.find(key("a")), None);
        window.insert(key("a"), Seq(2), Time(10_000));
        window.forget_old(Time(39_999));
        assert_eq!(window.find(key("a")), Some(Seq(2)));
        window.forget_old(Time(40_000));
        assert_eq!(window.find(key("a")), None);
    }

    #[test]
    fn one_id_in_two_streams_is_two() {
        assert_ne!(key("a"), Key::new(StreamNumber(2), &MessageId::stored("a")));
    }
}
