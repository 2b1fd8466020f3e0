//! A real host: the binary in a process of its own, on a folder and a port of its own, that tests can kill.
//! Knows only what a user knows: flags, signals, exit codes and the HTTP API.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::binary;

/// A host that does not tell its address within this time has failed.
const START_MAX: Duration = Duration::from_secs(60);

/// A running host. Killed when it is dropped.
pub struct Host {
    child: Child,
    /// Where its API answers.
    pub url: String,
}

impl Host {
    /// Starts a host on this folder, with further flags, and waits until it serves.
    ///
    /// # Errors
    /// It ended, or did not serve in time: the text has what it logged.
    pub fn start(data: &Path, flags: &[&str]) -> Result<Self> {
        let mut command = binary::command()?;
        command.args(["host", "--http", "127.0.0.1:0", "--data"]).arg(data).args(flags);
        command.current_dir(data.parent().context("a folder above the store's")?);
        let mut child = command.stderr(Stdio::piped()).spawn().context("start hydra")?;
        let log = BufReader::new(child.stderr.take().context("its standard error")?);
        let (found, address) = mpsc::channel();
        // Ends with the process; goes on reading, so that the host never waits for somebody to read its log.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let told = line.split_once("address=").and_then(|(_, rest)| rest.split_whitespace().next());
                let _ = found.send(told.map_or(Err(line.clone()), |address| Ok(format!("http://{address}"))));
            }
        });
        let mut seen = Vec::new();
        loop {
            match address.recv_timeout(START_MAX) {
                Ok(Ok(url)) => return Ok(Self { child, url }),
                Ok(Err(line)) => seen.push(line),
                Err(_) => {
                    let _ = child.kill();
                    bail!("the host does not serve: {:?}\n{}", child.wait()?, seen.join("\n"));
                }
            }
        }
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill().context("kill -9")?;
        self.child.wait().map(drop).context("wait for its end")
    }

    /// Asks it to end, as `kill` does, and waits until it has.
    ///
    /// # Errors
    /// The system refuses.
    pub fn terminate(mut self) -> Result<ExitStatus> {
        let pid = self.child.id().to_string();
        std::process::Command::new("kill").args(["-TERM", &pid]).status().context("kill -TERM")?;
        self.child.wait().context("wait for its end")
    }

    /// Runs a verb of the command line against it and expects success.
    ///
    /// # Errors
    /// It failed: the text has what it said.
    pub fn hydra(&self, arguments: &[&str]) -> Result<String> {
        let mut command = binary::command()?;
        let ran = binary::run(command.args(arguments).env("HYDRA_URL", &self.url))?;
        match ran.code {
            Some(0) => Ok(ran.stdout),
            code => bail!("hydra {arguments:?} ended with {code:?}: {}{}", ran.stdout, ran.stderr),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the samples' compiled components are.
///
/// # Errors
/// They were not built: `./just samples`.
pub fn sample(name: &str) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("sample-actors/target"), PathBuf::from);
    let component = target.join("wasm32-wasip2/release").join(format!("{name}.wasm"));
    if component.is_file() {
        return Ok(component);
    }
    bail!("{} is not there: ./just samples", component.display())
}
