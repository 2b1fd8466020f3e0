//! Builds a component with the command of its manifest, before it is tested.
//! Never looks at what was built.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cli::component::Component;
use crate::cli::output;

/// Runs `[build] command` in the manifest's folder; a component without one is taken as it is.
///
/// # Errors
/// The command cannot be started or fails: what it said is told.
pub(super) fn build(component: &Component) -> Result<()> {
    let (Some(command), Some(file)) = (&component.manifest.build.command, &component.manifest_file) else {
        return Ok(());
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut shell = Command::new("sh");
    let shell = shell.arg("-c").arg(command).current_dir(folder).stdin(Stdio::null());
    let built = shell.output().with_context(|| format!("run the build command {command}"))?;
    if built.status.success() {
        return Ok(());
    }
    for said in [&built.stdout, &built.stderr] {
        output::note(output::printable(&String::from_utf8_lossy(said)).trim_end());
    }
    bail!("the build failed ({}): (cd {} && {command}); --no-build tests what is there", built.status, folder.display())
}
