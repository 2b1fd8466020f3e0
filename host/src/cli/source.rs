//! `hydra source ls`: the streams that are bound to actors, and how far each was read.
//! Asks a host over HTTP. Never changes anything: sources are settings of the host.

use anyhow::Result;
use clap::Subcommand;
use hydra::http::view::Sources;
use hydra::source::Status;

use super::api::Api;
use super::output::{self, Output};

/// See the streams that are bound to actors
#[derive(Debug, Subcommand)]
pub(super) enum Source {
    /// List the host's sources with their positions, and what is wrong with them
    Ls,
}

impl Source {
    /// Shows them.
    ///
    /// # Errors
    /// The host does not answer.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let Self::Ls = self;
        let Sources { sources } = api.get(&["v1", "sources"], &[]).await?;
        output.list(&sources, &["source", "stream", "position", "lag", "handed-on", "missed", "trouble"], row)
    }
}

fn row(source: &Status) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or_else(|| "-".into(), |number| number.to_string());
    vec![
        source.name.clone(),
        source.stream.clone(),
        number(source.position.map(|position| position.0)),
        number(source.lag),
        source.handed_on.to_string(),
        source.missed.to_string(),
        output::printable(&trouble(source).unwrap_or_else(|| "-".into())),
    ]
}

/// What is wrong with a source, for people.
pub(super) fn trouble(source: &Status) -> Option<String> {
    let misfits = || match source.misfits {
        0 => None,
        count => Some(format!("{count} messages named no actor: hydra dlq ls --kind sys-source")),
    };
    let missed = || {
        let missed = source.last_missed.as_ref()?;
        let (count, from, to) = (source.missed, missed.from, missed.to);
        Some(format!("{count} positions were trimmed unread, the last from {from} to {to}"))
    };
    source.trouble.clone().or_else(missed).or_else(misfits)
}
