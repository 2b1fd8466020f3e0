//! Who watches which rows of one table in this process.
//! Told by both backends right after a change is stored, in the order of storing. Never blocks the one that tells.

use std::sync::Mutex;

use tokio::sync::mpsc;

use super::{Entry, Error, Watch};
use crate::guard::lock;

/// Changes that wait for one watcher. One that is further behind is ended, so that it lists the rows anew.
const CHANGES_MAX: usize = 4_096;
/// Watchers of one table at once.
const WATCHERS_MAX: usize = 1_024;

/// The watchers of one table.
pub(super) struct Watchers {
    /// None: the store is closed.
    list: Mutex<Option<Vec<Watcher>>>,
}

struct Watcher {
    prefix: String,
    changes: mpsc::Sender<(String, Option<Entry>)>,
}

impl Watchers {
    pub(super) fn new() -> Self {
        Self { list: Mutex::new(Some(Vec::new())) }
    }

    /// Watches the rows whose keys begin so.
    pub(super) fn watch(&self, prefix: &str) -> Result<Watch, Error> {
        let mut list = lock(&self.list);
        let list = list.as_mut().ok_or(Error::Closed)?;
        list.retain(|watcher| !watcher.changes.is_closed());
        if list.len() >= WATCHERS_MAX {
            return Err(Error::Unavailable { reason: format!("{WATCHERS_MAX} watchers already: end one") });
        }
        let (changes, watch) = mpsc::channel(CHANGES_MAX);
        list.push(Watcher { prefix: prefix.into(), changes });
        Ok(watch)
    }

    /// Tells a change; ends the watchers that are too far behind to hear it.
    pub(super) fn tell(&self, key: &str, entry: Option<&Entry>) {
        if let Some(list) = lock(&self.list).as_mut() {
            list.retain(|watcher| {
                !key.starts_with(&watcher.prefix) || watcher.changes.try_send((key.into(), entry.cloned())).is_ok()
            });
        }
    }

    /// Ends all watchers; there will be no more.
    pub(super) fn close(&self) {
        lock(&self.list).take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_that_falls_behind_hears_the_end_not_a_gap() {
        let watchers = Watchers::new();
        let mut watch = watchers.watch("a.").unwrap();
        for number in 0..CHANGES_MAX + 5 {
            watchers.tell(&format!("a.{number}"), None);
        }
        assert_eq!(std::iter::from_fn(|| watch.blocking_recv()).count(), CHANGES_MAX);
        watchers.close();
        assert!(matches!(watchers.watch("a."), Err(Error::Closed)));
    }
}
