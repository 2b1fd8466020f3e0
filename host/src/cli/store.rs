//! `hydra store check|backup|export|import`: looks over, copies and moves the store of a host that does not run.
//! Checking and copying is for a folder, and here; moving is for every store, and in `transfer`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use hydra::backend::embedded;

use super::output::{Output, size, warning};
use super::settings::Settings;
use super::transfer::{Export, Import};

/// Check, copy or move the store of a stopped host
#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Look the whole store over; exit 1 if anything is damaged
    Check(Check),
    /// Copy the store into a new folder
    Backup(Backup),
    /// Write everything in the store into one file
    Export(Export),
    /// Fill an empty store from such a file
    Import(Import),
}

/// Which store.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    settings: Settings,
}

/// Which store, and where its copy goes.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The folder to make
    to: PathBuf,
    #[command(flatten)]
    settings: Settings,
}

impl Store {
    /// Does it.
    ///
    /// # Errors
    /// A host has the store open, it is damaged, or the copy cannot be written.
    pub(super) fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Check(check) => check.run(output),
            Self::Backup(backup) => backup.run(output),
            Self::Export(export) => export.run(output),
            Self::Import(import) => import.run(output),
        }
    }
}

impl Check {
    fn run(self, output: &Output) -> Result<()> {
        let store = self.settings.store()?;
        let report = embedded::check(&store.dir)?;
        let lines = [
            ("Store", store.dir.display().to_string()),
            ("Format", format!("{}, SQLite {}", report.format, report.sqlite)),
            ("Size", size(report.bytes)),
            ("Messages", report.streams.iter().map(|stream| stream.messages).sum::<u64>().to_string()),
            ("Rows", (report.actors + report.registry).to_string()),
            ("Components", report.blobs.to_string()),
            ("Problems", report.problems.len().to_string()),
        ];
        output.record(&report, &lines)?;
        if report.is_sound() {
            return Ok(());
        }
        report.problems.iter().for_each(|problem| warning(problem));
        bail!("{}: the store is damaged: restore a copy made by `hydra store backup`", store.dir.display())
    }
}

impl Backup {
    fn run(self, output: &Output) -> Result<()> {
        let store = self.settings.store()?;
        embedded::backup(&store.dir, &self.to)?;
        let done = serde_json::json!({ "store": store.dir, "copy": self.to });
        output.done(&done, &format!("copied {} to {}", store.dir.display(), self.to.display()))
    }
}
