//! A program that runs while a test goes on: what it prints is awaited line by line, and so is its end.
//! Knows no host: `host` and the tests of `hydra dev` and `hydra tail` are made of it. Nothing here waits without a limit.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Longest wait for a line or for the end; what takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program. Killed when it is dropped.
pub struct Process {
    child: Child,
    /// Both of its outputs, line by line; closed when both are.
    lines: Receiver<String>,
    /// What was passed over, for whoever has to find out why a line did not come.
    seen: Vec<String>,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("start hydra")?;
        let (sender, lines) = mpsc::channel();
        read(child.stdout.take().context("its standard output")?, sender.clone());
        read(child.stderr.take().context("its standard error")?, sender);
        Ok(Self { child, lines, seen: Vec::new() })
    }

    /// The next line that has this text in it. Lines before it are passed over.
    ///
    /// # Errors
    /// It did not come in time, or the program ended: the text has what it printed.
    pub fn line_with(&mut self, text: &str) -> Result<String> {
        match self.line_within(text, PATIENCE)? {
            Some(line) => Ok(line),
            None => bail!("no line with {text:?} came, but these:\n{}", self.seen.join("\n")),
        }
    }

    /// As [`Process::line_with`]; none if it does not come within this time.
    ///
    /// # Errors
    /// The program ended.
    pub fn line_within(&mut self, text: &str, limit: Duration) -> Result<Option<String>> {
        let end = Instant::now() + limit;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(text) => return Ok(Some(line)),
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => {
                    let ended = self.child.wait()?;
                    bail!("it ended with {ended} without {text:?}:\n{}", self.seen.join("\n"));
                }
            }
        }
    }

    /// Sends it a signal: `TERM`, `INT`.
    ///
    /// # Errors
    /// The system refuses.
    pub fn signal(&self, name: &str) -> Result<()> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().context("run kill")?;
        if sent.success() { Ok(()) } else { bail!("kill -{name} {pid} ended with {sent}") }
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("kill -9")?;
        self.child.wait().map(drop).context("wait for its end")
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// It did not end in time.
    pub fn end(&mut self) -> Result<ExitStatus> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().context("wait for its end"),
                Err(RecvTimeoutError::Timeout) => bail!("it does not end:\n{}", self.seen.join("\n")),
            }
        }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ends with the program. Goes on reading whether or not somebody listens, so that the program never waits for a test.
fn read(output: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let _ = lines.send(String::from_utf8_lossy(&line).into_owned());
        }
    });
}
