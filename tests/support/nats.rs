//! A nats-server of one test's own: on a free port, with a store folder that goes with it. It can be killed as `kill -9`
//! does and started again on the same port and folder. Never a server that somebody else started.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::process::Process;

/// Names the server's binary; without it `.tools` and then `PATH` are searched.
const VARIABLE: &str = "HYDRA_NATS_SERVER";
/// Holds what `./just setup` installed, below the project's folder.
const TOOLS: &str = ".tools/nats-server";
/// Room for the largest row with the largest headers; everything else as the server comes.
pub(crate) const CONFIGURATION: &str = "jetstream: enabled\nmax_payload: 2MB\n";
/// Ports that are looked at before it is given up.
const PORTS_TRIED: usize = 100;
/// Told right before [`READY`], with the port behind the last colon.
const LISTENS: &str = "Listening for client connections on";
/// Told when it serves.
const READY: &str = "Server is ready";

/// A running nats-server. Killed when it is dropped, with its folder.
pub struct NatsServer {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl NatsServer {
    /// A server with JetStream and a payload of 2 MB, on a folder of its own.
    ///
    /// # Errors
    /// There is no nats-server here (`./just setup` installs one), or it does not start.
    pub fn start() -> Result<Self> {
        Self::start_with(CONFIGURATION)
    }

    /// A server with this configuration; address, port and store folder are added. `$FOLDER` in it is the server's folder.
    ///
    /// # Errors
    /// As [`NatsServer::start`].
    pub fn start_with(configuration: &str) -> Result<Self> {
        let folder = tempfile::tempdir().context("make its folder")?;
        Self::start_in(folder, configuration)
    }

    /// As [`NatsServer::start_with`], in a folder that already holds what the configuration names.
    ///
    /// # Errors
    /// As [`NatsServer::start`].
    pub fn start_in(folder: TempDir, configuration: &str) -> Result<Self> {
        let text = configuration.replace("$FOLDER", &folder.path().display().to_string());
        std::fs::write(file(folder.path()), text).context("write its configuration")?;
        let (process, port) = run(folder.path(), None)?;
        Ok(Self { process, port, folder })
    }

    /// Its address, for `--nats`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its port on the loopback address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder: configuration and store.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Has it end by itself, and waits for that.
    ///
    /// # Errors
    /// It does not end in time.
    pub fn stop(&mut self) -> Result<()> {
        self.process.signal("TERM")?;
        self.process.end().map(drop)
    }

    /// Stops it where it stands, as a machine that hangs: connections stay open and nothing is answered.
    ///
    /// # Errors
    /// The system refuses.
    pub fn pause(&self) -> Result<()> {
        self.process.signal("STOP")
    }

    /// Lets it go on after [`NatsServer::pause`].
    ///
    /// # Errors
    /// The system refuses.
    pub fn resume(&self) -> Result<()> {
        self.process.signal("CONT")
    }

    /// Starts it again after [`NatsServer::kill`] or [`NatsServer::stop`], on the same port and folder; waits until it serves.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.process = run(self.folder.path(), Some(self.port))?.0;
        Ok(())
    }

    /// Starts it again with another configuration; it must have ended.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart_with(&mut self, configuration: &str) -> Result<()> {
        let text = configuration.replace("$FOLDER", &self.folder.path().display().to_string());
        std::fs::write(file(self.folder.path()), text).context("write its configuration")?;
        self.restart()
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("nats.conf")
}

fn run(folder: &Path, port: Option<u16>) -> Result<(Process, u16)> {
    let wanted = port.map_or_else(free_port, Ok)?.to_string();
    let mut command = Command::new(binary()?);
    command.arg("-c").arg(file(folder)).args(["-a", "127.0.0.1", "-p", &wanted]).arg("-sd").arg(folder.join("store"));
    let mut process = Process::start(&mut command).context("start nats-server")?;
    let line = process.note_with(LISTENS)?;
    let port = line.rsplit(':').next().and_then(|port| port.trim().parse().ok());
    process.note_with(READY)?;
    Ok((process, port.with_context(|| format!("no port in {line:?}"))?))
}

/// A port that nobody has, and that this process has given to nobody: a server takes its ports some time after. Not one of
/// those that the system gives to connections: while the server is killed, one of them would have it some day, and the
/// server could not start again.
pub(crate) fn free_port() -> Result<u16> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut ports = std::iter::repeat_with(|| fastrand::u16(10_000..32_000)).take(PORTS_TRIED);
    ports.find(|port| is_free(port) && given.insert(*port)).context("no port is free")
}

/// The server's binary.
///
/// # Errors
/// There is none: `./just setup` installs it.
pub fn binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        ensure!(named.is_file(), "{VARIABLE} names {}, which is not there", named.display());
        return Ok(named);
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("find the project")?;
    let installed = project.join(TOOLS);
    if installed.is_file() {
        return Ok(installed);
    }
    let found = std::env::var_os("PATH").into_iter().flat_map(|path| {
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        folders.into_iter().map(|folder| folder.join("nats-server"))
    });
    match found.into_iter().find(|path| path.is_file()) {
        Some(binary) => Ok(binary),
        None => bail!("there is no nats-server: ./just setup installs one, or name it in {VARIABLE}"),
    }
}
