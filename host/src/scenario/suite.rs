//! All runs of one scenario: plainly, then with every mishap, several at once; and the report of them.
//! Called by `stage`. Every run has a runtime of its own: one thread, virtual time, gone with all that ran on it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use tokio::runtime::{Builder, Runtime};

use crate::scenario::host::Setting;
use crate::scenario::recording::Recording;
use crate::scenario::report::{Failure, Report};
use crate::scenario::run::{self, Broken, Ran};
use crate::scenario::script::Scenario;
use crate::scenario::stage::{Error, Options};
use crate::scenario::variant::{Variant, plan};

/// Failing runs of one scenario that are reported; the rest says the same.
const FAILURES_MAX: usize = 3;
/// Runs at once.
const THREADS_MAX: usize = 8;

/// Runs a scenario as the options say.
pub(super) fn run(
    scenario: &Scenario,
    setting: &Setting,
    options: &Options,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Report, Error> {
    let mut suite = Suite { scenario, setting, options, report: report(scenario) };
    progress(0, 1);
    let plain = once(scenario, setting, Variant::Plain, None)?;
    suite.absorb(Variant::Plain, None, &plain);
    if plain.broken.is_some() || options.plain_only {
        return Ok(suite.report);
    }
    let variants = suite.variants(&plain)?;
    for (variant, ran) in suite.play(&variants, &plain, progress)? {
        suite.absorb(variant, Some(&plain), &ran);
    }
    Ok(suite.report)
}

/// A runtime whose clock stands still until nobody has anything to do, then it jumps to the next timer.
pub(super) fn runtime() -> Result<Runtime, Error> {
    Builder::new_current_thread().enable_time().start_paused(true).build().map_err(|error| Error::host(&error))
}

fn once(scenario: &Scenario, setting: &Setting, variant: Variant, plain: Option<&Ran>) -> Result<Ran, Error> {
    runtime()?.block_on(Box::pin(run::run(scenario, setting, variant, plain)))
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
    setting: &'a Setting,
    options: &'a Options,
    report: Report,
}

impl Suite<'_> {
    /// The runs that are wanted beside the plain one.
    fn variants(&mut self, plain: &Ran) -> Result<Vec<Variant>, Error> {
        match self.options.only {
            Some(Variant::Plain) => Ok(Vec::new()),
            Some(variant) => Ok(vec![self.existing(variant, plain)?]),
            None => {
                let (variants, left_out) = plan(&self.scenario.steps, plain.seen.commits.len());
                self.report.left_out = left_out;
                Ok(variants)
            }
        }
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

    /// Runs variants on several threads, until enough have failed. What is returned is in their order, and does not depend on
    /// the number of threads: a run is begun only when all before it were, and what is behind the last failure is left out.
    fn play(
        &self,
        variants: &[Variant],
        plain: &Ran,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<(Variant, Ran)>, Error> {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS_MAX).min(variants.len());
        let (next, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (done, results) = mpsc::channel();
        let mut ran = BTreeMap::new();
        thread::scope(|scope| {
            for _ in 0..threads {
                let (done, next, failures) = (done.clone(), &next, &failures);
                scope.spawn(move || {
                    while failures.load(Ordering::Relaxed) < FAILURES_MAX {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(variant) = variants.get(index) else { return };
                        let result = once(self.scenario, self.setting, *variant, Some(plain));
                        let failed = result.as_ref().map_or(true, |ran| ran.broken.is_some());
                        failures.fetch_add(usize::from(failed), Ordering::Relaxed);
                        // Whoever listens does so until all have ended.
                        let _ = done.send((index, *variant, result));
                    }
                });
            }
            drop(done);
            for (index, variant, result) in results {
                ran.insert(index, (variant, result));
                progress(ran.len() + 1, variants.len() + 1);
            }
        });
        let mut failed = 0;
        let wanted = ran.into_values().take_while(|(_, result)| {
            let goes_on = failed < FAILURES_MAX;
            failed += usize::from(result.as_ref().map_or(true, |ran| ran.broken.is_some()));
            goes_on
        });
        wanted.map(|(variant, result)| Ok((variant, result?))).collect()
    }

    /// Adds a run to the report.
    fn absorb(&mut self, variant: Variant, plain: Option<&Ran>, ran: &Ran) {
        self.report.runs += 1;
        if let Some(broken) = &ran.broken {
            self.report.passed = false;
            let failure = self.failure(variant, plain, broken, &ran.seen.log);
            self.report.failures.push(failure);
        }
        if self.options.only.unwrap_or(Variant::Plain) == variant {
            self.report.log = ran.seen.log.iter().map(|(step, line)| format!("step {}: {line}", step + 1)).collect();
        }
        // The first run that fails has the turn that is wanted; until then, the plain one has.
        let is_first_failure = ran.broken.is_some() && self.report.failures.len() == 1;
        if is_first_failure || variant == Variant::Plain {
            let failing = ran.broken.as_ref().map(|broken| broken.step);
            let wanted = self.options.record_step.map(|step| step.saturating_sub(1)).or(failing).unwrap_or(usize::MAX);
            let last = ran.seen.recordings.range(..=wanted).next_back();
            self.report.recording = last.map(|(_, recording)| Recording {
                from: format!("{} {}, run {variant}", self.scenario.file, recording.from),
                ..recording.clone()
            });
        }
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
