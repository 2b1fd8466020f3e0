//! The committed files, as the checks see them: paths and bytes in memory.
//! Read once from git, or made up by a test. Never looks at ignored files.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files by their path from the top, with `/` between the parts.
#[derive(Debug, Clone, Default)]
pub struct Tree(BTreeMap<String, Vec<u8>>);

/// The repository's top folder.
#[must_use]
pub fn top() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

impl Tree {
    /// Everything that git knows or would know with the next `git add`.
    ///
    /// # Errors
    /// There is no git, or this is no clone: the text says which.
    pub fn of_repository() -> io::Result<Self> {
        let top = top();
        let listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = Command::new("git").args(listing).current_dir(&top).output()?;
        if !listed.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&listed.stderr).into_owned()));
        }
        let names = String::from_utf8_lossy(&listed.stdout).into_owned();
        let mut files = BTreeMap::new();
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            // A file that was deleted but not yet from the index is gone.
            if let Ok(bytes) = std::fs::read(top.join(name)) {
                files.insert(name.to_owned(), bytes);
            }
        }
        Ok(Self(files))
    }

    /// A tree of these paths and texts, for the tests of a check.
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
    }

    /// All paths, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A file's bytes.
    #[must_use]
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// A file's text; none if there is no such file, or it is not text.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        std::str::from_utf8(self.bytes(path)?).ok()
    }

    /// All text files, with their texts.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(path, bytes)| Some((path.as_str(), std::str::from_utf8(bytes).ok()?)))
    }

    /// Text files whose name ends so, for example `.rs`.
    pub fn ending(&self, suffix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(move |(path, _)| path.ends_with(suffix))
    }

    /// Whether there is such a file, or a folder with files.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty() || self.0.contains_key(path) || self.paths().any(|file| file.starts_with(&folder))
    }

    /// Names of the folders directly in a folder.
    #[must_use]
    pub fn folders(&self, parent: &str) -> Vec<String> {
        let inside = self.paths().filter_map(|path| path.strip_prefix(parent)?.strip_prefix('/')?.split_once('/'));
        let mut names: Vec<_> = inside.map(|(name, _)| name.to_owned()).collect();
        names.dedup();
        names
    }
}

/// Whether a tool wrote this file: then nobody reads it line by line, and no rule of style holds.
#[must_use]
pub fn is_generated(text: &str) -> bool {
    text.lines().take(5).any(|line| line.starts_with("//") && line.contains("DO NOT EDIT"))
}

/// A Rust file without comments and without its tests, with line breaks where they were.
#[must_use]
pub fn code_only(text: &str) -> String {
    let tests = text.find("\n#[cfg(test)]\nmod ").map_or(text.len(), |at| at + 1);
    let code = text.get(..tests).unwrap_or(text);
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_can_be_read() {
        let tree = Tree::of_repository().unwrap();
        assert!(tree.text("Cargo.toml").is_some() && tree.has("tests/tidy/src") && !tree.has("target"));
    }

    #[test]
    fn folders_are_those_directly_inside() {
        let tree = Tree::of(&[("a/b/c.rs", ""), ("a/b/d.rs", ""), ("a/e.rs", ""), ("ab/f/g.rs", "")]);
        assert_eq!(tree.folders("a"), ["b"]);
    }

    #[test]
    fn code_has_neither_comments_nor_tests() {
        let text = "use a; // why\n/// doc\nfn f() {}\n#[cfg(test)]\nmod tests { use b; }\n";
        assert_eq!(code_only(text), "use a; \n\nfn f() {}");
    }
}
