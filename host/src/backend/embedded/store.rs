//! What everything that uses one open store shares: the way to the writer, the readers, and who waits for news.
//! Made by `open`; held by the seam's traits, the writer and the checkpointer.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use super::checkpoint::Bell;
use super::group::Group;
use super::queue::Queue;
use super::readers::Readers;
use super::row::Space;
use super::tail::Tail;
use super::writer::Op;
use crate::backend::Error;
use crate::backend::followers::Followers;
use crate::backend::watchers::Watchers;
use crate::clock::Clock;
use crate::id::BucketId;

/// One open store.
pub(super) struct Store {
    pub(super) dir: PathBuf,
    pub(super) clock: Arc<Clock>,
    pub(super) queue: Queue,
    pub(super) readers: Arc<Readers>,
    /// Of every bucket, as it was when the store was opened.
    pub(super) incarnation: u32,
    /// By number of the bucket.
    pub(super) tails: Vec<Tail>,
    /// A floor was acknowledged that is not stored yet.
    pub(super) floors_changed: AtomicBool,
    pub(super) followers: Followers,
    pub(super) actors_watchers: Watchers,
    pub(super) registry_watchers: Watchers,
    /// Wakes the checkpointer.
    pub(super) bell: Bell,
}

impl Store {
    /// Has the writer do something in its next group, and waits until that is committed.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce(&mut Group<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Op::new(bytes, work, answer)).await?;
        answered.await.unwrap_or_else(|_| Err(Error::Unknown { reason: "the writer ended".into() }))
    }

    /// How many buckets there are.
    pub(super) fn buckets(&self) -> u16 {
        u16::try_from(self.tails.len()).unwrap_or(u16::MAX)
    }

    /// A bucket by its number.
    pub(super) fn bucket(&self, number: u16) -> BucketId {
        BucketId { number, incarnation: self.incarnation }
    }

    /// The tail of a bucket of this store.
    pub(super) fn tail(&self, bucket: BucketId) -> Result<&Tail, Error> {
        let known = self.tails.get(usize::from(bucket.number)).filter(|_| bucket.incarnation == self.incarnation);
        known.ok_or(Error::Closed)
    }

    /// A floor was acknowledged: it is stored with one of the next groups.
    pub(super) fn floor_changed(&self) {
        if !self.floors_changed.swap(true, Ordering::AcqRel) {
            self.bell.ring(0);
        }
    }

    /// Who watches a table.
    pub(super) fn watchers(&self, space: Space) -> &Watchers {
        match space {
            Space::Actors => &self.actors_watchers,
            Space::Registry => &self.registry_watchers,
        }
    }

    /// Ends everybody who waits for news.
    pub(super) fn end_waiting(&self) {
        self.tails.iter().for_each(Tail::close);
        self.followers.close();
        self.actors_watchers.close();
        self.registry_watchers.close();
        self.readers.close();
    }
}
