//! The seam's `Blobs` in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::{Blobs, Error};
use crate::digest::Digest;
use crate::guard::lock;

/// The blobs of one store.
#[derive(Default)]
pub(super) struct Components {
    by_digest: Mutex<BTreeMap<Digest, Bytes>>,
}

#[async_trait]
impl Blobs for Components {
    async fn put(&self, bytes: Bytes) -> Result<Digest, Error> {
        let digest = Digest::of(&bytes);
        lock(&self.by_digest).insert(digest, bytes);
        Ok(digest)
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, Error> {
        // Memory does not rot, so the digest is not computed again.
        Ok(lock(&self.by_digest).get(digest).cloned())
    }
}
