//! `hydra new`: a project that builds and runs under `hydra dev` at once.
//! Writes a template that is part of this binary, the SDK's sources included: nothing is fetched.
//! Never writes over a file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hydra::id::Kind;

use super::language::{self, Language};
use super::output;

/// Start a project
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hydra new --lang rust greeter\n  cd greeter && hydra dev .\n\n\
                  What a language's builds need: hydra doctor --lang go")]
pub(super) struct New {
    /// The language
    #[arg(long, value_parser = parser())]
    lang: String,
    /// The folder to make; its name becomes the kind
    name: PathBuf,
}

fn parser() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(language::with_template().map(|language| language.name))
}

impl New {
    /// Writes the project.
    ///
    /// # Errors
    /// The name is no kind, or the folder is there already.
    pub(super) fn run(self) -> Result<()> {
        let language = Language::named(&self.lang).context("a language that hydra knows")?;
        let name = self.name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let kind = Kind::from_outside(&name).context("the project's name becomes its kind")?;
        if language.taken.contains(&kind.as_str()) {
            bail!("{kind} is the name of something that the project uses: choose another name");
        }
        write(&self.name, &kind, language)?;
        let shown = self.name.display();
        output::text(&format!("made {shown}\n"))?;
        output::note(&format!("next: cd {shown} && {}hydra dev .", language.first));
        Ok(())
    }
}

fn write(folder: &Path, kind: &Kind, language: &Language) -> Result<()> {
    let shown = folder.display();
    if folder.exists() {
        bail!("{shown} is there already: choose another name");
    }
    for (path, text) in language.project(kind.as_str()) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_written_once() {
        let parent = tempfile::tempdir().unwrap();
        let kind = Kind::new("greeter").unwrap();
        for language in language::with_template() {
            let folder = parent.path().join(language.name);
            write(&folder, &kind, language).unwrap();
            for path in ["hydra-sdk/README.md", "README.md", "actor.toml", "scenarios/adds.toml"] {
                assert!(folder.join(path).is_file(), "{}: {path}", language.name);
            }
            let manifest = std::fs::read_to_string(folder.join("actor.toml")).unwrap();
            assert_eq!(hydra::manifest::Manifest::parse(&manifest).unwrap().kind, Some(kind.clone()));
            assert!(write(&folder, &kind, language).unwrap_err().to_string().contains("there already"));
        }
    }
}
