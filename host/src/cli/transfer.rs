//! `hydra store export|import`: carries a whole store, in a folder or on NATS, into an empty one by way of one file.
//! Opens the store as a host would, without starting one; `hydra::archive` does the rest. Shows how far it is on a terminal.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use hydra::archive::{self, Counts, Summary};
use hydra::config::Config;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::runtime::Builder;

use super::host::{Store, place};
use super::nats::NatsSettings;
use super::output::{Output, size};
use super::settings::Settings;

/// How often the spinner turns.
const SPINNER_TICK: Duration = Duration::from_millis(100);

/// From which store to which file.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hydra store export hydra.export --data /var/lib/hydra\n  \
                  hydra store export hydra.export --nats nats://127.0.0.1:4222\n\n\
                  The host must have handled what it took, and must have ended. The file holds states and messages.")]
pub(super) struct Export {
    /// The file to make
    file: PathBuf,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    nats: NatsSettings,
}

/// From which file into which store.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hydra store import hydra.export --data /var/lib/hydra-new\n  \
                  hydra store import hydra.export --nats nats://127.0.0.1:4222\n\n\
                  The store must be empty. An import that was cut off is repeated with the same command.")]
pub(super) struct Import {
    /// A file that `hydra store export` wrote
    file: PathBuf,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    nats: NatsSettings,
}

impl Export {
    /// Writes the file.
    ///
    /// # Errors
    /// There is no such store, it is in use or not at rest, or the file cannot be written: the text says what to do.
    pub(super) fn run(self, output: &Output) -> Result<()> {
        let config = self.settings.load_with(Vec::new(), self.nats.flags())?.config;
        let summary = block_on(async {
            let is_there = Store::exists(&config).await?;
            ensure!(is_there, "there is no store in {}: name the one that the host was started with", named(&config));
            let store = Store::open(&config).await?;
            let shown = Shown::new(None);
            let exported = archive::export(&store.backend(), &self.file, |counts| shown.tell(counts)).await;
            store.close().await;
            drop(shown);
            exported.with_context(|| format!("export {}", named(&config)))
        })?;
        tell(output, &summary, &config, &self.file, "exported")
    }
}

impl Import {
    /// Fills the store.
    ///
    /// # Errors
    /// The file is damaged, the store is in use or holds something, or it does not serve: the text says what to do.
    pub(super) fn run(self, output: &Output) -> Result<()> {
        let config = self.settings.load_with(Vec::new(), self.nats.flags())?.config;
        let summary = block_on(async {
            // Before the store is opened: that would make one.
            let file = archive::check(&self.file)?;
            let store = Store::open(&config).await?;
            let shown = Shown::new(Some(file.summary().counts.total()));
            let imported = archive::import(&store.backend(), &file, |counts| shown.tell(counts)).await;
            store.close().await;
            drop(shown);
            imported.with_context(|| format!("import into {}", named(&config)))
        })?;
        tell(output, &summary, &config, &self.file, "imported")
    }
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    Builder::new_multi_thread().enable_all().build().context("start the threads")?.block_on(work)
}

/// Where the store is, and on NATS which of the systems there.
fn named(config: &Config) -> String {
    let place = place(config);
    if config.nats.urls.is_empty() {
        return place;
    }
    format!("{place} (system {}, region {})", config.nats.system, config.nats.region)
}

fn tell(output: &Output, summary: &Summary, config: &Config, file: &Path, done: &str) -> Result<()> {
    let mut value = serde_json::to_value(summary)?;
    if let Some(properties) = value.as_object_mut() {
        properties.insert("store".into(), named(config).into());
        properties.insert("file".into(), file.display().to_string().into());
    }
    let Counts { components, kinds, actors, messages, dead_letters } = summary.counts;
    let lines = [
        ("Store", format!("{} ({done})", named(config))),
        ("File", format!("{}, {}", file.display(), size(summary.bytes))),
        ("Digest", summary.digest.clone()),
        ("Incarnation", summary.incarnation.to_string()),
        ("Kinds", format!("{kinds}, of {components} components")),
        ("Actors", actors.to_string()),
        ("Messages", messages.to_string()),
        ("Dead letters", dead_letters.to_string()),
    ];
    output.record(&value, &lines)
}

/// How far it is, on standard error; nothing where that is no terminal. Gone when it is dropped.
struct Shown(ProgressBar);

impl Shown {
    /// Of so many entries, if that is known.
    fn new(total: Option<u64>) -> Self {
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = match total {
            Some(_) => "{bar:40} {pos}/{len} entries, {eta} left",
            None => "{spinner} {pos} entries, {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(SPINNER_TICK);
        Self(bar)
    }

    fn tell(&self, counts: &Counts) {
        self.0.set_position(counts.total());
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
