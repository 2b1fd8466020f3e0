//! `hydra doctor`: what is wrong here, and what to do about it.
//! Asks the host over HTTP (`doctor_host`), and looks at the store from outside: at its folder (`doctor_folder`) or at the
//! NATS servers (`doctor_nats`); or asks the tools of a language for their versions. Never opens a store, never repairs and never installs.

use anyhow::{Result, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::styling::AnsiColor;
use serde::Serialize;

use super::api::Api;
use super::language::Language;
use super::nats::NatsSettings;
use super::output::{self, Output};
use super::settings::Settings;
use super::{doctor_folder, doctor_host, doctor_nats};

/// Find what is wrong with a host or with a language's tools, and how to cure it
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydra doctor                the host and its store\n  hydra doctor --lang go      what builds in Go need"
)]
pub(super) struct Doctor {
    /// Look at the tools of this language instead
    #[arg(long, value_parser = PossibleValuesParser::new(Language::all().iter().map(|language| language.name)))]
    lang: Option<String>,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    nats: NatsSettings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) what: &'static str,
    pub(super) verdict: Verdict,
    pub(super) finding: String,
    /// What to do; empty when nothing is wrong.
    pub(super) cure: String,
}

impl Finding {
    pub(super) fn new(
        what: &'static str,
        verdict: Verdict,
        finding: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self { what, verdict, finding: finding.into(), cure: cure.into() }
    }

    pub(super) fn ok(what: &'static str, finding: impl Into<String>) -> Self {
        Self::new(what, Verdict::Ok, finding, "")
    }

    fn row(&self) -> Vec<String> {
        let (word, style) = match self.verdict {
            Verdict::Ok => ("ok", AnsiColor::Green.on_default()),
            Verdict::Warn => ("warn", AnsiColor::Yellow.on_default()),
            Verdict::Fail => ("FAIL", AnsiColor::Red.on_default()),
        };
        let cure = if self.cure.is_empty() { String::new() } else { format!("\n     cure: {}", self.cure) };
        vec![format!("{style}{word:<4}{style:#} {}: {}{cure}", self.what, output::printable(&self.finding))]
    }
}

impl Doctor {
    /// Looks at everything and tells all findings.
    ///
    /// # Errors
    /// At least one finding needs a cure.
    pub(super) async fn run(self, api: &Api, output: &Output) -> Result<()> {
        let findings = match self.lang.as_deref().and_then(Language::named) {
            Some(language) => tools(language),
            None => doctor_host::look(api).await.into_iter().chain(self.store().await).collect(),
        };
        if output.json {
            output.value(&findings)?;
        } else {
            let lines: Vec<String> = findings.iter().flat_map(Finding::row).map(|line| line + "\n").collect();
            output::text(&lines.concat())?;
        }
        match findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count() {
            0 => Ok(()),
            failed => bail!("{failed} of {} checks failed: see their cures above", findings.len()),
        }
    }

    async fn store(&self) -> Vec<Finding> {
        let config = match self.settings.load_with(Vec::new(), self.nats.flags()) {
            Ok(loaded) => loaded.config,
            Err(error) => {
                return vec![Finding::new("settings", Verdict::Fail, format!("{error:#}"), "hydra config check")];
            }
        };
        let mut findings = vec![Finding::ok("settings", "right"), doctor_folder::open_files(config.http.requests_max)];
        if !config.nats.urls.is_empty() {
            findings.extend(doctor_nats::look(&config).await);
            return findings;
        }
        findings.extend(doctor_folder::look(&config));
        findings
    }
}

fn tools(language: &Language) -> Vec<Finding> {
    let checked = language.tools.iter().map(|tool| match tool.find() {
        Ok(found) => Finding::ok(tool.name, found),
        Err(why) => Finding::new(tool.name, Verdict::Fail, why, tool.install),
    });
    checked.collect()
}
