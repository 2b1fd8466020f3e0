//! Runs scenarios: loads each component once, runs plainly, then with every mishap, and reports.
//! What the command line calls. Makes a runtime for every run: one thread, virtual time, gone with all that runs on it.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

use crate::config;
use crate::digest::Digest;
use crate::id::Kind;
use crate::manifest::Manifest;
use crate::scenario::host::Setting;
use crate::scenario::recording::{Recording, Replayed, TurnEnd};
use crate::scenario::report::{Failure, Report};
use crate::scenario::run::{Broken, Ran, run};
use crate::scenario::script::Scenario;
use crate::scenario::variant::{Variant, plan};
use crate::wasm::{Handler, Sandbox};

/// Instances alive at once in one run.
const INSTANCES_MAX: u32 = 32;
/// Largest component, as a host takes it.
const COMPONENT_BYTES_MAX: usize = 256 << 20;
/// Components kept loaded: one for each of its settings.
const LOADED_MAX: usize = 64;
/// Failing runs of one scenario that are reported; the rest says the same.
const FAILURES_MAX: usize = 3;

/// Why scenarios cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sandbox does not start.
    #[error(transparent)]
    Sandbox(#[from] crate::wasm::Error),
    /// A component is refused, as a deploy would refuse it.
    #[error("the component of kind {kind} is refused: {reason}")]
    Refused {
        /// Its kind.
        kind: Kind,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// The scenario has no such run.
    #[error("{scenario} has no run {variant}: its plain run made {commits} commits in {steps} steps")]
    NoSuchRun {
        /// The scenario.
        scenario: String,
        /// What was asked for.
        variant: Variant,
        /// Commits of its plain run.
        commits: usize,
        /// Its steps.
        steps: usize,
    },
    /// A recording that was changed so that it cannot be run.
    #[error("the recording cannot be run: {reason}")]
    Recording {
        /// What is wrong.
        reason: String,
    },
    /// The host does not start or its store fails: a fault of this program.
    #[error("the host of the scenario failed: {reason}")]
    Host {
        /// What it said.
        reason: String,
    },
}

impl Error {
    pub(super) fn host(error: &dyn std::error::Error) -> Self {
        Self::Host { reason: error.to_string() }
    }
}

impl From<crate::backend::Error> for Error {
    fn from(error: crate::backend::Error) -> Self {
        Self::host(&error)
    }
}

/// A component, as it would be deployed.
#[derive(Debug, Clone)]
pub struct Component {
    /// Whose messages it handles.
    pub kind: Kind,
    /// The compiled component.
    pub bytes: Bytes,
    /// Its settings, grants and limits.
    pub manifest: Manifest,
}

/// How scenarios are run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What everything random is made from.
    pub seed: u64,
    /// The plain run only.
    pub plain_only: bool,
    /// This run only, beside the plain one.
    pub only: Option<Variant>,
    /// Keep the last turn of a step, for a recording.
    pub record: bool,
    /// Of which step, from 1; none: of the one that fails, else of the last.
    pub record_step: Option<usize>,
}

/// Where scenarios are run.
pub struct Stage {
    sandbox: Sandbox,
    loaded: Vec<(Digest, Manifest, Arc<dyn Handler>)>,
    warnings: Vec<String>,
}

impl Stage {
    /// Starts a sandbox. With a folder for compiled code a component is compiled once for all times.
    ///
    /// # Errors
    /// `Sandbox`: the folder or the machine is to be corrected.
    pub fn new(cache_dir: Option<PathBuf>) -> Result<Self, Error> {
        let settings = config::Sandbox { instances_max: INSTANCES_MAX, ..config::Sandbox::default() };
        let sandbox = Sandbox::new(&settings, cache_dir, COMPONENT_BYTES_MAX)?;
        Ok(Self { sandbox, loaded: Vec::new(), warnings: Vec::new() })
    }

    /// What the authors of the components should know, though it is no reason to refuse them. Each is told once.
    pub fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Runs a scenario in all its variants. The first component is the one under test; the others are those of
    /// `scenario.components`, in their order. `progress` is told how many runs are done, and how many there are.
    ///
    /// # Errors
    /// `Refused`, `NoSuchRun`: the author's to correct. A scenario that fails is no error: the report says so.
    pub fn test(
        &mut self,
        scenario: &Scenario,
        components: &[Component],
        options: &Options,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Report, Error> {
        let configs = std::iter::once(&scenario.config).chain(scenario.components.iter().map(|extra| &extra.config));
        let mut cast = Vec::new();
        for (component, config) in components.iter().zip(configs) {
            let mut manifest = component.manifest.clone();
            manifest.config.extend(config.clone());
            cast.push((component.kind.clone(), self.load(component, manifest)?));
        }
        let (sandbox, seed, keeps) = (self.sandbox.clone(), options.seed, options.record);
        let mut suite = Suite {
            scenario,
            setting: Setting { sandbox, cast, variant: Variant::Plain, seed, keeps },
            report: report(scenario),
        };
        suite.run(options, progress)?;
        Ok(suite.report)
    }

    /// Runs a recorded turn alone, with the component as it is now.
    ///
    /// # Errors
    /// `Refused`, `Recording`: the author's to correct.
    pub fn replay(&mut self, component: &Component, recording: &Recording) -> Result<Replayed, Error> {
        let handler = self.load(component, recording.manifest.clone())?;
        let other_component = handler.version() != recording.component;
        let message = recording.message();
        let damaged = || Error::Recording { reason: "random_key is not 64 hexadecimal digits".into() };
        let input = recording.input(&message).ok_or_else(damaged)?;
        let handled = runtime()?.block_on(async {
            let mut instance = handler.instance(&recording.actor).await.map_err(|fault| format!("{fault:?}"))?;
            Ok(instance.handle(input).await)
        });
        let ended = TurnEnd::of(&handled.map_err(|reason: String| Error::Host { reason })?);
        Ok(Replayed { differences: recording.ended.differences(&ended), ended, other_component })
    }

    /// Checks, compiles and links a component; once for the same settings.
    fn load(&mut self, component: &Component, manifest: Manifest) -> Result<Arc<dyn Handler>, Error> {
        let digest = Digest::of(&component.bytes);
        let known = self.loaded.iter().find(|(known, with, _)| *known == digest && *with == manifest);
        if let Some((_, _, handler)) = known {
            return Ok(handler.clone());
        }
        let refused = |reason: String| Error::Refused { kind: component.kind.clone(), reason };
        let load = self.sandbox.load(component.bytes.clone(), Arc::new(manifest.clone()));
        let loaded = runtime()?.block_on(load).map_err(|refusal| refused(refusal.to_string()))?;
        for warning in loaded.warnings {
            if !self.loaded.iter().any(|(known, _, _)| *known == digest) {
                self.warnings.push(format!("{}: {warning}", component.kind));
            }
        }
        if self.loaded.len() >= LOADED_MAX {
            self.loaded.remove(0);
        }
        self.loaded.push((digest, manifest, loaded.handler.clone()));
        Ok(loaded.handler)
    }
}

/// A runtime for one run: its clock stands still until nobody has anything to do, then it jumps to the next timer.
fn runtime() -> Result<Runtime, Error> {
    Builder::new_current_thread().enable_time().start_paused(true).build().map_err(|error| Error::host(&error))
}

fn report(scenario: &Scenario) -> Report {
    Report {
        scenario: scenario.name.clone(),
        file: scenario.file.clone(),
        description: scenario.description.clone(),
        passed: true,
        steps: scenario.steps.len(),
        runs: 0,
        left_out: 0,
        failures: Vec::new(),
        log: Vec::new(),
        recording: None,
    }
}

/// All runs of one scenario.
struct Suite<'a> {
    scenario: &'a Scenario,
    setting: Setting,
    report: Report,
}

impl Suite<'_> {
    fn run(&mut self, options: &Options, progress: &mut dyn FnMut(usize, usize)) -> Result<(), Error> {
        let plain = self.once(Variant::Plain, None, options)?;
        if plain.broken.is_some() || options.plain_only {
            return Ok(());
        }
        let (all, left_out) = plan(&self.scenario.steps, plain.seen.commits.len());
        let variants = match options.only {
            Some(Variant::Plain) => Vec::new(),
            Some(variant) => vec![self.existing(variant, &plain)?],
            None => {
                self.report.left_out = left_out;
                all
            }
        };
        for (done, variant) in variants.iter().enumerate() {
            progress(done + 1, variants.len() + 1);
            self.once(*variant, Some(&plain), options)?;
            if self.report.failures.len() >= FAILURES_MAX {
                break;
            }
        }
        Ok(())
    }

    fn existing(&self, variant: Variant, plain: &Ran) -> Result<Variant, Error> {
        let (commits, steps) = (plain.seen.commits.len(), self.scenario.steps.len());
        let exists = match variant {
            Variant::Plain | Variant::Duplicates | Variant::Delays => true,
            Variant::CrashBeforeCommit(number) | Variant::CrashAfterCommit(number) => number <= commits,
            Variant::RestartAfterStep(number) => number <= steps,
        };
        let scenario = self.scenario.name.clone();
        if exists { Ok(variant) } else { Err(Error::NoSuchRun { scenario, variant, commits, steps }) }
    }

    fn once(&mut self, variant: Variant, plain: Option<&Ran>, options: &Options) -> Result<Ran, Error> {
        self.setting.variant = variant;
        let mut ran = runtime()?.block_on(Box::pin(run(self.scenario, &self.setting, plain)))?;
        self.report.runs += 1;
        if let Some(broken) = &ran.broken {
            self.report.passed = false;
            let failure = self.failure(variant, plain, broken, &ran.seen.log);
            self.report.failures.push(failure);
        }
        if options.only.unwrap_or(Variant::Plain) == variant {
            self.report.log = ran.seen.log.iter().map(|(step, line)| format!("step {}: {line}", step + 1)).collect();
        }
        // The first run that fails has the turn that is wanted; until then, the plain one has.
        let is_first_failure = ran.broken.is_some() && self.report.failures.len() == 1;
        if options.record && (is_first_failure || variant == Variant::Plain) {
            let failing = ran.broken.as_ref().map(|broken| broken.step);
            let wanted = options.record_step.map(|step| step.saturating_sub(1)).or(failing).unwrap_or(usize::MAX);
            let last = ran.seen.recordings.range(..=wanted).next_back().map(|(step, _)| *step);
            self.report.recording = last.and_then(|step| ran.seen.recordings.remove(&step)).map(|recording| {
                Recording { from: format!("{} {}, run {variant}", self.scenario.file, recording.from), ..recording }
            });
        }
        Ok(ran)
    }

    fn failure(&self, variant: Variant, plain: Option<&Ran>, broken: &Broken, log: &[(usize, String)]) -> Failure {
        let step = self.scenario.steps.get(broken.step);
        let around = |number: usize, word: &str| {
            let step = *plain?.seen.commits.get(number.checked_sub(1)?)?;
            let text = self.scenario.steps.get(step).map_or_else(
                || "behind the last step".into(),
                |found| format!("of step {} (line {}: {})", step + 1, found.line, found.action),
            );
            Some(format!("the host died {word} commit {number}, {text}"))
        };
        let mishap = match variant {
            Variant::CrashBeforeCommit(number) => around(number, "before"),
            Variant::CrashAfterCommit(number) => around(number, "after"),
            Variant::RestartAfterStep(number) => Some(format!("the host was started again after step {number}")),
            Variant::Duplicates => Some("every message came twice".into()),
            Variant::Delays => Some("every message took its time".into()),
            Variant::Plain => None,
        };
        Failure {
            run: variant.to_string(),
            step: step.map(|_| broken.step + 1),
            line: step.map(|step| step.line),
            what: step.map_or_else(|| "the end".into(), |step| step.action.to_string()),
            reason: broken.reason.clone(),
            mishap,
            differences: broken.differences.clone(),
            log: log.iter().filter(|(step, _)| *step == broken.step).map(|(_, line)| line.clone()).collect(),
        }
    }
}
