//! The reader of one bucket: from the tail what is new, from the log what is older.
//! Opened by `log`, used by the bucket's owner. Keeps no lock and no connection while it waits.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;

use super::scan;
use super::store::Store;
use super::stream::{self, StreamNumber};
use super::tail::Found;
use crate::backend::{Delivery, Error, Inbox};
use crate::id::{BucketId, Epoch, Seq};

/// Messages read from the log at once.
const PAGE_MESSAGES: usize = 256;
/// Bytes of bodies read from the log at once.
const PAGE_BYTES: usize = 4 << 20;

/// An opened bucket.
pub(super) struct Reader {
    store: Arc<Store>,
    bucket: BucketId,
    opening: u64,
    floor: Seq,
    /// The last message given out.
    position: Seq,
    /// Messages behind `position` that were read from the log.
    page: VecDeque<Delivery>,
}

impl Reader {
    pub(super) fn open(store: Arc<Store>, bucket: BucketId, epoch: Epoch) -> Result<Self, Error> {
        let (opening, floor) = store.tail(bucket)?.open(epoch)?;
        Ok(Self { store, bucket, opening, floor, position: floor, page: VecDeque::new() })
    }

    async fn read_page(&self) -> Result<Vec<Delivery>, Error> {
        let (stream, after) = (StreamNumber::of(self.bucket), self.position);
        let read = move |connection: &_| scan::page(connection, stream, after, PAGE_MESSAGES, PAGE_BYTES);
        self.store.readers.scan(read).await
    }
}

#[async_trait]
impl Inbox for Reader {
    fn floor(&self) -> Seq {
        self.floor
    }

    async fn settle(&mut self) -> Result<(), Error> {
        // The opening itself has closed the earlier ones.
        self.store.tail(self.bucket)?.check(self.opening)
    }

    async fn next(&mut self) -> Result<Delivery, Error> {
        let store = Arc::clone(&self.store);
        let tail = store.tail(self.bucket)?;
        // Dropped at an await, it has changed nothing: the position moves only with a message that is given out.
        loop {
            tail.check(self.opening)?;
            if let Some(message) = self.page.pop_front() {
                self.position = message.seq;
                return Ok(message);
            }
            // Made before looking, so that what comes in between wakes us.
            let changed = tail.changed();
            match tail.take(self.opening, self.position)? {
                Found::Message(message) => {
                    self.position = message.seq;
                    return Ok(message);
                }
                Found::Behind(until) => {
                    self.page = self.read_page().await?.into();
                    if self.page.is_empty() {
                        // Nothing is left of those: they were trimmed.
                        self.position = until;
                    }
                }
                Found::Nothing => changed.await,
            }
        }
    }

    async fn ack(&mut self, seq: Seq) -> Result<(), Error> {
        self.store.tail(self.bucket)?.acknowledge(self.opening, seq)?;
        self.store.floor_changed();
        Ok(())
    }

    async fn trim(&mut self, seq: Seq) -> Result<(), Error> {
        let stream = StreamNumber::of(self.bucket);
        loop {
            self.store.tail(self.bucket)?.check(self.opening)?;
            if !self.store.write(0, move |group| stream::trim(group, stream, seq)).await? {
                return Ok(());
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Ok(tail) = self.store.tail(self.bucket) {
            tail.leave(self.opening);
        }
    }
}
