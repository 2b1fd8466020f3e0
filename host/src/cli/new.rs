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

/// What every project gets: the contract that its component is built against.
const CONTRACT: &[File] = files!("wit/" => "hydra-sdk/wit/": "actor.wit");

/// What a Rust author starts from.
const RUST: &[File] = files!(
    "guest-sdk/rust/template/" => "":
    ".gitignore", "Cargo.toml", "Cargo.lock", "README.md", "actor.toml", "src/lib.rs",
);

/// The Rust SDK, so that a project needs nothing of ours from anywhere.
const RUST_SDK: &[File] = files!(
    "guest-sdk/rust/" => "hydra-sdk/":
    "Cargo.toml",
    "README.md",
    "src/actor.rs",
    "src/bindings.rs",
    "src/context.rs",
    "src/describe.rs",
    "src/export.rs",
    "src/lib.rs",
    "src/message.rs",
    "src/outcome.rs",
    "src/test.rs",
    "src/test/waits.rs",
    "src/timer.rs",
    "src/turn.rs",
    "src/host/mod.rs",
    "src/host/simulated.rs",
    "src/host/wasm.rs",
);

/// Names that a project's own dependencies have: a crate cannot have them too.
const TAKEN: &[&str] = &["serde", "hydra-sdk", "wit-bindgen", "test", "core", "std", "alloc"];

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
    fn files(self) -> Vec<File> {
        match self {
            Self::Rust => [CONTRACT, RUST, RUST_SDK].concat(),
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
        if TAKEN.contains(&kind.as_str()) {
            bail!("{kind} is the name of a crate that the project uses: choose another name");
        }
        write(&self.name, &kind, &self.lang.files())?;
        let shown = self.name.display();
        output::text(&format!("made {shown}\n"))?;
        output::note(&format!("next: cd {shown} && cargo build --release --target wasm32-wasip2 && hydra dev ."));
        Ok(())
    }
}

fn write(folder: &Path, kind: &Kind, files: &[File]) -> Result<()> {
    let shown = folder.display();
    if folder.exists() {
        bail!("{shown} is there already: choose another name");
    }
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
        }
        std::fs::write(&path, fill(text, kind)).with_context(|| format!("write {}", path.display()))?;
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
    fn a_project_is_written_once() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("greeter");
        let kind = Kind::new("greeter").unwrap();
        write(&folder, &kind, &Language::Rust.files()).unwrap();
        for path in ["hydra-sdk/wit/actor.wit", "hydra-sdk/src/lib.rs", "src/lib.rs", "actor.toml"] {
            assert!(folder.join(path).is_file(), "{path}");
        }
        assert!(write(&folder, &kind, &[]).unwrap_err().to_string().contains("there already"));
    }

    #[test]
    fn no_file_of_template_and_sdk_is_forgotten() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let sdk = root.join("guest-sdk/rust");
        let mut there = below(&sdk.join("template"), Path::new(""));
        there.extend(below(&sdk.join("src"), Path::new("hydra-sdk/src")));
        there.extend(["Cargo.toml", "README.md", "wit/actor.wit"].map(|path| Path::new("hydra-sdk").join(path)));
        let written = Language::Rust.files().iter().map(|(path, _)| path.into()).collect();
        assert_eq!(there, written);
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
