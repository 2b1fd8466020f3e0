//! The seam's `Blobs` as files named by digest: a component of many megabytes would hold up the writer's groups.
//! Always synced, since deploys are rare. Checks what it reads; never changes a file once it has its name.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::store::Store;
use crate::backend::{Blobs, Error};
use crate::digest::Digest;

/// The folder of the blobs in the store's.
const FOLDER: &str = "blobs";

/// The blobs of one store.
pub(super) struct Files(pub(super) Arc<Store>);

/// Where the blobs of a store are.
pub(super) fn folder(dir: &Path) -> PathBuf {
    dir.join(FOLDER)
}

/// What a file's name says that it holds, if it is the name of a blob.
pub(super) fn named(path: &Path) -> Option<Digest> {
    path.file_name()?.to_str()?.parse().ok()
}

fn file(dir: &Path, digest: &Digest) -> PathBuf {
    folder(dir).join(data_encoding::HEXLOWER.encode(digest.as_bytes()))
}

fn store(dir: &Path, digest: &Digest, bytes: &[u8]) -> std::io::Result<()> {
    let path = file(dir, digest);
    if fs::read(&path).is_ok_and(|there| Digest::of(&there) == *digest) {
        return Ok(());
    }
    // Its own name, because two may store the same bytes at once.
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let unfinished = path.with_extension(data_encoding::HEXLOWER.encode(&random));
    let written = File::create_new(&unfinished).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        File::open(folder(dir))?.sync_all()
    });
    written.inspect_err(|_| drop(fs::remove_file(&unfinished)))
}

fn load(dir: &Path, digest: &Digest) -> Result<Option<Bytes>, Error> {
    let path = file(dir, digest);
    match fs::read(&path) {
        Ok(bytes) if Digest::of(&bytes) == *digest => Ok(Some(bytes.into())),
        Ok(_) => {
            let reason = format!("{} does not have its digest any more: deploy it again", path.display());
            Err(Error::Damaged { reason })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Unavailable { reason: format!("{}: {error}", path.display()) }),
    }
}

#[async_trait]
impl Blobs for Files {
    async fn put(&self, bytes: Bytes) -> Result<Digest, Error> {
        let dir = self.0.dir.clone();
        let put = tokio::task::spawn_blocking(move || {
            let digest = Digest::of(&bytes);
            store(&dir, &digest, &bytes).map(|()| digest)
        });
        let unavailable = |error: std::io::Error| Error::Unavailable { reason: format!("cannot keep a blob: {error}") };
        put.await.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(unavailable)
    }

    async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, Error> {
        let (dir, digest) = (self.0.dir.clone(), *digest);
        let get = tokio::task::spawn_blocking(move || load(&dir, &digest));
        get.await.unwrap_or_else(|error| Err(Error::Unavailable { reason: error.to_string() }))
    }
}
