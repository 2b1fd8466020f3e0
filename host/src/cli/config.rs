//! `hydra config show|check`: the settings that a host started here would run with.
//! Reads what `hydra host` reads, and starts nothing. Never prints a secret.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::output::{self, Output};
use super::settings::Settings;

/// Show or check the settings of a host
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Print every setting; with --origin also where it comes from
    Show(Show),
    /// Find every mistake in the settings; exit 1 if there is one
    Check(Check),
}

/// Print every setting.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Say where each setting comes from: a file, a variable, a flag or its default
    #[arg(long)]
    origin: bool,
    #[command(flatten)]
    settings: Settings,
}

/// Find every mistake.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    settings: Settings,
}

impl Config {
    /// Shows or checks.
    ///
    /// # Errors
    /// Mistakes in the settings.
    pub(super) fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Show(show) => show.run(output),
            Self::Check(check) => check.run(output),
        }
    }
}

impl Show {
    fn run(self, output: &Output) -> Result<()> {
        let loaded = self.settings.load(Vec::new())?;
        let header: &[&str] = if self.origin { &["key", "value", "origin"] } else { &["key", "value"] };
        output.list(&loaded.settings, header, |setting| {
            let mut row = vec![setting.key.clone(), shown(&setting.value)];
            if self.origin {
                row.push(setting.origin.clone());
            }
            row
        })
    }
}

impl Check {
    fn run(self, output: &Output) -> Result<()> {
        match hydra::config::load(&self.settings.sources(Vec::new())) {
            Ok(_) if output.json => output.value(&serde_json::json!({ "problems": [] })),
            Ok(_) => output::text("the settings are right\n"),
            Err(problems) => {
                let lines: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
                if output.json {
                    output.value(&serde_json::json!({ "problems": lines }))?;
                } else {
                    output::text(&(lines.join("\n") + "\n"))?;
                }
                bail!("{} to correct; the settings there are: hydra config show --origin", count(lines.len()))
            }
        }
    }
}

fn count(mistakes: usize) -> String {
    if mistakes == 1 { "1 mistake".into() } else { format!("{mistakes} mistakes") }
}

fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "-".into(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
