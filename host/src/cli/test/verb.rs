//! `hydra test` itself: finds component and scenarios, builds, runs, and says what came of it.
//! Everything that runs is `hydra::scenario`. Never deploys anything.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Args;
use hydra::config::Config;
use hydra::id::Kind;
use hydra::scenario::{self, Component as Tested, Options, Recording, Report, Scenario, Stage, Variant};
use indicatif::{ProgressBar, ProgressStyle};

use super::{build, text};
use crate::cli::component::Component;
use crate::cli::deploy;
use crate::cli::output::{self, Output};

/// The folder of scenarios beside a manifest.
const SCENARIOS: &str = "scenarios";
/// Where compiled code is kept: the same folder as that of `hydra dev`.
const COMPILED: &str = ".hydra/compiled";
/// Scenario files of one folder.
const FILES_MAX: usize = 1_000;
/// How often the spinner turns.
const SPINNER_TICK: Duration = Duration::from_millis(100);
/// Largest scenario file and recording, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Run a component's scenarios, with a crash at every step
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydra test                               builds, then runs scenarios/*.toml of this folder\n  \
                  hydra test sample-actors/counter adds    the scenarios whose name has \"adds\" in it\n  \
                  hydra test counter.wasm --scenarios shared\n  \
                  hydra test . adds --record turn.json     keeps the turn of the step that fails\n  \
                  hydra test . --replay turn.json          runs that turn alone\n\n\
                  Every scenario runs on the compiled component in a host of its own: in memory, with virtual time and\n\
                  seeded randomness. It runs plainly, then with the host killed before and after every commit, started\n\
                  again behind every step, with every message twice, and with messages delayed; all must end the same."
)]
pub(in crate::cli) struct Test {
    /// A folder with an actor.toml, or a .wasm
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Only scenarios with this in their name
    filter: Option<String>,
    /// The folder of scenario files [default: scenarios beside the actor.toml]
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
    /// Whose messages it handles [default: as the manifest says, else the file's name]
    #[arg(long, value_parser = deploy::parse_kind)]
    kind: Option<Kind>,
    /// The manifest: settings, grants, limits [default: actor.toml in the folder; for a .wasm none]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Test what was built before
    #[arg(long)]
    no_build: bool,
    /// Run plainly only, without crashes, duplicates and delays
    #[arg(long, conflicts_with = "run")]
    no_crash: bool,
    /// Only this run beside the plain one, as a failure names it
    #[arg(long, value_name = "RUN")]
    run: Option<Variant>,
    /// Show what happens in the plain run, or in the one of --run
    #[arg(long)]
    log: bool,
    /// What message ids and the guests' random numbers are made from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write one turn to a file: the last of the step that fails, else the last of all
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Record the last turn of this step
    #[arg(long, value_name = "N", requires = "record")]
    step: Option<usize>,
    /// Run a recorded turn alone
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "run", "filter", "scenarios"])]
    replay: Option<PathBuf>,
}

/// Settings of this verb: what goes wrong in its hosts is meant to, so nothing of it is logged.
pub(in crate::cli) fn config() -> Config {
    let mut config = Config::default();
    config.telemetry.log = "off".into();
    config
}

impl Test {
    /// Runs the scenarios and tells what came of them.
    ///
    /// # Errors
    /// There is nothing to run, a file has a mistake, or a scenario failed.
    pub(in crate::cli) fn run(self, output: &Output) -> Result<()> {
        let component = Component::find(&self.path, self.kind.as_ref(), self.manifest.as_deref())?;
        let mut stage = stage()?;
        if let Some(file) = &self.replay {
            return self.replay(&mut stage, &component, file, output);
        }
        let scenarios = self.find(&component)?;
        let tested = self.tested(&component)?;
        let mut reports: Vec<Report> = Vec::new();
        for scenario in &scenarios {
            let mut cast = vec![tested.clone()];
            for extra in &scenario.components {
                let path = folder(&scenario.file).join(&extra.path);
                let found = Component::find(&path, extra.kind.as_ref(), None)
                    .with_context(|| format!("{}: [[component]]", scenario.file))?;
                cast.push(self.tested(&found)?);
            }
            let mut report = self.test(&mut stage, scenario, &cast)?;
            stage.warnings().iter().for_each(|warning| output::warning(warning));
            if !self.log {
                report.log.clear();
            }
            if !output.json {
                output::text(&text::report(&report, &self.repeat()))?;
            }
            reports.push(report);
        }
        if output.json {
            output.value(&reports)?;
        } else {
            output::text(&text::summary(&reports))?;
        }
        self.write_recording(&mut reports)?;
        match reports.iter().filter(|report| !report.passed).count() {
            0 => Ok(()),
            failed => bail!("{failed} of {} scenarios failed", reports.len()),
        }
    }

    fn test(&self, stage: &mut Stage, scenario: &Scenario, cast: &[Tested]) -> Result<Report> {
        let options = Options {
            seed: self.seed,
            plain_only: self.no_crash,
            only: self.run,
            record: self.record.is_some(),
            record_step: self.step,
        };
        let bar = bar(&scenario.name);
        let report = stage.test(scenario, cast, &options, &mut |done, all| {
            bar.set_style(style("{msg} {bar:30} {pos} of {len} runs"));
            bar.set_length(u64::try_from(all).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        });
        bar.finish_and_clear();
        Ok(report?)
    }

    /// The component's bytes, built anew if it says how.
    fn tested(&self, component: &Component) -> Result<Tested> {
        let component = if self.no_build { component.clone() } else { build::build(component)? };
        let bytes = component.read()?;
        Ok(Tested { kind: component.kind, bytes, manifest: component.manifest })
    }

    /// The scenarios, in order of their names. Every mistake is told, not only the first.
    fn find(&self, component: &Component) -> Result<Vec<Scenario>> {
        let beside = component.manifest_file.as_deref().and_then(Path::parent).map(|folder| folder.join(SCENARIOS));
        let Some(folder) = self.scenarios.clone().or(beside) else {
            bail!("{} says nothing of its scenarios: name their folder with --scenarios DIR", self.path.display());
        };
        let names = fs::read_dir(&folder)
            .with_context(|| format!("read {}: scenarios are .toml files in it", folder.display()))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<PathBuf>>>()?;
        let wanted = |path: &PathBuf| {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            path.extension().is_some_and(|extension| extension == "toml")
                && self.filter.as_ref().is_none_or(|filter| stem.contains(filter))
        };
        let mut paths: Vec<PathBuf> = names.into_iter().filter(wanted).collect();
        paths.sort();
        if paths.is_empty() || paths.len() > FILES_MAX {
            let named = self.filter.as_ref().map(|filter| format!(" with {filter:?} in its name")).unwrap_or_default();
            bail!("{} has {} scenarios{named}: 1 to {FILES_MAX} can be run", folder.display(), paths.len());
        }
        let (mut scenarios, mut mistakes) = (Vec::new(), Vec::new());
        for path in paths {
            match parse(&path) {
                Ok(scenario) => scenarios.push(scenario),
                Err(error) => mistakes.push(format!("{error:#}")),
            }
        }
        if mistakes.is_empty() { Ok(scenarios) } else { bail!("{}", mistakes.join("\n")) }
    }

    fn write_recording(&self, reports: &mut [Report]) -> Result<()> {
        let Some(file) = &self.record else { return Ok(()) };
        let failed = reports.iter().position(|report| !report.passed && report.recording.is_some());
        let chosen = failed.or(reports.len().checked_sub(1));
        let recording = chosen.and_then(|index| reports.get_mut(index)).and_then(|report| report.recording.take());
        let Some(recording) = recording else { bail!("there is no turn to record: --step N names another step") };
        let text = serde_json::to_string_pretty(&recording)? + "\n";
        fs::write(file, text).with_context(|| format!("write {}", file.display()))?;
        let (path, shown) = (self.path.display(), file.display());
        output::note(&format!("recorded {} in {shown}: hydra test {path} --replay {shown}", recording.from));
        Ok(())
    }

    fn replay(&self, stage: &mut Stage, component: &Component, file: &Path, output: &Output) -> Result<()> {
        let shown = file.display();
        let recording: Recording = serde_json::from_slice(&read(file).with_context(|| format!("read {shown}"))?)
            .with_context(|| format!("{shown} is no recording: make one with --record"))?;
        if *recording.actor.kind() != component.kind {
            bail!(
                "{shown} is a turn of kind {}: name that kind's component, this is {}",
                recording.actor.kind(),
                component.kind
            );
        }
        let replayed = stage.replay(&self.tested(component)?, &recording)?;
        if output.json {
            output.value(&replayed)?;
        } else {
            output::text(&text::replayed(&replayed))?;
        }
        if replayed.differences.is_empty() { Ok(()) } else { bail!("the turn ended otherwise than recorded") }
    }

    /// How the command that runs one scenario again begins.
    fn repeat(&self) -> String {
        let mut command = format!("hydra test {}", self.path.display());
        if let Some(scenarios) = &self.scenarios {
            command += &format!(" --scenarios {}", scenarios.display());
        }
        if let Some(kind) = &self.kind {
            command += &format!(" --kind {kind}");
        }
        if let Some(manifest) = &self.manifest {
            command += &format!(" --manifest {}", manifest.display());
        }
        if self.seed != 0 {
            command += &format!(" --seed {}", self.seed);
        }
        command
    }
}

/// A stage that keeps compiled code, where that can be written.
fn stage() -> Result<Stage> {
    match Stage::new(Some(COMPILED.into())) {
        Err(scenario::Error::Sandbox(hydra::wasm::Error::Cache { .. })) => Ok(Stage::new(None)?),
        stage => Ok(stage?),
    }
}

/// A spinner while a component compiles, a bar while a scenario runs; nothing when nobody watches.
fn bar(name: &str) -> ProgressBar {
    let bar =
        ProgressBar::new(1).with_message(name.to_owned()).with_style(style("{spinner} {msg}: compiling, {elapsed}"));
    bar.enable_steady_tick(SPINNER_TICK);
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn parse(path: &Path) -> Result<Scenario> {
    let file = path.display().to_string();
    let text = String::from_utf8(read(path).with_context(|| format!("read {file}"))?.to_vec());
    let text = text.with_context(|| format!("{file} is not text"))?;
    Ok(scenario::parse(&file, &text, &|body| read(&folder(&file).join(body)))?)
}

/// The folder that a scenario's paths are relative to.
fn folder(file: &str) -> &Path {
    Path::new(file).parent().unwrap_or(Path::new(""))
}

fn read(path: &Path) -> io::Result<Bytes> {
    let size = fs::metadata(path)?.len();
    if size > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("{size} bytes, at most {FILE_BYTES_MAX} are read")));
    }
    fs::read(path).map(Bytes::from)
}
