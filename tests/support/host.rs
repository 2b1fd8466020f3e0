//! A real host: the binary in a process of its own, on a folder and a port of its own, that tests can kill.
//! Knows only what a user knows: flags, signals, exit codes and the HTTP API.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{self, Ran};
use crate::http;
use crate::process::Process;

/// What does not happen within this time does not happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running host. Killed when it is dropped.
pub struct Host {
    process: Process,
    /// Where its API answers.
    pub url: String,
    client: reqwest::Client,
    /// A folder that goes with the host, if the test has no wish of its own.
    _folder: Option<TempDir>,
}

impl Host {
    /// Starts a host on this folder, with further flags, and waits until it serves.
    ///
    /// # Errors
    /// It ended, or did not serve in time: the text has what it logged.
    pub fn start(data: &Path, flags: &[&str]) -> Result<Self> {
        Self::run(&mut command_on(data, flags)?)
    }

    /// As [`Host::start`], with the compiled code of guests in a folder that other hosts use too: a guest in Python takes half
    /// a minute of processor time to compile, so one host does it for all.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub fn start_sharing(compiled: &Path, data: &Path, flags: &[&str]) -> Result<Self> {
        Self::run(command_on(data, flags)?.env("HYDRA_SANDBOX_CACHE_DIR", compiled))
    }

    /// As [`Host::start`], with settings from the environment.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub fn start_set(settings: &[(&str, &str)], data: &Path, flags: &[&str]) -> Result<Self> {
        Self::run(command_on(data, flags)?.envs(settings.iter().copied()))
    }

    /// Starts a host with this command, and waits until it serves.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub fn run(command: &mut Command) -> Result<Self> {
        let mut process = Process::start(command)?;
        let line = process.note_with("address=")?;
        let told = line.split_once("address=").and_then(|(_, rest)| rest.split_whitespace().next());
        let url = format!("http://{}", told.context("an address")?);
        Ok(Self { process, url, client: http::client()?, _folder: None })
    }

    /// A host on a new folder, with these samples deployed as the kinds of their names.
    ///
    /// # Errors
    /// As [`Host::start`] and [`Host::deploy`].
    pub fn with(samples: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let started = Self::start(&folder.path().join("store"), &["--durability", "os"])?;
        let host = Self { _folder: Some(folder), ..started };
        for name in samples {
            host.deploy(name, name, None)?;
        }
        Ok(host)
    }

    /// Deploys a sample as a kind; with a manifest if there is one.
    ///
    /// # Errors
    /// It is not built, or it is refused.
    pub fn deploy(&self, sample_name: &str, kind: &str, manifest: Option<&Path>) -> Result<String> {
        let component = sample(sample_name)?;
        let mut command = self.command(&["deploy", "--kind", kind])?;
        command.arg(component).args(manifest.map(|file| format!("--manifest={}", file.display())));
        told(binary::run(&mut command)?)
    }

    /// Deploys a project of any language with its manifest, as `hydra build` left it.
    ///
    /// # Errors
    /// It is not built (`./just samples-all`), its sources have changed since, or it is refused.
    pub fn deploy_folder(&self, folder: &Path) -> Result<String> {
        self.hydra(&["deploy", folder.to_str().context("a path")?])
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(mut self) -> Result<()> {
        self.process.kill()
    }

    /// Asks it to end, as `kill` does, and waits until it has.
    ///
    /// # Errors
    /// The system refuses, or it does not end.
    pub fn terminate(mut self) -> Result<ExitStatus> {
        self.process.signal("TERM")?;
        self.process.end()
    }

    /// Asks it to end, and gives what it logged.
    ///
    /// # Errors
    /// As [`Host::terminate`].
    pub fn log(mut self) -> Result<String> {
        self.process.signal("TERM")?;
        self.process.end()?;
        Ok(self.process.notes())
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// A verb of the command line against it, to be run.
    ///
    /// # Errors
    /// The binary was not built.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = binary::command()?;
        command.args(arguments).env("HYDRA_URL", &self.url);
        Ok(command)
    }

    /// Runs a verb of the command line against it and expects success.
    ///
    /// # Errors
    /// It failed: the text has what it said.
    pub fn hydra(&self, arguments: &[&str]) -> Result<String> {
        told(binary::run(&mut self.command(arguments)?)?)
    }

    /// Runs a verb with `--json` and expects success.
    ///
    /// # Errors
    /// It failed, or printed something else.
    pub fn json(&self, arguments: &[&str]) -> Result<Value> {
        let printed = self.hydra(&[arguments, &["--json"]].concat())?;
        serde_json::from_str(&printed).with_context(|| format!("hydra {arguments:?} --json printed {printed}"))
    }

    /// Runs a verb with `--json` until it succeeds with what is wanted: for what follows an answer a moment later.
    ///
    /// # Errors
    /// It does not come to that in time: what was printed last.
    pub fn eventually(&self, arguments: &[&str], wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.json(arguments) {
                Ok(value) if wanted(&value) => return Ok(value),
                last if Instant::now() > end => bail!("hydra {arguments:?} ends with {last:?}"),
                _ => {}
            }
        }
    }

    /// All dead letters, once there are so many.
    ///
    /// # Errors
    /// There are not in time.
    pub fn dead_letters(&self, count: usize) -> Result<Vec<Value>> {
        let enough = |page: &Value| page["dead_letters"].as_array().is_some_and(|letters| letters.len() >= count);
        let page = self.eventually(&["dlq", "ls"], enough)?;
        page["dead_letters"].as_array().cloned().context("dead letters")
    }

    /// Runs a verb and expects exit code 1 and no result; what it said.
    ///
    /// # Errors
    /// It ended otherwise.
    pub fn refused(&self, arguments: &[&str]) -> Result<String> {
        let ran = binary::run(&mut self.command(arguments)?)?;
        ensure!(ran.code == Some(1) && ran.stdout.is_empty(), "hydra {arguments:?}: {ran:?}");
        Ok(ran.stderr)
    }

    /// A request to its API.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// Asks an actor over HTTP: `KIND/ID/SUBJECT`, also with a query.
    ///
    /// # Errors
    /// No answer.
    pub async fn ask(&self, path: &str, body: impl Into<reqwest::Body>) -> Result<Response> {
        Ok(self.request(Method::POST, &format!("/v1/actors/{path}")).body(body).send().await?)
    }

    /// Asks an actor over HTTP and expects a reply in JSON.
    ///
    /// # Errors
    /// Another outcome.
    pub async fn reply(&self, path: &str, body: &str) -> Result<Value> {
        let response = self.ask(path, body.to_owned()).await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status == 200, "{path} ended with {status}: {text}");
        serde_json::from_str(&text).with_context(|| format!("{path} replied {text}"))
    }

    /// Follows turns and log lines from now on.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn events(&self) -> Result<Events> {
        let mut response = self.request(Method::GET, "/v1/events").send().await?.error_for_status()?;
        // The first empty line says that nothing is missed from here on.
        let first = response.chunk().await?.context("the first heartbeat")?;
        Ok(Events { response, rest: first.to_vec() })
    }
}

/// Turns and log lines of a host, as they happen.
pub struct Events {
    response: Response,
    rest: Vec<u8>,
}

impl Events {
    /// The next one for which this holds. The client's own time-out is the limit.
    ///
    /// # Errors
    /// The host ended, or nothing of the kind came.
    pub async fn next(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        loop {
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                match serde_json::from_slice(&line) {
                    Ok(event) if wanted(&event) => return Ok(event),
                    _ => {}
                }
            }
            let more = self.response.chunk().await?.context("the host ended")?;
            self.rest.extend_from_slice(&more);
        }
    }
}

fn command_on(data: &Path, flags: &[&str]) -> Result<Command> {
    let mut command = binary::command()?;
    command.args(["host", "--http", "127.0.0.1:0", "--data"]).arg(data).args(flags);
    command.current_dir(data.parent().context("a folder above the store's")?);
    Ok(command)
}

fn told(ran: Ran) -> Result<String> {
    match ran.code {
        Some(0) => Ok(ran.stdout),
        code => bail!("it ended with {code:?}: {}{}", ran.stdout, ran.stderr),
    }
}

/// Where a sample's sources and manifest are.
#[must_use]
pub fn sample_folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-actors").join(name)
}

/// Where a sample's compiled component is.
///
/// # Errors
/// It was not built: `./just samples`.
pub fn sample(name: &str) -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| sample_folder("target"), PathBuf::from);
    let component = target.join("wasm32-wasip2/release").join(format!("{}.wasm", name.replace('-', "_")));
    if component.is_file() {
        return Ok(component);
    }
    bail!("{} is not there: ./just samples", component.display())
}
