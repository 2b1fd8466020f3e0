//! `hydra new`: a project that builds and runs under `hydra dev` at once.
//! Writes a template that is part of this binary, the SDK's sources included: nothing is fetched.
//! Never writes over a file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use hydra::id::Kind;

use super::output;

/// The file of a template: where it goes in the project, and its text.
type File = (&'static str, &'static str);

/// Files of one folder of this repository, by their paths in it; compiled into the binary.
macro_rules! files {
    ($folder:literal => $into:literal: $($path:literal),* $(,)?) => {
        &[$((concat!($into, $path), include_str!(concat!("../../../", $folder, $path)))),*]
    };
}

/// A Rust project: names are filled in.
const RUST: &[File] = files!("guest-sdk/rust/template/" => "":
    ".gitignore", "Cargo.lock", "Cargo.toml", "README.md", "actor.toml", "src/lib.rs",
);

/// The SDK beside it, as this binary's version has it: written as it is.
const RUST_SDK: &[File] = files!("guest-sdk/rust/" => "hydra-sdk/":
    "Cargo.toml", "README.md", "wit/actor.wit",
    "src/actor.rs", "src/bindings.rs", "src/context.rs", "src/describe.rs", "src/export.rs", "src/host/mod.rs",
    "src/host/simulated.rs", "src/host/wasm.rs", "src/lib.rs", "src/message.rs", "src/outcome.rs", "src/test.rs",
    "src/turn.rs",
);

/// Start a project
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydra new --lang rust greeter\n  cd greeter && cargo build --release --target wasm32-wasip2 && hydra dev ."
)]
pub(super) struct New {
    /// The language
    #[arg(long, value_enum)]
    lang: Language,
    /// The folder to make; its name becomes the kind
    name: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    Rust,
}

impl Language {
    /// The project's own files, and those of the SDK.
    fn files(self) -> (&'static [File], &'static [File]) {
        match self {
            Self::Rust => (RUST, RUST_SDK),
        }
    }
}

impl New {
    /// Writes the project.
    ///
    /// # Errors
    /// The name is no kind, or the folder is there already.
    pub(super) fn run(self) -> Result<()> {
        let name = self.name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let kind = Kind::from_outside(&name).context("the project's name becomes its kind")?;
        write(&self.name, &kind, self.lang)?;
        let shown = self.name.display();
        output::text(&format!("made {shown}\n"))?;
        output::note(&format!("next: cd {shown}, cargo build --release --target wasm32-wasip2, hydra dev"));
        Ok(())
    }
}

fn write(folder: &Path, kind: &Kind, language: Language) -> Result<()> {
    let shown = folder.display();
    if folder.exists() {
        bail!("{shown} is there already: choose another name");
    }
    let (project, sdk) = language.files();
    let filled = project.iter().map(|(path, text)| (*path, fill(text, kind)));
    for (path, text) in filled.chain(sdk.iter().map(|(path, text)| (*path, (*text).to_owned()))) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// Puts the project's names in: the kind as it is, and as Rust writes it.
fn fill(text: &str, kind: &Kind) -> String {
    text.replace("{{name}}", kind.as_str()).replace("{{crate}}", &kind.as_str().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_filled_in() {
        let kind = Kind::new("my-actor").unwrap();
        assert_eq!(fill("{{name}} {{crate}} {name}", &kind), "my-actor my_actor {name}");
    }

    #[test]
    fn a_project_is_written_once_and_has_no_blanks_left() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("my-actor");
        let kind = Kind::new("my-actor").unwrap();
        write(&folder, &kind, Language::Rust).unwrap();
        for (path, _) in RUST {
            assert!(!std::fs::read_to_string(folder.join(path)).unwrap().contains("{{"), "{path}");
        }
        let component = super::super::component::Component::find(&folder, None, None).unwrap();
        assert_eq!(component.kind, kind);
        assert!(component.wasm.ends_with("release/my_actor.wasm"));
        assert!(write(&folder, &kind, Language::Rust).unwrap_err().to_string().contains("there already"));
    }

    #[test]
    fn no_file_of_template_and_sdk_is_forgotten() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/rust");
        let names = |files: &[File]| -> BTreeSet<PathBuf> { files.iter().map(|(path, _)| path.into()).collect() };
        assert_eq!(names(RUST), below(&sdk.join("template"), Path::new("")));
        let mut of_sdk = below(&sdk.join("src"), Path::new("hydra-sdk/src"));
        of_sdk.extend(["Cargo.toml", "README.md", "wit/actor.wit"].map(|path| Path::new("hydra-sdk").join(path)));
        assert_eq!(names(RUST_SDK), of_sdk);
    }

    /// Files below a folder, but for what a build leaves there, as they are named below another.
    fn below(folder: &Path, named: &Path) -> BTreeSet<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let inside = entries.filter(|entry| entry.file_name() != "target").flat_map(|entry| {
            let named = named.join(entry.file_name());
            if entry.path().is_dir() { below(&entry.path(), &named) } else { BTreeSet::from([named]) }
        });
        inside.collect()
    }
}
