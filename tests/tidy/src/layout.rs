//! Where things stand and how large they may be: top level, READMEs, sizes, headers.
//! Part of the checks; see the crate's page.

use crate::tree::{Tree, is_generated};

/// What may stand at the top beside files that begin with a dot: a newcomer sees all of it at once.
const TOP: [&str; 16] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "docs",
    "guest-sdk",
    "host",
    "just",
    "justfile",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "sample-actors",
    "tests",
    "wit",
];
/// Folders that explain themselves, with every other folder that has a README.
const EXPLAINED: [&str; 9] = [
    "docs",
    "docs/decisions",
    "guest-sdk",
    "guest-sdk/python",
    "guest-sdk/rust",
    "host",
    "sample-actors",
    "tests",
    "wit",
];
/// Longest README of a folder, in lines; the top one is a page of its own.
const README_LINES_MAX: usize = 40;
/// Longest Rust file, in lines.
const RUST_LINES_MAX: usize = 500;
/// Longest map of the code, in lines.
const ARCHITECTURE_LINES_MAX: usize = 250;

/// Nothing at the top but what belongs there.
#[must_use]
pub fn top_level(tree: &Tree) -> Vec<String> {
    let mut names: Vec<_> = tree.paths().filter_map(|path| path.split('/').next()).collect();
    names.dedup();
    let strange = names.into_iter().filter(|name| !name.starts_with('.') && !TOP.contains(name));
    strange.map(|name| format!("{name}: does not belong at the top: put it into one of the folders there")).collect()
}

/// Folders have a README, and a README is short.
#[must_use]
pub fn readmes(tree: &Tree) -> Vec<String> {
    let missing = EXPLAINED.iter().map(|folder| format!("{folder}/README.md")).filter(|path| !tree.has(path));
    let mut complaints: Vec<_> = missing.map(|path| format!("{path}: is missing")).collect();
    for (path, text) in tree.ending("/README.md") {
        let lines = text.lines().count();
        if lines > README_LINES_MAX {
            complaints
                .push(format!("{path}: {lines} lines, a README has at most {README_LINES_MAX}: move the rest to docs"));
        }
    }
    complaints
}

/// The map of the code is short enough to be read.
#[must_use]
pub fn architecture(tree: &Tree) -> Vec<String> {
    let path = "docs/ARCHITECTURE.md";
    match tree.text(path).map(|text| text.lines().count()) {
        None => vec![format!("{path}: is missing")],
        Some(lines) if lines > ARCHITECTURE_LINES_MAX => {
            vec![format!("{path}: {lines} lines, at most {ARCHITECTURE_LINES_MAX}: leave out what rots")]
        }
        Some(_) => Vec::new(),
    }
}

/// Rust files are short.
#[must_use]
pub fn sizes(tree: &Tree) -> Vec<String> {
    let written = tree.ending(".rs").filter(|(_, text)| !is_generated(text));
    let sized = written.map(|(path, text)| (path, text.lines().count()));
    let large = sized.filter(|(_, lines)| *lines > RUST_LINES_MAX);
    large
        .map(|(path, lines)| format!("{path}: {lines} lines, at most {RUST_LINES_MAX}: split it by what it does"))
        .collect()
}

/// Every Rust file begins with what it is for.
#[must_use]
pub fn headers(tree: &Tree) -> Vec<String> {
    let bare = tree.ending(".rs").filter(|(_, text)| !text.starts_with("//! ") && !is_generated(text));
    bare.map(|(path, _)| format!("{path}:1: begin with `//!`: what it does, where it stands, what it must never do"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_none;

    fn repository() -> Tree {
        Tree::of_repository().unwrap()
    }

    #[test]
    fn the_top_level_holds_what_belongs_there() {
        assert_none(top_level(&repository()));
        let tree = Tree::of(&[("README.md", ""), (".ci/run", ""), ("scripts/go.sh", ""), ("scripts/on.sh", "")]);
        assert_eq!(top_level(&tree).len(), 1);
    }

    #[test]
    fn folders_explain_themselves_briefly() {
        assert_none(readmes(&repository()));
        let explained: Vec<_> = EXPLAINED.iter().map(|folder| format!("{folder}/README.md")).collect();
        let mut files: Vec<_> = explained.iter().map(|path| (path.as_str(), "short")).collect();
        assert_none(readmes(&Tree::of(&files)));
        let long = "line\n".repeat(README_LINES_MAX + 1);
        files.push(("docs/guide/README.md", &long));
        assert_eq!(readmes(&Tree::of(&files)).len(), 1);
        assert_eq!(readmes(&Tree::of(&[("README.md", &long)])).len(), EXPLAINED.len());
    }

    #[test]
    fn the_map_of_the_code_is_short() {
        assert_none(architecture(&repository()));
        let long = "line\n".repeat(ARCHITECTURE_LINES_MAX + 1);
        assert_eq!(architecture(&Tree::of(&[("docs/ARCHITECTURE.md", &long)])).len(), 1);
        assert_eq!(architecture(&Tree::of(&[])).len(), 1);
    }

    #[test]
    fn rust_files_are_short() {
        assert_none(sizes(&repository()));
        let long = "//! x\n".repeat(RUST_LINES_MAX + 1);
        assert_eq!(sizes(&Tree::of(&[("host/src/a.rs", &long), ("host/src/b.rs", "//! x\n")])).len(), 1);
    }

    #[test]
    fn rust_files_say_what_they_are_for() {
        assert_none(headers(&repository()));
        let generated = "// Generated by a tool. DO NOT EDIT!\n";
        let tree =
            Tree::of(&[("a.rs", "//! Does a.\n"), ("b.rs", "use std::fmt;\n"), ("c.rs", ""), ("d.rs", generated)]);
        assert_eq!(headers(&tree).len(), 2);
    }
}
