//! One host's process: started, killed, stopped and resumed; told where to crash. Knows hosts as a user does.
//! What it waits for blocks its thread, so everything here runs where that is allowed. Part of `world`.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use hydra_tests::binary;
use hydra_tests::process::Process;
use tokio::task::block_in_place;

/// The signal of `kill -9`.
const SIGKILL: i32 = 9;

/// One host, running or not. Killed when it is dropped.
pub(crate) struct Machine {
    /// Its settings are here; an embedded store too.
    folder: PathBuf,
    process: Option<Process>,
    /// Where it serves, and may be asked.
    url: Option<String>,
}

impl Machine {
    /// A host with these settings that does not run yet.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub(crate) fn new(folder: PathBuf, settings: &str) -> Result<Self> {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("hydra.toml"), settings)?;
        Ok(Self { folder, process: None, url: None })
    }

    /// Where clients may ask it.
    pub(crate) fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Starts it and waits until it serves.
    ///
    /// # Errors
    /// It ends instead.
    pub(crate) fn start(&mut self) -> Result<()> {
        self.launch(None)?;
        ensure!(self.serves()?, "the host ended while it started");
        Ok(())
    }

    /// Starts it to crash at `STEP:N`, and waits until it serves or has crashed already.
    ///
    /// # Errors
    /// It ends otherwise.
    pub(crate) fn start_armed(&mut self, wish: &str) -> Result<()> {
        self.launch(Some(wish))?;
        self.serves().map(drop)
    }

    /// Starts it and does not wait.
    ///
    /// # Errors
    /// The binary was not built.
    pub(crate) fn launch(&mut self, crash_at: Option<&str>) -> Result<()> {
        let mut command = binary::command()?;
        command.args(["host", "--http", "127.0.0.1:0"]).current_dir(&self.folder);
        command.envs(crash_at.map(|wish| ("HYDRA_CRASH_AT", wish)));
        self.process = Some(Process::start(&mut command)?);
        Ok(())
    }

    /// Waits until it serves. False: it ended as by `kill -9`.
    fn serves(&mut self) -> Result<bool> {
        let host = self.process.as_mut().context("a running host")?;
        let line = match block_in_place(|| host.note_with("address=")) {
            Ok(line) => line,
            Err(why) => {
                self.has_crashed().with_context(|| format!("{why:#}"))?;
                return Ok(false);
            }
        };
        let told = line.split_once("address=").and_then(|(_, rest)| rest.split_whitespace().next());
        self.url = Some(format!("http://{}", told.context("an address")?));
        Ok(true)
    }

    /// Waits until it has crashed, unless it was seen to.
    ///
    /// # Errors
    /// It goes on, or ended otherwise.
    pub(crate) fn has_crashed(&mut self) -> Result<()> {
        self.url = None;
        let Some(mut host) = self.process.take() else { return Ok(()) };
        // Trimming comes later than the patience that a process is treated with.
        let status = block_in_place(|| host.end().or_else(|_| host.end()))?;
        ensure!(status.signal() == Some(SIGKILL), "it was to crash, and ended with {status}");
        Ok(())
    }

    /// `kill -9`; nothing if it does not run.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.url = None;
        self.process.take().map_or(Ok(()), |mut host| block_in_place(|| host.kill()))
    }

    /// Sends it a signal: `TERM`, `CONT`.
    ///
    /// # Errors
    /// It does not run.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        self.process.as_ref().context("a running host")?.signal(name)
    }

    /// Stops it where it stands; who balances the load has clients ask others. Where it may be asked again later.
    ///
    /// # Errors
    /// It does not run.
    pub(crate) fn stop(&mut self) -> Result<Option<String>> {
        self.signal("STOP")?;
        Ok(self.url.take())
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It does not run.
    pub(crate) fn resume(&mut self, url: Option<String>) -> Result<()> {
        self.url = url;
        self.signal("CONT")
    }

    /// Ends it as a user would.
    ///
    /// # Errors
    /// It does not end well.
    pub(crate) fn end(mut self) -> Result<()> {
        self.signal("TERM")?;
        let Some(mut host) = self.process.take() else { bail!("a running host") };
        let status = block_in_place(|| host.end())?;
        ensure!(status.code() == Some(0), "SIGTERM ends a host with 0, not {status}");
        Ok(())
    }
}

/// Deploys a component on a host.
///
/// # Errors
/// It is refused.
pub(crate) fn deploy(url: &str, token: &str, kind: &str, component: &Path) -> Result<()> {
    let mut deploy = binary::command()?;
    deploy.args(["deploy", "--kind", kind]).arg(component).envs([("HYDRA_URL", url), ("HYDRA_TOKEN", token)]);
    let ran = block_in_place(|| binary::run(&mut deploy))?;
    ensure!(ran.code == Some(0), "{kind} was not deployed: {}", ran.stderr);
    Ok(())
}
