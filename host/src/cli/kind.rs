//! `hydra kind ls|show|history`: which code handles which actors, and which code did before.
//! Reads the registry over HTTP. Never changes it: `deploy` and `rollback` do.

use anyhow::Result;
use clap::{Args, Subcommand};
use hydra::http::view::Kinds;
use hydra::id::Kind as Name;
use hydra::registry::{KindEntry, Version};

use super::api::Api;
use super::input;
use super::output::{self, Output};

/// List kinds, show one, or show its versions
#[derive(Debug, Subcommand)]
pub(super) enum Kind {
    /// List all kinds with their current version
    Ls,
    /// Show a kind: its current version, limits and grants
    Show(One),
    /// List every version of a kind, the newest first
    History(One),
}

/// Which kind.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The kind
    #[arg(value_parser = input::parse_kind)]
    kind: Name,
}

impl Kind {
    /// Shows it.
    ///
    /// # Errors
    /// The host does not answer, or there is no such kind.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        match self {
            Self::Ls => list(api, output).await,
            Self::Show(one) => one.show(api, output).await,
            Self::History(one) => one.history(api, output).await,
        }
    }
}

async fn list(api: &Api, output: &Output) -> Result<()> {
    let Kinds { kinds } = api.get(&["v1", "kinds"], &[]).await?;
    output.list(&kinds, &["kind", "version", "digest", "size", "deployed"], |entry| {
        let mut row = vec![entry.kind.to_string()];
        row.extend(entry.current.as_ref().map(|version| row_of(version, None)).unwrap_or_default());
        row
    })
}

impl One {
    async fn show(self, api: &Api, output: &Output) -> Result<()> {
        let entry: KindEntry = api.get(&["v1", "kinds", self.kind.as_str(), "versions"], &[]).await?;
        let mut lines = vec![("kind", entry.kind.to_string()), ("versions", entry.versions.len().to_string())];
        if let Some(version) = entry.versions.iter().find(|version| version.number == entry.current) {
            lines.extend([
                ("current", version.number.to_string()),
                ("digest", version.digest.to_string()),
                ("size", output::size(version.size)),
                ("deployed", version.deployed.to_string()),
            ]);
            let manifest = toml::to_string(&version.manifest).unwrap_or_default();
            lines.push(("manifest", output::printable(manifest.trim_end())));
            for subject in version.description.iter().flat_map(|description| &description.subjects) {
                let shown = format!("{}  {}", subject.example(), subject.about);
                lines.push(("subject", output::printable(shown.trim_end())));
            }
        }
        output.record(&entry, &lines)
    }

    async fn history(self, api: &Api, output: &Output) -> Result<()> {
        let mut entry: KindEntry = api.get(&["v1", "kinds", self.kind.as_str(), "versions"], &[]).await?;
        entry.versions.reverse();
        output.list(&entry.versions, &["version", "digest", "size", "deployed", ""], |version| {
            row_of(version, (version.number == entry.current).then_some("current"))
        })
    }
}

fn row_of(version: &Version, mark: Option<&str>) -> Vec<String> {
    let mut row = vec![
        version.number.to_string(),
        version.digest.short(),
        output::size(version.size),
        version.deployed.to_string(),
    ];
    row.extend(mark.map(Into::into));
    row
}
