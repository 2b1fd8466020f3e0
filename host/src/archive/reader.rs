//! Reads an export: once from end to end to check it, then once more to import it. Called by `import` and the edges.
//! A file from outside: nothing in it is believed before its digest was checked, and no length in it makes room.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::error::Error;
use super::format::{Counts, DIGEST_BYTES, ENTRY_BYTES_MAX, Entry, MAGIC, Start, Summary, VERSION};
use crate::backend;
use crate::id::Revision;
use crate::record::Record;

/// Bytes read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// An export that is whole.
#[derive(Debug, Clone)]
pub struct Checked {
    pub(super) path: PathBuf,
    pub(super) start: Start,
    summary: Summary,
}

impl Checked {
    /// What is in it.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}

/// Checks an export from its first byte to its last.
///
/// # Errors
/// `File`, `NotAnExport`, `Version`, `Damaged`: do not import it.
pub fn check(path: &Path) -> Result<Checked, Error> {
    let mut reader = Reader::open(path)?;
    while let Some(entry) = reader.next()? {
        if let Entry::Actor { headers, value, .. } = entry {
            let row = backend::Entry { value, headers, revision: Revision(0) };
            Record::decode(&row).map_err(|_| reader.damaged("a record cannot be read"))?;
        }
    }
    let start = reader.start.clone().ok_or_else(|| reader.damaged("it has no beginning"))?;
    let (counts, digest) = (reader.counts, reader.digest.finalize().to_hex().to_string());
    let bytes = reader.position + DIGEST_BYTES as u64;
    let summary = Summary { counts, bytes, digest, incarnation: start.incarnation };
    Ok(Checked { path: path.into(), start, summary })
}

/// An export that is being read.
pub(super) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    digest: blake3::Hasher,
    /// Bytes read, the digest at the end not counted.
    position: u64,
    start: Option<Start>,
    counts: Counts,
}

impl Reader {
    /// Begins to read.
    ///
    /// # Errors
    /// `File`, `NotAnExport`, `Version`.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::file(path))?;
        let (file, digest) = (BufReader::with_capacity(BUFFER_BYTES, file), blake3::Hasher::new());
        let mut reader = Self { path: path.into(), file, digest, position: 0, start: None, counts: Counts::default() };
        let not_an_export = |error| match error {
            Error::Damaged { path, .. } => Error::NotAnExport { path },
            other => other,
        };
        let magic: [u8; MAGIC.len()] = reader.array().map_err(not_an_export)?;
        if magic != MAGIC {
            return Err(Error::NotAnExport { path: path.into() });
        }
        let found = u32::from_be_bytes(reader.array()?);
        if found != VERSION {
            return Err(Error::Version { path: path.into(), found, known: VERSION });
        }
        Ok(reader)
    }

    /// The next entry, without the first and the last. None: the end, and the digest is right.
    ///
    /// # Errors
    /// `Damaged`, `File`: what was read until now counts for nothing.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Error> {
        loop {
            let entry = self.entry()?;
            match (entry, self.start.is_some()) {
                (Entry::Start(start), false) => self.start = Some(start),
                (Entry::Start(_), true) | (_, false) => return Err(self.damaged("entries stand in the wrong order")),
                (Entry::End(counts), true) => return self.end(counts).map(|()| None),
                (entry, true) => {
                    self.counts.add(&entry);
                    return Ok(Some(entry));
                }
            }
        }
    }

    fn entry(&mut self) -> Result<Entry, Error> {
        let length = u32::from_be_bytes(self.array()?);
        let length = usize::try_from(length).ok().filter(|length| *length <= ENTRY_BYTES_MAX);
        let length = length.ok_or_else(|| self.damaged("an entry is longer than any can be"))?;
        let packed = self.bytes(length)?;
        rmp_serde::from_slice(&packed).map_err(|_| self.damaged("an entry cannot be read"))
    }

    fn end(&mut self, counts: Counts) -> Result<(), Error> {
        if counts != self.counts {
            return Err(self.damaged("entries are missing"));
        }
        let mut digest = [0; DIGEST_BYTES];
        self.fill(&mut digest)?;
        // Compares in constant time, which does no harm here.
        if self.digest.finalize() != digest {
            return Err(self.damaged("its digest is not that of its contents"));
        }
        let mut more = [0];
        match self.file.read(&mut more).map_err(Error::file(&self.path))? {
            0 => Ok(()),
            _ => Err(self.damaged("there is something behind its end")),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        self.fill(&mut array)?;
        self.took(&array);
        Ok(array)
    }

    /// So many bytes. Room is made as they come.
    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let limited = self.file.by_ref().take(length as u64).read_to_end(&mut bytes);
        let read = limited.map_err(Error::file(&self.path))?;
        self.took(&bytes);
        if read == length { Ok(bytes) } else { Err(self.damaged("it was cut")) }
    }

    fn fill(&mut self, array: &mut [u8]) -> Result<(), Error> {
        match self.file.read_exact(array) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(self.damaged("it was cut")),
            read => read.map_err(Error::file(&self.path)),
        }
    }

    fn took(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.position += bytes.len() as u64;
    }

    fn damaged(&self, what: &'static str) -> Error {
        Error::Damaged { path: self.path.clone(), at: self.position, what }
    }
}
