//! Finds the `hydra` binary beside the test that runs it, and runs it.
//! Used by tests of the command line and by those that start real hosts. Never builds it: the recipe that runs the tests does.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};

/// Where the binary is: test executables lie in `target/PROFILE/deps`, binaries one folder above.
///
/// # Errors
/// It was not built: `cargo build -p hydra`.
pub fn path() -> Result<PathBuf> {
    let test = std::env::current_exe().context("find this test's executable")?;
    let profile = test.ancestors().nth(2).context("find the target folder")?;
    let binary = profile.join(format!("hydra{}", std::env::consts::EXE_SUFFIX));
    ensure!(binary.is_file(), "{} is not there: cargo build -p hydra", binary.display());
    Ok(binary)
}

/// `PATH` with the compilers of the guests' languages that `./just languages` has installed, before those of the machine.
#[must_use]
pub fn search_path() -> OsString {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/languages/bin");
    let machine = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(installed).chain(std::env::split_paths(&machine));
    std::env::join_paths(folders).unwrap_or(machine)
}

/// The binary with nothing of this machine's settings in its way, and the compilers of the guests' languages in reach.
///
/// # Errors
/// As [`path`].
pub fn command() -> Result<Command> {
    let mut command = Command::new(path()?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HYDRA_") {
            command.env_remove(name);
        }
    }
    command.env("PATH", search_path()).stdin(Stdio::null());
    Ok(command)
}

/// What one run of the binary left behind.
#[derive(Debug)]
pub struct Ran {
    /// How it ended; none if a signal ended it.
    pub code: Option<i32>,
    /// Its results.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

/// Runs the binary to its end.
///
/// # Errors
/// It cannot be run, or printed what is not text.
pub fn run(command: &mut Command) -> Result<Ran> {
    let Output { status, stdout, stderr } = command.output().context("run hydra")?;
    Ok(Ran { code: status.code(), stdout: String::from_utf8(stdout)?, stderr: String::from_utf8(stderr)? })
}
