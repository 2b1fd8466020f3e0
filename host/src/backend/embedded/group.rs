//! What one transaction of the writer knows while it runs: its time, the positions and revisions it gives out,
//! and what there is to tell once it is committed.
//! Made by `writer`, filled by the statements of `stream` and `row`. Never tells anything before the commit.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::dedupe::{Key, Window};
use super::row::Space;
use super::scan;
use super::schema::{setting, signed};
use super::stream::{self, StreamNumber};
use crate::backend::{DEDUPE_WINDOW, Delivery, Entry};
use crate::clock::Time;
use crate::id::{Revision, Seq};

/// Revisions set aside at a time: the counter is stored once for so many writes. After a restart the rest is skipped.
const REVISIONS_RESERVED: u64 = 1 << 16;

/// What the writer keeps in memory from one group to the next.
pub(super) struct Memory {
    /// The highest position given out in each stream. Those of a group that failed are not given out again.
    lasts: BTreeMap<StreamNumber, Seq>,
    window: Window,
    /// The highest revision given out.
    revision: u64,
    /// The highest revision that may be given out before the counter is stored again.
    reserved: u64,
}

impl Memory {
    /// Reads what the store holds.
    pub(super) fn load(connection: &Connection, buckets: u16, now: Time) -> rusqlite::Result<Self> {
        let last = |stream| stream::position(connection, stream).map(|position| (stream, position.last));
        let revision = setting(connection, "revision")?;
        Ok(Self {
            lasts: StreamNumber::all(buckets).map(last).collect::<rusqlite::Result<_>>()?,
            window: scan::recent(connection, buckets, now.minus(DEDUPE_WINDOW))?,
            revision,
            reserved: revision,
        })
    }
}

/// One transaction.
pub(super) struct Group<'w> {
    /// Where its statements run.
    pub(super) connection: &'w Connection,
    /// When it stores what it stores.
    pub(super) now: Time,
    /// Somebody wants the floors stored with it.
    pub(super) wants_floors: bool,
    memory: &'w mut Memory,
    arrivals: usize,
    reserved: u64,
    news: News,
}

/// What to tell once a group is committed.
#[derive(Default)]
pub(super) struct News {
    /// Messages, in the order of storing.
    pub(super) deliveries: Vec<(StreamNumber, Delivery)>,
    /// Changed rows, in the order of storing.
    pub(super) changes: Vec<(Space, String, Option<Entry>)>,
}

impl<'w> Group<'w> {
    /// Inside a transaction that has begun.
    pub(super) fn new(connection: &'w Connection, memory: &'w mut Memory, now: Time) -> Self {
        memory.window.forget_old(now);
        let reserved = memory.reserved;
        Self { connection, now, wants_floors: false, memory, arrivals: 0, reserved, news: News::default() }
    }

    /// The position for an id in a stream, and whether it is that of an earlier copy.
    pub(super) fn position_of(&mut self, stream: StreamNumber, key: Key) -> (Seq, bool) {
        if let Some(seq) = self.memory.window.find(key) {
            return (seq, true);
        }
        let last = self.memory.lasts.entry(stream).or_default();
        last.0 += 1;
        let seq = *last;
        self.memory.window.insert(key, seq, self.now);
        self.arrivals += 1;
        (seq, false)
    }

    /// The highest position given out in a stream.
    pub(super) fn last(&self, stream: StreamNumber) -> Seq {
        self.memory.lasts.get(&stream).copied().unwrap_or_default()
    }

    /// A revision that no row ever had.
    pub(super) fn next_revision(&mut self) -> rusqlite::Result<Revision> {
        if self.memory.revision >= self.reserved {
            self.reserved = self.memory.revision + REVISIONS_RESERVED;
            let mut update = self.connection.prepare_cached("UPDATE setting SET value = ?1 WHERE name = 'revision'")?;
            update.execute([signed(self.reserved)])?;
        }
        self.memory.revision += 1;
        Ok(Revision(self.memory.revision))
    }

    /// A message was stored.
    pub(super) fn deliver(&mut self, stream: StreamNumber, delivery: Delivery) {
        self.news.deliveries.push((stream, delivery));
    }

    /// A row was stored, or removed.
    pub(super) fn change(&mut self, space: Space, key: String, entry: Option<Entry>) {
        self.news.changes.push((space, key, entry));
    }

    /// It is committed: here is what to tell.
    pub(super) fn committed(self) -> News {
        self.memory.reserved = self.reserved;
        self.news
    }

    /// It was rolled back: its ids may come again. Its positions and revisions stay unused.
    pub(super) fn failed(self) {
        self.memory.window.take_back(self.arrivals);
    }
}
