//! Why a store cannot be opened, checked or copied; and how SQLite's errors look from above the seam.
//! Never lets an SQLite error pass the seam as it is: the host decides by kind, people read the reason.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::backend;

/// Why a store's folder cannot be used. The operator's to correct; nothing was changed in the folder.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot be made or written. Choose another, or correct its permissions.
    #[error("cannot use {path} for the store: choose another folder, or make this one writable")]
    Folder {
        /// What could not be made, read or written.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process has this store open. End it, or choose another folder.
    #[error("the store in {dir} is in use by process {pid}: stop that process first, or choose another folder")]
    Locked {
        /// The store's folder.
        dir: PathBuf,
        /// The process, as far as it is known.
        pid: String,
    },
    /// Made by another version of this program. Use that version.
    #[error("the store in {dir} has format {found}, this program knows format {known}: use the version that made it")]
    Format {
        /// The store's folder.
        dir: PathBuf,
        /// The format found.
        found: u32,
        /// The format this program reads and writes.
        known: u32,
    },
    /// There is something else in the place of the store. Choose another folder.
    #[error("{path} is not a Hydra store: {reason}")]
    NotAStore {
        /// What was looked at.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no store in this folder. Correct the folder's name.
    #[error("there is no store in {dir}: name the folder that the host was started with")]
    Missing {
        /// The folder.
        dir: PathBuf,
    },
    /// A copy would overwrite something. Choose a folder that does not exist.
    #[error("{dir} is not empty: choose a folder that does not exist yet")]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
    },
    /// A setting is out of bounds. Correct it.
    #[error("{setting} = {value} is not possible: {allowed}")]
    Setting {
        /// Its name in the configuration.
        setting: &'static str,
        /// What it is.
        value: u64,
        /// What it may be.
        allowed: &'static str,
    },
    /// This program was built with an SQLite that can damage stores. Build it with the bundled one.
    #[error("SQLite {found} has a bug that damages databases: build with the bundled SQLite, 3.53.0 or later")]
    Library {
        /// Its version.
        found: &'static str,
    },
    /// The database does not work. Look at the disk, then run `hydra store check`.
    #[error("the store's database in {dir} cannot be opened: look at the disk, then run `hydra store check`")]
    Database {
        /// The store's folder.
        dir: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

impl Error {
    /// Adds the path to an error of the file system.
    pub(super) fn folder(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Folder { path: path.into(), source }
    }

    /// Adds the folder to an error of the database.
    pub(super) fn database(dir: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Database { dir: dir.into(), source }
    }
}

/// An error before the commit: nothing was stored.
pub(super) fn before_commit(error: &rusqlite::Error) -> backend::Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => backend::Error::Unavailable {
            reason: "the disk is full, or the database has reached store.bytes_max: make room".into(),
        },
        // Without a code the statement worked, and a row did not hold what its column must.
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => {
            backend::Error::Damaged { reason: format!("{error}: stop the host and run `hydra store check`") }
        }
        Some(_) => backend::Error::Unavailable { reason: error.to_string() },
    }
}

/// An error of the commit itself: unless the disk was full, the journal may hold it all the same.
pub(super) fn of_commit(error: &rusqlite::Error) -> backend::Error {
    match before_commit(error) {
        unavailable if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => unavailable,
        damaged @ backend::Error::Damaged { .. } => damaged,
        _ => backend::Error::Unknown { reason: error.to_string() },
    }
}
