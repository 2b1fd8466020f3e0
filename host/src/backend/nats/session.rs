//! What everything of one open store shares: the connection, the names, and the end of all tasks. Made by `open`.
//! Never carries a rule of its own.

use async_nats::Client;
use async_nats::jetstream::Context;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::names::Names;
use super::publisher::Publisher;
use crate::backend::Error;
use crate::id::BucketId;

/// One open store on NATS. Cheap to clone.
#[derive(Clone)]
pub(super) struct Session {
    /// The connection.
    pub(super) client: Client,
    /// JetStream over it, in the configured domain.
    pub(super) jetstream: Context,
    /// JetStream's domain, if the settings name one.
    pub(super) domain: Option<String>,
    /// Publishes to streams.
    pub(super) publisher: Publisher,
    /// Every name.
    pub(super) names: Names,
    /// How many equal shares of the slots there are; a power of two.
    pub(super) buckets: u16,
    /// The incarnation of every bucket, as it was when the store was opened.
    pub(super) incarnation: u32,
    /// Whether streams have copies on several servers: then a direct get may be answered by one that lags.
    pub(super) is_replicated: bool,
    /// Every task of the store.
    pub(super) tasks: TaskTracker,
    /// The store closes: tasks end, and calls are answered `Closed`.
    pub(super) ended: CancellationToken,
}

impl Session {
    /// A bucket by its number.
    pub(super) fn bucket(&self, number: u16) -> BucketId {
        BucketId { number, incarnation: self.incarnation }
    }

    /// # Errors
    /// `Closed`: the store was closed.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.ended.is_cancelled() { Err(Error::Closed) } else { Ok(()) }
    }
}
