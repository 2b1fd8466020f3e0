//! Writes an export: entry by entry, under another name until it is whole. Called by `export`.
//! Works on the caller's thread: whoever exports has nothing else to do. Never overwrites a file.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::format::{Counts, Entry, MAGIC, Summary, VERSION};

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// An export in the making. Dropped before it is finished, it leaves nothing.
pub(super) struct Writer {
    path: PathBuf,
    unfinished: PathBuf,
    file: BufWriter<File>,
    digest: blake3::Hasher,
    bytes: u64,
    counts: Counts,
    is_finished: bool,
}

impl Writer {
    /// Begins a file that only its owner can read: it holds states and messages.
    ///
    /// # Errors
    /// `Exists`, `File`.
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        if path.symlink_metadata().is_ok() {
            return Err(Error::Exists { path: path.into() });
        }
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        // Left there by an export that was killed.
        let _ = fs::remove_file(&unfinished);
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished);
        let file = BufWriter::with_capacity(BUFFER_BYTES, opened.map_err(Error::file(&unfinished))?);
        let (digest, counts) = (blake3::Hasher::new(), Counts::default());
        let mut writer = Self { path: path.into(), unfinished, file, digest, bytes: 0, counts, is_finished: false };
        writer.write(&MAGIC)?;
        writer.write(&VERSION.to_be_bytes())?;
        Ok(writer)
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// `File`.
    pub(super) fn put(&mut self, entry: &Entry) -> Result<(), Error> {
        self.counts.add(entry);
        let too_large = || Error::file(&self.path)(std::io::Error::other("an entry is too large"));
        let packed = rmp_serde::to_vec_named(entry).map_err(|_| too_large())?;
        let length = u32::try_from(packed.len()).map_err(|_| too_large())?;
        self.write(&length.to_be_bytes())?;
        self.write(&packed)
    }

    /// What was added so far.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Ends the file, makes it durable and gives it its name.
    ///
    /// # Errors
    /// `File`: there is no export.
    pub(super) fn finish(mut self, incarnation: u32) -> Result<Summary, Error> {
        self.put(&Entry::End(self.counts))?;
        let digest = self.digest.finalize();
        self.write(digest.as_bytes())?;
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(Error::file(&self.unfinished))?;
        let named = fs::rename(&self.unfinished, &self.path).and_then(|()| {
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        });
        named.map_err(Error::file(&self.path))?;
        self.is_finished = true;
        Ok(Summary { counts: self.counts, bytes: self.bytes, digest: digest.to_hex().to_string(), incarnation })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(Error::file(&self.unfinished))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_finished {
            // Best effort: the next export of this name removes it.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}
