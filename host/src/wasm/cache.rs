//! Compiled code on disk, so that a host that starts again need not compile again.
//! Used by `compile` on a blocking thread; one file per component, engine version and engine settings.
//! Never loads what this host did not write: machine code from a file is trusted only under its keyed tag.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::digest::Digest;
use crate::wasm::sandbox::Error;

/// Part of every file's name; a new layout of the files is a new domain.
const DOMAIN: &[u8] = b"hydra compiled component v1";
/// A tag: the first bytes of every file.
const TAG_BYTES: usize = blake3::OUT_LEN;
/// All files together; the oldest go first.
const CACHE_BYTES_MAX: u64 = 1 << 30;
/// Files at the most.
const CACHE_FILES_MAX: usize = 1_024;

/// A private folder and the key that its files are tagged with.
pub(super) struct Cache {
    dir: PathBuf,
    /// Random, this host's own, kept beside the folder: whoever can write into the folder cannot make a tag.
    key: [u8; blake3::KEY_LEN],
}

/// Names one component compiled by one engine.
pub(super) struct Name(blake3::Hash);

impl Name {
    /// The version of wasmtime counts to the last digit: a corrected compiler must not run code of a faulty one.
    pub(super) fn new(component: Digest, engine: &wasmtime::Engine) -> Self {
        let mut hasher = Blake3(blake3::Hasher::new());
        hasher.0.update(DOMAIN);
        hasher.0.update(component.as_bytes());
        wasmtime::ModuleVersionStrategy::WasmtimeVersion.hash(&mut hasher);
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self(hasher.0.finalize())
    }
}

/// A hasher whose result is the same in every process.
struct Blake3(blake3::Hasher);

impl Hasher for Blake3 {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.finalize().as_bytes().iter().take(8).fold(0, |sum, &byte| sum << 8 | u64::from(byte))
    }
}

impl Cache {
    /// Opens the folder, creating it and its key when they are not there.
    pub(super) fn open(dir: PathBuf) -> Result<Self, Error> {
        let key_path = dir.with_extension("key");
        let opened = || {
            DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))?;
            key(&key_path)
        };
        let key = opened().map_err(|source| Error::Cache { dir: dir.clone(), source })?;
        Ok(Self { dir, key })
    }

    /// The code under this name, if it is there and as it was written. What is not is deleted.
    pub(super) fn get(&self, name: &Name) -> Option<Vec<u8>> {
        let mut file = File::open(self.path(name)).ok()?;
        let mut tag = [0; TAG_BYTES];
        let mut code = Vec::new();
        let read = file.read_exact(&mut tag).and_then(|()| file.read_to_end(&mut code));
        // `blake3::Hash` compares in constant time.
        if read.is_ok() && self.tag(name, &code) == tag {
            return Some(code);
        }
        tracing::warn!(file = %self.path(name).display(), "compiled code is damaged or not this host's: compiling again");
        self.discard(name);
        None
    }

    /// Keeps the code for the next start. Failing is no harm: it is compiled again then.
    pub(super) fn put(&self, name: &Name, code: &[u8]) {
        if let Err(error) = self.try_put(name, code) {
            tracing::warn!(dir = %self.dir.display(), %error, "cannot keep compiled code");
        }
    }

    /// Forgets the code under this name.
    pub(super) fn discard(&self, name: &Name) {
        // Either it is gone, or the next `put` replaces it.
        let _ = fs::remove_file(self.path(name));
    }

    fn try_put(&self, name: &Name, code: &[u8]) -> io::Result<()> {
        self.make_room(code.len())?;
        let path = self.path(name);
        let temporary = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(self.tag(name, code).as_bytes())?;
        file.write_all(code)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)
    }

    /// Deletes the files written longest ago until another of this size fits.
    fn make_room(&self, bytes: usize) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let data = entry.metadata()?;
            files.push((data.modified().unwrap_or(SystemTime::UNIX_EPOCH), data.len(), entry.path()));
        }
        files.sort();
        let mut count = files.len();
        let mut sum = files.iter().map(|file| file.1).sum::<u64>() + u64::try_from(bytes).unwrap_or(u64::MAX);
        for (_, bytes, path) in files {
            if sum <= CACHE_BYTES_MAX && count < CACHE_FILES_MAX {
                break;
            }
            fs::remove_file(path)?;
            sum -= bytes;
            count -= 1;
        }
        Ok(())
    }

    fn tag(&self, name: &Name, code: &[u8]) -> blake3::Hash {
        blake3::Hasher::new_keyed(&self.key).update(name.0.as_bytes()).update(code).finalize()
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.dir.join(format!("{}.cwasm", name.0.to_hex()))
    }
}

/// Reads the key, or makes one when there is none that can be used: then all that was tagged before is compiled again.
fn key(path: &Path) -> io::Result<[u8; blake3::KEY_LEN]> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    let mut key = [0; blake3::KEY_LEN];
    if file.metadata()?.len() == u64::try_from(blake3::KEY_LEN).unwrap_or(u64::MAX) {
        file.read_exact(&mut key)?;
        return Ok(key);
    }
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    file.set_len(0)?;
    file.write_all(&key)?;
    file.sync_all()?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name(blake3::hash(text.as_bytes()))
    }

    #[test]
    fn only_what_was_written_under_a_name_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path().join("compiled")).unwrap();
        cache.put(&name("a"), b"code");
        assert_eq!(cache.get(&name("a")).as_deref(), Some(b"code".as_slice()));
        assert_eq!(cache.get(&name("b")), None);
        fs::copy(cache.path(&name("a")), cache.path(&name("b"))).unwrap();
        assert_eq!(cache.get(&name("b")), None, "a file that was given another name");
        assert!(!cache.path(&name("b")).exists(), "is deleted");
    }

    #[test]
    fn folder_and_key_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |path: &str| fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
        let first = Cache::open(dir.path().join("compiled")).unwrap().key;
        assert_eq!((mode("compiled"), mode("compiled.key")), (0o700, 0o600));
        assert_eq!(Cache::open(dir.path().join("compiled")).unwrap().key, first, "the key stays");
        fs::write(dir.path().join("compiled.key"), b"short").unwrap();
        assert_ne!(Cache::open(dir.path().join("compiled")).unwrap().key, first, "a damaged key is replaced");
    }
}
