//! Where scenarios are run: loads each component once, hands it to `suite`, and runs recorded turns again.
//! What the command line calls. Never keeps anything of a run.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config;
use crate::digest::Digest;
use crate::id::Kind;
use crate::manifest::Manifest;
use crate::scenario::host::Setting;
use crate::scenario::recording::{Recording, Replayed, TurnEnd};
use crate::scenario::report::Report;
use crate::scenario::script::Scenario;
use crate::scenario::suite::{self, runtime};
use crate::scenario::variant::Variant;
use crate::wasm::{Handler, Sandbox};
use bytes::Bytes;

/// Instances alive at once: far above what all runs together hold, since turns of one run never overlap.
const INSTANCES_MAX: u32 = 64;
/// Largest component, as a host takes it.
const COMPONENT_BYTES_MAX: usize = 256 << 20;
/// Components kept loaded: one for each of its settings.
const LOADED_MAX: usize = 64;

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
    /// `scenario.components`, in their order. `progress` is told how many runs are done, and how many there are: first once
    /// everything is loaded.
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
        if let Some((kind, _)) = cast.iter().find(|(kind, _)| scenario.stand_ins.iter().any(|one| one.kind == *kind)) {
            let reason = "a [[stand-in]] plays the same kind: leave one of both away".into();
            return Err(Error::Refused { kind: kind.clone(), reason });
        }
        let (sandbox, stand_ins) = (self.sandbox.clone(), scenario.stand_ins.clone());
        let setting = Setting { sandbox, cast, stand_ins, seed: options.seed, keeps: options.record };
        suite::run(scenario, &setting, options, progress)
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
