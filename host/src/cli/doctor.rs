//! `hydra doctor`: what is wrong here, and what to do about it.
//! Asks the host over HTTP, and looks at the store from outside: at its folder, or at the NATS servers (`doctor_nats`);
//! or asks the tools of a language for their versions. Never opens a store, never repairs and never installs.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::styling::AnsiColor;
use hydra::config::Durability;
use hydra::http::view::{About, Sources};
use hydra::source::Status;
use reqwest::Method;
use serde::Serialize;

use super::api::{self, Api};
use super::doctor_nats;
use super::language::Language;
use super::nats::NatsSettings;
use super::output::{self, Output};
use super::settings::Settings;
use super::source;

/// Below this a store may be full before anybody notices.
const FREE_BYTES_MIN: u64 = 1 << 30;

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
            None => host(api).await.into_iter().chain(self.store().await).collect(),
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
        let mut findings = vec![Finding::ok("settings", "right")];
        if !config.nats.urls.is_empty() {
            findings.extend(doctor_nats::look(&config).await);
            return findings;
        }
        findings.extend([folder(&config.store.dir), space(&config.store.dir)]);
        findings.push(match config.store.durability {
            Durability::Fsync => Finding::ok("durability", "fsync: what was acknowledged survives power loss"),
            Durability::Os => {
                let finding = "os: what was acknowledged survives a crash of the host, not power loss";
                Finding::new("durability", Verdict::Warn, finding, "set store.durability = \"fsync\" in production")
            }
        });
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

async fn host(api: &Api) -> Vec<Finding> {
    let url = api::shown(api.base());
    let about: Result<About> = api.get(&["version"], &[]).await;
    let version = match about {
        Ok(about) => about.version.into_owned(),
        Err(error) => {
            return vec![Finding::new("host", Verdict::Fail, format!("not reached at {url}"), format!("{error:#}"))];
        }
    };
    let same = version == env!("CARGO_PKG_VERSION");
    let reached = format!("version {version} answers at {url}");
    let mut findings = vec![match same {
        true => Finding::ok("host", reached),
        false => Finding::new("host", Verdict::Warn, reached, format!("use hydra {version} here too")),
    }];
    findings.push(match api.send(api.request(Method::GET, &["readyz"])).await {
        Ok(_) => Finding::ok("ready", "messages are being handled"),
        Err(error) => Finding::new("ready", Verdict::Fail, format!("{error:#}"), "read the host's log"),
    });
    let asked = api.send(api.request(Method::GET, &["v1", "kinds"])).await;
    findings.push(match (asked, api.token()) {
        (Ok(_), Some(_)) => Finding::ok("token", "taken"),
        (Ok(_), None) => Finding::ok("token", "none needed"),
        (Err(error), _) => {
            Finding::new("token", Verdict::Fail, format!("{error:#}"), "give the host's http.token as HYDRA_TOKEN")
        }
    });
    let sources: Result<Sources> = api.get(&["v1", "sources"], &[]).await;
    findings.extend(sources.unwrap_or_default().sources.iter().map(judge_source));
    findings
}

/// One that stands still needs a human, one that has lost something does not any more.
fn judge_source(source: &Status) -> Finding {
    let name = &source.name;
    match (source::trouble(source), &source.trouble) {
        (Some(trouble), Some(_)) => {
            let cure = "docs/guide/bind-a-stream.md";
            Finding::new("source", Verdict::Fail, format!("{name} stands still: {trouble}"), cure)
        }
        (Some(trouble), None) => {
            let cure = "hydra source ls; for trimmed messages keep more in the stream, or have a host run always";
            Finding::new("source", Verdict::Warn, format!("{name}: {trouble}"), cure)
        }
        (None, _) => Finding::ok("source", format!("{name}: {} messages handed on", source.handed_on)),
    }
}

fn folder(folder: &Path) -> Finding {
    let shown = folder.display();
    match std::fs::metadata(folder) {
        Ok(metadata) if !metadata.is_dir() => Finding::new(
            "store",
            Verdict::Fail,
            format!("{shown} is no folder"),
            "choose another with --data or store.dir",
        ),
        Ok(metadata) if metadata.permissions().readonly() => Finding::new(
            "store",
            Verdict::Fail,
            format!("{shown} cannot be written to"),
            "give the host's user the right to",
        ),
        Ok(_) => Finding::ok("store", format!("{shown} is there")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Finding::ok("store", format!("{shown} is not there yet: the host makes it"))
        }
        Err(error) => {
            let cure = "give this user the right to read it, or choose another with --data or store.dir";
            Finding::new("store", Verdict::Fail, format!("{shown}: {error}"), cure)
        }
    }
}

fn space(folder: &Path) -> Finding {
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    match rustix::fs::statvfs(there) {
        Ok(volume) => {
            let free = volume.f_bavail.saturating_mul(volume.f_frsize);
            let finding = format!("{} free", output::size(free));
            if free < FREE_BYTES_MIN {
                let cure = format!("free at least {}, or move the store with --data", output::size(FREE_BYTES_MIN));
                return Finding::new("disk", Verdict::Warn, finding, cure);
            }
            Finding::ok("disk", finding)
        }
        Err(error) => Finding::new("disk", Verdict::Warn, format!("free space is not known: {error}"), "df -h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_judged_from_outside() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(folder(root.path()).verdict, Verdict::Ok);
        assert_eq!(folder(&root.path().join("later")).verdict, Verdict::Ok);
        let file = root.path().join("file");
        std::fs::write(&file, b"").unwrap();
        let finding = folder(&file);
        assert!(finding.verdict == Verdict::Fail && !finding.cure.is_empty());
        assert_ne!(space(&root.path().join("later")).verdict, Verdict::Fail);
    }
}
