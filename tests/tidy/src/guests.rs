//! What guests need from us: the same contract everywhere, and samples that are listed and tested.
//! Part of the checks; see the crate's page.

use crate::tree::Tree;

const CONTRACT: &str = "wit/actor.wit";
const SAMPLES: &str = "sample-actors";
/// The version of all SDKs.
const SDK_VERSION: &str = "0.1.0";
/// Where an SDK says its version, and what stands before it. Rust's components say that of `Cargo.toml`.
const VERSIONS: [(&str, &str); 7] = [
    ("guest-sdk/rust/Cargo.toml", "version = \""),
    ("guest-sdk/python/pyproject.toml", "version = \""),
    ("guest-sdk/python/src/hydra_sdk/describe.py", "hydra-sdk-python/"),
    ("guest-sdk/js/package.json", "\"version\": \""),
    ("guest-sdk/js/src/describe.js", "hydra-sdk-js/"),
    ("guest-sdk/go/hydra/describe.go", "hydra-sdk-go/"),
    ("guest-sdk/c/hydra.h", "hydra-sdk-c/"),
];

/// Every copy of the contract equals it byte for byte.
#[must_use]
pub fn contract_copies(tree: &Tree) -> Vec<String> {
    let Some(contract) = tree.bytes(CONTRACT) else { return vec![format!("{CONTRACT}: is missing")] };
    let copies = tree.paths().filter(|path| path.ends_with(".wit") && *path != CONTRACT);
    let other = copies.filter(|path| tree.bytes(path) != Some(contract));
    other.map(|path| format!("{path}: differs from {CONTRACT}: copy it anew")).collect()
}

/// All SDKs have one version, in what their ecosystems read and in what their components say.
#[must_use]
pub fn sdk_versions(tree: &Tree) -> Vec<String> {
    let complaint = |(path, before): &(&str, &str)| {
        let text = tree.text(path).unwrap_or_default();
        let version =
            text.split_once(before).map_or("none", |(_, rest)| rest.split(['"', '\\']).next().unwrap_or_default());
        (version != SDK_VERSION).then(|| format!("{path}: its version is {version}, that of the SDKs is {SDK_VERSION}"))
    };
    VERSIONS.iter().filter_map(complaint).collect()
}

/// Every sample actor has a manifest and a line in the table, and the line names a test that exists.
#[must_use]
pub fn samples(tree: &Tree) -> Vec<String> {
    let page = format!("{SAMPLES}/README.md");
    let table = tree.text(&page).unwrap_or_default();
    let mut complaints = Vec::new();
    for sample in tree.folders(SAMPLES) {
        if !tree.has(&format!("{SAMPLES}/{sample}/actor.toml")) {
            complaints.push(format!("{SAMPLES}/{sample}/actor.toml: is missing"));
        }
        match table.lines().find(|line| is_row_of(line, &sample)) {
            None => {
                complaints.push(format!("{page}: the table has no line for {sample}: actor, what it teaches, its test"))
            }
            Some(row) if !names_a_test(tree, row) => {
                complaints.push(format!("{page}: the line of {sample} names no test that exists, as `name` or `path`"));
            }
            Some(_) => {}
        }
    }
    complaints
}

fn is_row_of(line: &str, sample: &str) -> bool {
    let first = line.strip_prefix('|').and_then(|rest| rest.split('|').next()).unwrap_or_default();
    first.split(|letter: char| !letter.is_alphanumeric() && letter != '-').any(|word| word == sample)
}

fn names_a_test(tree: &Tree, row: &str) -> bool {
    let last = row.trim_end().trim_end_matches('|').rsplit('|').next().unwrap_or_default();
    let mut names = last.split('`').skip(1).step_by(2);
    names.any(|name| {
        let function = format!("fn {}(", name.rsplit("::").next().unwrap_or(name));
        let is_path = name.contains('/') && (tree.has(name) || tree.has(&format!("{SAMPLES}/{name}")));
        is_path || tree.ending(".rs").any(|(_, text)| text.contains(&function))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_none;

    #[test]
    fn sdks_are_in_step() {
        assert_none(sdk_versions(&Tree::of_repository().unwrap()));
        assert_eq!(sdk_versions(&Tree::of(&[("guest-sdk/js/package.json", "\"version\": \"0.2.0\"")])).len(), 7);
    }

    #[test]
    fn copies_of_the_contract_are_equal() {
        assert_none(contract_copies(&Tree::of_repository().unwrap()));
        let tree = Tree::of(&[
            ("wit/actor.wit", "package a;"),
            ("guest-sdk/rust/wit/actor.wit", "package a;"),
            ("guest-sdk/go/wit/actor.wit", "package a; "),
        ]);
        assert_eq!(contract_copies(&tree), ["guest-sdk/go/wit/actor.wit: differs from wit/actor.wit: copy it anew"]);
    }

    #[test]
    fn samples_are_listed_and_tested() {
        assert_none(samples(&Tree::of_repository().unwrap()));
        let table = "| actor | teaches | test |\n|---|---|---|\n| [counter](counter) | state | `counts_to_two` |\n\
                     | `echo` | replies | `tests/e2e/echo.rs` |\n| old-counter | nothing | `gone` |\n";
        let tree = Tree::of(&[
            ("sample-actors/README.md", table),
            ("sample-actors/counter/actor.toml", ""),
            ("sample-actors/counter/src/lib.rs", "fn counts_to_two() {}"),
            ("sample-actors/echo/actor.toml", ""),
            ("sample-actors/old-counter/actor.toml", ""),
            ("sample-actors/poison/src/lib.rs", ""),
            ("tests/e2e/echo.rs", ""),
        ]);
        let complaints = samples(&tree);
        assert_eq!(complaints.len(), 3, "{complaints:?}");
        assert!(complaints.iter().filter(|complaint| complaint.contains("poison")).count() == 2);
    }
}
