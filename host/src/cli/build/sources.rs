//! Of what a component is built, and whether it still is: a fingerprint of the sources, kept beside what was built.
//! Asked by `build`, `dev` and `deploy`. Reads every source; never decides by times, which a checkout changes.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hydra::digest::Digest;

use crate::cli::component::Component;

/// Most files that are watched.
const FILES_MAX: usize = 5_000;
/// Most bytes that are read for one fingerprint.
const BYTES_MAX: u64 = 64 << 20;
/// Folders that build tools write into, or that are no part of a component.
const LEFT_OUT: [&str; 7] = ["build", "dist", "node_modules", "scenarios", "target", "venv", "__pycache__"];
/// Files that no component is built of; `built` is our own record.
const NO_SOURCES: [&str; 3] = ["built", "md", "wasm"];
/// First bytes of a core module.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// The sources of one component as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Sources {
    /// Stands for paths, contents and the build command.
    pub(in crate::cli) fingerprint: Digest,
    /// The folders that they are in: what is to be watched.
    pub(in crate::cli) folders: Vec<PathBuf>,
}

impl Sources {
    /// Reads them.
    ///
    /// # Errors
    /// There are too many, or one cannot be read: the text says what to write into `[build] watch`.
    pub(in crate::cli) fn of(component: &Component) -> Result<Self> {
        let build = &component.manifest.build;
        let mut walk = Walk::default();
        if build.watch.is_empty() {
            walk.visit(&component.folder)?;
        }
        for path in &build.watch {
            walk.visit(&component.folder.join(path))?;
        }
        walk.files.sort();
        walk.files.dedup();
        let mut lines = build.command.clone().unwrap_or_default();
        for (path, digest) in &walk.files {
            // As seen from the project, wherever it is seen from.
            let path = path.strip_prefix(&component.folder).unwrap_or(path);
            lines.push_str(&format!("\n{} {digest}", path.display()));
        }
        Ok(Self { fingerprint: Digest::of(lines.as_bytes()), folders: walk.folders })
    }

    /// Remembers that the component was built of these.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn remember(&self, component: &Component) -> Result<()> {
        let record = self.record(component)?;
        let path = record_of(component);
        std::fs::write(&path, record).with_context(|| format!("write {}", path.display()))
    }

    fn record(&self, component: &Component) -> Result<String> {
        let bytes = std::fs::read(&component.wasm)?;
        Ok(format!("sources {}\ncomponent {}\n", self.fingerprint, Digest::of(&bytes)))
    }

    /// Whether `hydra build` made the component of exactly these.
    pub(in crate::cli) fn are_built(&self, component: &Component) -> bool {
        let known = std::fs::read_to_string(record_of(component)).ok();
        known.is_some() && known == self.record(component).ok()
    }

    /// Whether `hydra build` made this component of others. False if somebody else built it: then nobody knows.
    pub(in crate::cli) fn are_newer(&self, component: &Component) -> bool {
        let Ok(known) = std::fs::read_to_string(record_of(component)) else { return false };
        let Ok(now) = self.record(component) else { return false };
        known != now && known.lines().nth(1) == now.lines().nth(1)
    }
}

/// Beside the component, so that it goes with it.
fn record_of(component: &Component) -> PathBuf {
    component.wasm.with_extension("built")
}

/// Whether a file is a core module, not a component. A file that is not there is neither.
pub(in crate::cli) fn is_core_module(file: &Path) -> bool {
    let mut first = [0; CORE_MODULE.len()];
    std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut first)).is_ok() && first == CORE_MODULE
}

#[derive(Default)]
struct Walk {
    files: Vec<(PathBuf, Digest)>,
    folders: Vec<PathBuf>,
    bytes: u64,
}

impl Walk {
    /// Takes a file, or all that is below a folder. What was asked for and is not there yet may come later.
    fn visit(&mut self, path: &Path) -> Result<()> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.visit_folder(path),
            Ok(metadata) => self.visit_file(path, metadata.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.folders.extend(path.parent().map(Path::to_path_buf));
                Ok(())
            }
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    fn visit_folder(&mut self, folder: &Path) -> Result<()> {
        self.folders.push(folder.to_path_buf());
        for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
            let entry = entry?;
            // A link into a folder may lead back to here.
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let path = entry.path();
            if is_folder && !is_left_out(&path) {
                self.visit_folder(&path)?;
            } else if path.is_file() && !is_left_out(&path) {
                self.visit_file(&path, std::fs::metadata(&path).map_or(0, |metadata| metadata.len()))?;
            }
        }
        Ok(())
    }

    fn visit_file(&mut self, file: &Path, size: u64) -> Result<()> {
        self.bytes = self.bytes.saturating_add(size);
        if self.files.len() >= FILES_MAX || self.bytes > BYTES_MAX {
            bail!(
                "more than {FILES_MAX} files or {} MiB of sources: name what the component is built of in actor.toml, \
                 for example watch = [\"src\"] below [build]",
                BYTES_MAX >> 20
            );
        }
        match std::fs::read(file) {
            Ok(bytes) => self.files.push((file.to_path_buf(), Digest::of(&bytes))),
            // An editor replaces files; the next look finds the new one.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
        }
        Ok(())
    }
}

/// Hidden, written by tools, or no source; `actor.toml` is read for itself.
fn is_left_out(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    name.starts_with('.')
        || name.ends_with('~')
        || name == "actor.toml"
        || LEFT_OUT.contains(&&*name) && path.is_dir()
        || NO_SOURCES.contains(&&*extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project with one source and something built.
    fn project(manifest: &str) -> (tempfile::TempDir, Component) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("build")).unwrap();
        std::fs::write(
            folder.path().join("actor.toml"),
            format!("kind = \"x\"\ncomponent = \"build/x.wasm\"\n{manifest}"),
        )
        .unwrap();
        std::fs::write(folder.path().join("main.go"), "package main").unwrap();
        std::fs::write(folder.path().join("build/x.wasm"), "component").unwrap();
        let component = Component::find(folder.path(), None, None).unwrap();
        (folder, component)
    }

    #[test]
    fn sources_are_known_by_what_is_in_them() {
        let (folder, component) = project("");
        let sources = Sources::of(&component).unwrap();
        assert!(!sources.are_built(&component) && !sources.are_newer(&component), "nobody knows");
        sources.remember(&component).unwrap();
        for (path, text) in [("main.go", "package main"), ("README.md", "x"), ("build/y", "x"), (".x", "x")] {
            std::fs::write(folder.path().join(path), text).unwrap();
        }
        assert!(Sources::of(&component).unwrap().are_built(&component));
        std::fs::write(folder.path().join("main.go"), "package other").unwrap();
        let changed = Sources::of(&component).unwrap();
        assert!(changed.are_newer(&component) && !changed.are_built(&component));
        std::fs::write(&component.wasm, "built by hand").unwrap();
        assert!(!changed.are_newer(&component), "nobody knows");
    }

    #[test]
    fn only_what_is_named_is_watched() {
        let (folder, component) = project("[build]\nwatch = [\"src\", \"main.go\"]");
        let before = Sources::of(&component).unwrap();
        std::fs::write(folder.path().join("other.go"), "x").unwrap();
        assert_eq!(Sources::of(&component).unwrap(), before);
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("src/a.go"), "x").unwrap();
        let after = Sources::of(&component).unwrap();
        assert_ne!(after.fingerprint, before.fingerprint);
        assert!(after.folders.contains(&folder.path().join("src")));
    }

    #[test]
    fn a_core_module_is_told_from_a_component() {
        let (folder, _) = project("");
        let file = folder.path().join("x");
        assert!(!is_core_module(&file));
        std::fs::write(&file, wat::parse_str("(module)").unwrap()).unwrap();
        assert!(is_core_module(&file));
        std::fs::write(&file, wat::parse_str("(component)").unwrap()).unwrap();
        assert!(!is_core_module(&file));
    }
}
