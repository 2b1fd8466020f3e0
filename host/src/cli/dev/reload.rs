//! Builds what changed and deploys what was built, each once.
//! Told by `watch` that something may have changed; asks the files what. Never stops a host because of a bad build:
//! the version before goes on.

use std::path::PathBuf;

use anyhow::{Result, bail};
use hydra::digest::Digest;
use hydra::id::Kind;
use hydra::registry::{Deployed, Registry};

use crate::cli::build::{self, Sources};
use crate::cli::component::Component;
use crate::cli::{deploy, output};

/// The paths that a developer works on.
pub(super) struct Projects(Vec<Project>);

/// One path, and what became of it last.
struct Project {
    path: PathBuf,
    kind: Option<Kind>,
    /// Of what was built last, well or not: the same is not built again.
    built: Option<Digest>,
    /// What was told or deployed last: the same is not told or deployed again.
    last: Option<State>,
    /// Files and folders to watch, as far as they are known.
    places: Vec<PathBuf>,
}

#[derive(Clone, PartialEq, Eq)]
enum State {
    /// Not built yet, or not readable.
    Waiting(String),
    /// This component under this manifest.
    Seen { kind: Kind, wasm: Digest, manifest: Digest },
}

impl Projects {
    /// Finds what there is.
    ///
    /// # Errors
    /// A path leads nowhere, or two lead to the same kind.
    pub(super) fn find(paths: &[PathBuf], kind: Option<&Kind>) -> Result<Self> {
        let mut kinds: Vec<Kind> = Vec::new();
        let mut projects = Vec::new();
        for path in paths {
            let component = Component::find(path, kind, None)?;
            if kinds.contains(&component.kind) {
                bail!("{} is kind {} too: every kind has one component", path.display(), component.kind);
            }
            kinds.push(component.kind.clone());
            let places = files(&component);
            projects.push(Project { path: path.clone(), kind: kind.cloned(), built: None, last: None, places });
        }
        Ok(Self(projects))
    }

    /// The files and folders that matter.
    pub(super) fn places(&self) -> Vec<PathBuf> {
        self.0.iter().flat_map(|project| project.places.clone()).collect()
    }

    /// Builds what changed, deploys whatever is new, and tells what became of it; `flags` belong behind every command that is told. Dropping the call drops a deploy that is not stored yet.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) async fn deploy_new(&mut self, registry: &Registry, flags: &str) -> Result<()> {
        for project in &mut self.0 {
            project.deploy_if_new(registry, flags).await?;
        }
        Ok(())
    }
}

fn files(component: &Component) -> Vec<PathBuf> {
    std::iter::once(component.output.clone()).chain(component.manifest_file.clone()).collect()
}

impl Project {
    async fn deploy_if_new(&mut self, registry: &Registry, flags: &str) -> Result<()> {
        let component = match Component::find(&self.path, self.kind.as_ref(), None) {
            Ok(component) => component,
            Err(error) => {
                self.wait(format!("{error:#}"));
                return Ok(());
            }
        };
        self.places = files(&component);
        let component = self.build_if_changed(component).await;
        let bytes = match component.read() {
            Ok(bytes) => bytes,
            Err(_) if !component.wasm.exists() => {
                let (kind, wasm) = (&component.kind, component.wasm.display());
                self.wait(format!("{kind}: waiting for {wasm}; build it with {}", component.how_to_build()));
                return Ok(());
            }
            Err(error) => {
                self.wait(format!("{error:#}"));
                return Ok(());
            }
        };
        let manifest = Digest::of(component.manifest_text.as_bytes());
        let seen = State::Seen { kind: component.kind.clone(), wasm: Digest::of(&bytes), manifest };
        if self.last.as_ref() == Some(&seen) {
            return Ok(());
        }
        let goes_on = self.goes_on();
        self.last = Some(seen);
        output::note(&format!("{}: compiling {}", component.kind, component.wasm.display()));
        match registry.deploy(component.kind.clone(), bytes, component.manifest).await {
            Ok(deployed) => {
                for warning in &deployed.warnings {
                    output::warning(warning);
                }
                output::text(&format!("{}\n", deploy::sentence(&deployed)))?;
                output::text(&to_try(&deployed, flags))?;
            }
            Err(error) => {
                output::warning(&format!("{}: not deployed{goes_on}: {error}", component.kind));
            }
        }
        Ok(())
    }

    /// Builds of what has changed. Whatever goes wrong is told, and what was built before is what there is.
    async fn build_if_changed(&mut self, component: Component) -> Component {
        if component.manifest.build.command.is_none() || component.manifest_file.is_none() {
            return component;
        }
        let sources = match Sources::of(&component) {
            Ok(sources) => sources,
            Err(error) => {
                output::warning(&format!("{}: {error:#}", component.kind));
                return component;
            }
        };
        self.places.extend(sources.folders.clone());
        if self.built.as_ref() == Some(&sources.fingerprint) || sources.are_built(&component) {
            return component;
        }
        self.built = Some(sources.fingerprint);
        output::note(&format!("{}: building", component.kind));
        match build::make(&component, &sources).await {
            Ok(built) => built,
            Err(error) => {
                output::warning(&format!("{}: not built{}: {error:#}", component.kind, self.goes_on()));
                component
            }
        }
    }

    /// What becomes of messages when a build is of no use.
    fn goes_on(&self) -> &'static str {
        if matches!(self.last, Some(State::Seen { .. })) { "; the version before goes on" } else { "" }
    }

    /// Tells why nothing is deployed, once.
    fn wait(&mut self, why: String) {
        let waiting = State::Waiting(why.clone());
        if self.last.as_ref() != Some(&waiting) {
            output::warning(&why);
            self.last = Some(waiting);
        }
    }
}

/// What to ask an actor of this version: what it says of itself, or where to put what its author knows.
fn to_try(deployed: &Deployed, flags: &str) -> String {
    let subjects = deployed.version.description.iter().flat_map(|description| &description.subjects);
    let mut examples: Vec<String> = subjects.map(|subject| output::printable(&subject.example())).collect();
    if examples.is_empty() {
        examples.push("SUBJECT BODY".into());
    }
    examples.iter().map(|example| format!("  hydra ask {}/alice {example}{flags}\n", deployed.kind)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_paths_cannot_be_one_kind() {
        let paths = [PathBuf::from("a/counter.wasm"), PathBuf::from("b/counter.wasm")];
        let error = Projects::find(&paths, None).err().unwrap().to_string();
        assert!(error.contains("kind counter"), "{error}");
        assert!(Projects::find(paths.get(..1).unwrap(), None).is_ok());
    }
}
