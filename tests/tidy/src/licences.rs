//! What we build on: every dependency's licence is allowed by `deny.toml`, and comes from the public registry.
//! Part of the checks; see the crate's page. Judges what this platform builds; `just deny` judges all platforms.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spdx::{Expression, Licensee, ParseMode};

/// The cargo workspaces of this repository, from the top.
pub const WORKSPACES: [&str; 3] = [".", "guest-sdk/rust", "sample-actors"];
/// How cargo names the public registry.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The licences that `deny.toml` allows.
///
/// # Errors
/// The file cannot be read or a licence in it is not known.
pub fn allowed(text: &str) -> Result<Vec<Licensee>, String> {
    let file: toml::Table = text.parse().map_err(|error| format!("deny.toml: {error}"))?;
    let list = file.get("licenses").and_then(|licences| licences.get("allow")).and_then(toml::Value::as_array);
    let names = list.ok_or("deny.toml: licenses.allow is missing")?.iter().filter_map(toml::Value::as_str);
    names.map(|name| Licensee::parse(name).map_err(|error| format!("deny.toml: {name}: {error}"))).collect()
}

/// Cargo's account of a workspace and all that it is built of.
///
/// # Errors
/// Cargo's own.
pub fn metadata(workspace: &Path) -> Result<Value, String> {
    let version = run(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", host]);
    cargo.arg("--manifest-path").arg(workspace.join("Cargo.toml"));
    serde_json::from_str(&run(&mut cargo)?).map_err(|error| format!("cargo metadata: {error}"))
}

fn run(command: &mut Command) -> Result<String, String> {
    let ran = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let told = if ran.status.success() { Ok(ran.stdout) } else { Err(ran.stderr) };
    told.map(|text| String::from_utf8_lossy(&text).into_owned())
        .map_err(|text| format!("{command:?}: {}", String::from_utf8_lossy(&text)))
}

/// Packages with a licence that is not allowed, or from somewhere else.
#[must_use]
pub fn complaints(metadata: &Value, allowed: &[Licensee]) -> Vec<String> {
    let packages = metadata.get("packages").and_then(Value::as_array);
    packages.into_iter().flatten().filter_map(|package| complaint(package, allowed)).collect()
}

fn complaint(package: &Value, allowed: &[Licensee]) -> Option<String> {
    let text = |key: &str| package.get(key).and_then(Value::as_str);
    let (name, version) = (text("name").unwrap_or_default(), text("version").unwrap_or_default());
    let source = text("source");
    if source.is_some_and(|source| source != REGISTRY) {
        return Some(format!("{name} {version} comes from {source:?}: only the public registry may be used"));
    }
    let Some(licence) = text("license") else { return Some(format!("{name} {version} names no licence")) };
    match Expression::parse_mode(licence, ParseMode::LAX) {
        Err(error) => Some(format!("{name} {version}: licence {licence:?}: {}", error.reason)),
        Ok(terms) if terms.evaluate(|term| allowed.iter().any(|licence| licence.satisfies(term))) => None,
        Ok(_) => Some(format!("{name} {version}: licence {licence} is not in deny.toml's licenses.allow")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_none;
    use crate::tree::top;

    fn ours() -> Vec<Licensee> {
        allowed(&std::fs::read_to_string(top().join("deny.toml")).unwrap()).unwrap()
    }

    #[test]
    fn every_dependency_may_be_used() {
        for workspace in WORKSPACES {
            assert_none(complaints(&metadata(&top().join(workspace)).unwrap(), &ours()));
        }
    }

    #[test]
    fn strange_licences_and_sources_are_noticed() {
        let package = |name: &str, licence: &str, source: &str| serde_json::json!({ "name": name, "version": "1.0.0", "license": licence, "source": source });
        let unknown = serde_json::json!({ "name": "e", "version": "1.0.0", "license": null, "source": REGISTRY });
        let metadata = serde_json::json!({ "packages": [
            package("a", "MIT OR GPL-3.0-only", REGISTRY),
            package("b", "MIT/Apache-2.0", REGISTRY),
            package("c", "MIT AND GPL-3.0-only", REGISTRY),
            package("d", "MIT", "git+https://github.com/a/d"),
            unknown,
            package("f", "beer", REGISTRY),
        ] });
        let told = complaints(&metadata, &ours());
        let names: Vec<_> = told.iter().filter_map(|complaint| complaint.split(' ').next()).collect();
        assert_eq!(names, ["c", "d", "e", "f"]);
    }
}
