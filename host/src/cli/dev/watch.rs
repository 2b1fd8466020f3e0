//! Notices that files changed, also ones that are not there yet.
//! Watches folders, not files: build tools replace files, and a folder may come later. Never says what changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use notify_debouncer_full::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, NoCache, new_debouncer_opt};
use tokio::sync::mpsc;

/// A change is told once nothing more has changed for so long: a compiler writes in steps.
const QUIET: Duration = Duration::from_millis(200);

/// Tells that something may have changed.
pub(super) struct Watch {
    debouncer: Debouncer<RecommendedWatcher, NoCache>,
    folders: BTreeSet<PathBuf>,
    /// One place: any number of changes is one reason to look.
    changed: mpsc::Receiver<()>,
}

impl Watch {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// The system has no more watches to give.
    pub(super) fn new() -> Result<Self> {
        let (tell, changed) = mpsc::channel(1);
        let look = move |_: DebounceEventResult| {
            // Full means that somebody will look anyway.
            let _ = tell.try_send(());
        };
        let debouncer =
            new_debouncer_opt(QUIET, None, look, NoCache::new(), notify_debouncer_full::notify::Config::default())
                .context("watch files")?;
        Ok(Self { debouncer, folders: BTreeSet::new(), changed })
    }

    /// Watches these folders, and the folders of these files, and no others from now on; true if any was added, so look again.
    ///
    /// # Errors
    /// As [`Watch::new`].
    pub(super) fn set(&mut self, places: &[PathBuf]) -> Result<bool> {
        let wanted: BTreeSet<PathBuf> = places.iter().map(|place| nearest_folder(place)).collect();
        let gone: Vec<PathBuf> = self.folders.difference(&wanted).cloned().collect();
        for folder in gone {
            // A folder that was deleted is not watched any more: failing to let it go is success.
            let _ = self.debouncer.unwatch(&folder);
            self.folders.remove(&folder);
        }
        let mut added = false;
        for folder in wanted {
            if !self.folders.contains(&folder) {
                self.debouncer
                    .watch(&folder, RecursiveMode::NonRecursive)
                    .with_context(|| format!("watch {}", folder.display()))?;
                self.folders.insert(folder);
                added = true;
            }
        }
        Ok(added)
    }

    /// Returns once something may have changed. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        if self.changed.recv().await.is_none() {
            // The watcher's thread is gone; nothing will be noticed any more.
            std::future::pending().await
        }
    }
}

/// The folder itself, the file's folder, or the nearest one above that exists.
fn nearest_folder(place: &Path) -> PathBuf {
    let above = place.ancestors().find(|folder| folder.is_dir()).filter(|folder| !folder.as_os_str().is_empty());
    above.unwrap_or(Path::new(".")).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_in_a_folder_that_is_not_there_yet_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("target/release/counter.wasm");
        let mut watch = Watch::new().unwrap();
        assert!(watch.set(std::slice::from_ref(&file)).unwrap());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        watch.changed().await;
        assert!(watch.set(std::slice::from_ref(&file)).unwrap());
        assert_eq!(watch.folders, BTreeSet::from([file.parent().unwrap().to_path_buf()]));
        std::fs::write(&file, b"x").unwrap();
        watch.changed().await;
        assert!(!watch.set(&[file]).unwrap());
    }

    #[test]
    fn a_bare_name_is_in_the_working_folder() {
        assert_eq!(nearest_folder(Path::new("counter.wasm")), Path::new("."));
    }
}
