//! One table for all languages: a new one is a new row here and a folder in `guest-sdk/`.
//! Everything that a project gets is compiled into the binary, so that it needs nothing of ours from anywhere.
//! A test compares the lists with the folders, so that no file is forgotten.

use std::path::Path;

use super::tools::Tool;
use super::{c, go, javascript, python, rust};

/// A file of a project: where it goes, and its text.
pub(super) type File = (&'static str, &'static str);

/// Files of one folder of this repository, by their paths in it; compiled into the binary.
macro_rules! files {
    ($folder:literal => $into:literal: $($path:literal),* $(,)?) => {
        &[$((concat!($into, $path), include_str!(concat!("../../../../", $folder, $path)))),*]
    };
}
pub(super) use files;

/// One language.
pub(in crate::cli) struct Language {
    /// As in `--lang`.
    pub(in crate::cli) name: &'static str,
    /// What its builds and tests need, in the order in which to install it.
    pub(in crate::cli) tools: &'static [Tool],
    /// Commands between `cd NAME` and `hydra dev .` in a new project, each with ` && ` behind it.
    pub(in crate::cli) first: &'static str,
    /// Names that a project cannot have, because something that it uses has them.
    pub(in crate::cli) taken: &'static [&'static str],
    /// A file in a project's folder by which it is known.
    pub(super) mark: &'static str,
    /// What an author starts from; names are filled in.
    pub(super) template: &'static [File],
    /// The SDK, as it is.
    pub(super) sdk: &'static [File],
    /// Where template and SDK are in this repository, and what of the SDK's folder a project does not need.
    #[cfg(test)]
    pub(super) origin: Origin,
}

/// The folders that the lists of a language are made of.
#[cfg(test)]
pub(super) struct Origin {
    pub(super) template: &'static str,
    pub(super) sdk: &'static str,
    pub(super) left_out: &'static [&'static str],
}

/// All of them, in the order in which they are told.
const LANGUAGES: [Language; 6] =
    [rust::RUST, python::PYTHON, javascript::JAVASCRIPT, javascript::TYPESCRIPT, go::GO, c::C];

impl Language {
    /// Every language.
    pub(in crate::cli) fn all() -> &'static [Self] {
        &LANGUAGES
    }

    /// The language that is called so on the command line.
    pub(in crate::cli) fn named(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|language| language.name == name)
    }

    /// The files of a project that is called so: first the author's, with names filled in, then the SDK's.
    pub(in crate::cli) fn project(&self, name: &str) -> impl Iterator<Item = (&'static str, String)> {
        let own = self.template.iter().map(move |(path, text)| (*path, fill(text, name)));
        own.chain(self.sdk.iter().map(|(path, text)| (*path, (*text).to_owned())))
    }
}

/// The languages that a project can be started in.
pub(in crate::cli) fn with_template() -> impl Iterator<Item = &'static Language> {
    Language::all().iter().filter(|language| !language.template.is_empty())
}

/// The language of a project's folder, as its files say.
pub(in crate::cli) fn of_folder(folder: &Path) -> Option<&'static Language> {
    // TypeScript has JavaScript's file too, so what is asked last wins.
    Language::all().iter().rev().find(|language| folder.join(language.mark).is_file())
}

/// Puts the project's name in: as it is, and as languages without hyphens in names write it.
fn fill(text: &str, name: &str) -> String {
    text.replace("{{name}}", name).replace("{{crate}}", &name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;

    /// What builds leave in a folder.
    const LEFTOVERS: [&str; 9] = [
        "target",
        "build",
        "node_modules",
        "__pycache__",
        ".venv",
        ".hydra",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
    ];

    #[test]
    fn names_are_filled_in() {
        assert_eq!(fill("{{name}} {{crate}} {name}", "my-actor"), "my-actor my_actor {name}");
    }

    #[test]
    fn no_file_of_template_and_sdk_is_forgotten() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for Language { name, template, sdk, origin, .. } in Language::all() {
            let listed = |files: &[File]| files.iter().map(|(path, _)| PathBuf::from(path)).collect::<BTreeSet<_>>();
            assert_eq!(listed(template), below(&root.join(origin.template), Path::new(""), &[]), "{name}: template");
            let there = below(&root.join(origin.sdk), Path::new("hydra-sdk"), origin.left_out);
            assert_eq!(listed(sdk), there, "{name}: SDK");
        }
    }

    #[test]
    fn a_project_is_known_by_its_files() {
        for language in with_template() {
            let folder = tempfile::tempdir().unwrap();
            for (path, text) in language.project("my-actor").filter(|(path, _)| !path.contains('/')) {
                std::fs::write(folder.path().join(path), text).unwrap();
            }
            assert_eq!(of_folder(folder.path()).map(|found| found.name), Some(language.name));
        }
        assert!(of_folder(Path::new("no/such/folder")).is_none());
    }

    /// Files below a folder, but for what a build leaves there and these, as they are named below another.
    fn below(folder: &Path, named: &Path, left_out: &[&str]) -> BTreeSet<PathBuf> {
        let Ok(entries) = std::fs::read_dir(folder) else { return BTreeSet::new() };
        let entries = entries.map(|entry| entry.unwrap()).filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            !LEFTOVERS.contains(&name.as_str()) && !left_out.contains(&name.as_str())
        });
        let inside = entries.flat_map(|entry| {
            let named = named.join(entry.file_name());
            if entry.path().is_dir() { below(&entry.path(), &named, &[]) } else { BTreeSet::from([named]) }
        });
        inside.collect()
    }
}
