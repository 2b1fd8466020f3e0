//! The samples' own scenarios: every sample in Rust that has some passes them, with a crash around every commit.
//! Those in other languages are built and run by their own recipes.

use std::path::Path;

use anyhow::{Context, Result};
use hydra_tests::binary;
use hydra_tests::host::sample;

#[test]
fn the_samples_pass_their_scenarios() -> Result<()> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-actors");
    // Where compiled code may be left.
    let folder = tempfile::tempdir()?;
    let mut tested = 0;
    for entry in std::fs::read_dir(&samples)? {
        let project = entry?.path();
        if !project.join("scenarios").is_dir() || !project.join("Cargo.toml").is_file() {
            continue;
        }
        let name = project.file_name().context("a name")?.to_string_lossy().into_owned();
        let mut command = binary::command()?;
        command.current_dir(folder.path()).arg("test").arg(sample(&name)?).arg("--no-build");
        let ran = binary::run(command.arg("--manifest").arg(project.join("actor.toml")))?;
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        tested += 1;
    }
    assert!(tested >= 4, "only {tested} samples have scenarios");
    Ok(())
}
