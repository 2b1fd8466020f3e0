//! The seam's `Blobs` in a NATS object store, each blob named by its digest. Checks what it reads.
//! Never writes over a blob that is whole: somebody may be reading it.

use std::time::Duration;

use async_nats::jetstream::object_store::{InfoErrorKind, ObjectStore};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncReadExt as _;

use super::error::unanswered;
use super::session::Session;
use crate::backend::{Blobs, Error};
use crate::digest::Digest;

/// How long reading or writing one blob may take: a chunk that is missing is waited for in vain.
const TRANSFER_LIMIT: Duration = Duration::from_secs(60);
/// The largest blob that is read, in bytes: no component is larger.
const BLOB_BYTES_MAX: usize = 256 << 20;

/// The blobs of one store.
pub(super) struct Objects {
    session: Session,
    store: ObjectStore,
}

impl Objects {
    pub(super) async fn new(session: &Session) -> Result<Self, Error> {
        let store = session.jetstream.get_object_store(session.names.components()).await;
        let store = store.map_err(|error| unanswered("use the object store", &error))?;
        Ok(Self { session: session.clone(), store })
    }

    async fn read(&self, digest: &Digest) -> Result<Option<Bytes>, Error> {
        let name = name(digest);
        let size = match self.store.info(&name).await {
            Ok(info) if info.deleted => return Ok(None),
            Ok(info) => info.size,
            Err(error) if error.kind() == InfoErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unanswered("read a component", &error)),
        };
        if size > BLOB_BYTES_MAX {
            return Err(damaged(&name, "is larger than any component"));
        }
        let object = self.store.get(&name).await.map_err(|error| unanswered("read a component", &error))?;
        let mut bytes = Vec::with_capacity(size);
        let limit = u64::try_from(BLOB_BYTES_MAX).unwrap_or(u64::MAX);
        match object.take(limit).read_to_end(&mut bytes).await {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(damaged(&name, "does not have its digest any more"));
            }
            Err(error) => return Err(unanswered("read a component", &error)),
        }
        if Digest::of(&bytes) == *digest {
            Ok(Some(bytes.into()))
        } else {
            Err(damaged(&name, "does not have its digest any more"))
        }
    }

    async fn write(&self, bytes: &Bytes) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        if matches!(self.read(&digest).await, Ok(Some(_))) {
            return Ok(digest);
        }
        let put = self.store.put(name(&digest).as_str(), &mut bytes.as_ref()).await;
        put.map_err(|error| Error::Unknown { reason: format!("cannot keep a component: {error}") })?;
        Ok(digest)
    }
}

fn name(digest: &Digest) -> String {
    data_encoding::HEXLOWER.encode(digest.as_bytes())
}

fn damaged(name: &str, what: &str) -> Error {
    Error::Damaged { reason: format!("the component {name} {what}: deploy it again") }
}

fn too_slow<T>(_: tokio::time::error::Elapsed) -> Result<T, Error> {
    Err(Error::Unavailable {
        reason: "a component did not come in time: is a part of it missing? deploy it again".into(),
    })
}

#[async_trait]
impl Blobs for Objects {
    async fn put(&self, bytes: Bytes) -> Result<Digest, Error> {
        self.session.check()?;
        tokio::time::timeout(TRANSFER_LIMIT, self.write(&bytes)).await.unwrap_or_else(too_slow)
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, Error> {
        self.session.check()?;
        tokio::time::timeout(TRANSFER_LIMIT, self.read(digest)).await.unwrap_or_else(too_slow)
    }
}
