//! The scenarios that come with the sources: every sample passes its own, and the actor `conformance` of every language those
//! that all share; each with a crash around every commit. Builds nothing: what was built is tested.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hydra_tests::binary;
use hydra_tests::host::{sample, sample_folder};

/// Runs `hydra test` on a project; compiled code is shared with its neighbours.
fn passes(project: &Path, scenarios: Option<&Path>) -> Result<()> {
    let name = project.file_name().context("a name")?.to_string_lossy().into_owned();
    let mut command = binary::command()?;
    command.current_dir(env!("CARGO_TARGET_TMPDIR")).args(["test", "--no-build"]);
    if project.join("Cargo.toml").is_file() {
        command.arg(sample(&name)?).arg("--manifest").arg(project.join("actor.toml"));
        command.arg("--scenarios").arg(scenarios.map_or_else(|| project.join("scenarios"), Path::to_path_buf));
    } else {
        command.arg(project).args(scenarios.map(|folder| format!("--scenarios={}", folder.display())));
    }
    let ran = binary::run(&mut command)?;
    assert_eq!(ran.code, Some(0), "{}: {}{}", project.display(), ran.stdout, ran.stderr);
    Ok(())
}

#[test]
fn the_samples_pass_their_scenarios() -> Result<()> {
    let entries = std::fs::read_dir(sample_folder(""))?.collect::<Result<Vec<_>, _>>()?;
    let mut projects: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    projects.retain(|project| project.join("scenarios").is_dir());
    projects.sort();
    assert!(projects.len() >= 14, "only these samples have scenarios: {projects:?}");
    projects.iter().try_for_each(|project| passes(project, None))
}

#[test]
fn every_language_passes_the_scenarios_of_all() -> Result<()> {
    let sdks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk");
    let languages = ["rust", "python", "js", "go", "c"];
    languages
        .iter()
        .try_for_each(|language| passes(&sdks.join(language).join("conformance"), Some(&sdks.join("conformance"))))
}
