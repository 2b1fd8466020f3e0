//! Deploys what was built, each build once.
//! Told by `watch` that something may have changed; asks the files what. Never stops a host because of a bad build:
//! the version before goes on.

use std::path::PathBuf;

use anyhow::{Result, bail};
use hydra::digest::Digest;
use hydra::id::Kind;
use hydra::registry::{Deployed, Registry};

use crate::cli::component::Component;
use crate::cli::{deploy, output};

/// The paths that a developer works on.
pub(super) struct Sources(Vec<Source>);

/// One path, and what became of it last.
struct Source {
    path: PathBuf,
    kind: Option<Kind>,
    /// What was told or deployed last: the same is not told or deployed again.
    last: Option<State>,
    /// Files to watch, as far as they are known.
    files: Vec<PathBuf>,
}

#[derive(Clone, PartialEq, Eq)]
enum State {
    /// Not built yet, or not readable.
    Waiting(String),
    /// This component under this manifest.
    Seen { kind: Kind, wasm: Digest, manifest: Digest },
}

impl Sources {
    /// Finds what there is.
    ///
    /// # Errors
    /// A path leads nowhere, or two lead to the same kind.
    pub(super) fn find(paths: &[PathBuf], kind: Option<&Kind>) -> Result<Self> {
        let mut kinds: Vec<Kind> = Vec::new();
        let mut sources = Vec::new();
        for path in paths {
            let component = Component::find(path, kind, None)?;
            if kinds.contains(&component.kind) {
                bail!("{} is kind {} too: every kind has one component", path.display(), component.kind);
            }
            kinds.push(component.kind.clone());
            sources.push(Source { path: path.clone(), kind: kind.cloned(), last: None, files: files(&component) });
        }
        Ok(Self(sources))
    }

    /// The files that matter.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.0.iter().flat_map(|source| source.files.clone()).collect()
    }

    /// Deploys whatever is new, and tells what became of it; `flags` belong behind every command that is told. Dropping the call drops a deploy that is not stored yet.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) async fn deploy_new(&mut self, registry: &Registry, flags: &str) -> Result<()> {
        for source in &mut self.0 {
            source.deploy_if_new(registry, flags).await?;
        }
        Ok(())
    }
}

fn files(component: &Component) -> Vec<PathBuf> {
    std::iter::once(component.wasm.clone()).chain(component.manifest_file.clone()).collect()
}

impl Source {
    async fn deploy_if_new(&mut self, registry: &Registry, flags: &str) -> Result<()> {
        let component = match Component::find(&self.path, self.kind.as_ref(), None) {
            Ok(component) => component,
            Err(error) => {
                self.wait(format!("{error:#}"));
                return Ok(());
            }
        };
        self.files = files(&component);
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
        let before = self.last.replace(seen);
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
                let goes_on = matches!(before, Some(State::Seen { .. }));
                let goes_on = if goes_on { "; the version before goes on" } else { "" };
                output::warning(&format!("{}: not deployed{goes_on}: {error}", component.kind));
            }
        }
        Ok(())
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
        let error = Sources::find(&paths, None).err().unwrap().to_string();
        assert!(error.contains("kind counter"), "{error}");
        assert!(Sources::find(paths.get(..1).unwrap(), None).is_ok());
    }
}
