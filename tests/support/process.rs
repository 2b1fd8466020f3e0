//! A program that runs while a test goes on: what it prints is awaited line by line, and so is its end.
//! Knows no host: `host` and the tests of `hydra dev` and `hydra tail` are made of it. Nothing here waits without a limit.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Longest wait for a line or for the end; what takes longer has failed. A busy machine compiles a guest in Python in minutes.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running program. Killed when it is dropped.
pub struct Process {
    child: Child,
    results: Lines,
    notes: Lines,
}

/// One of its outputs, line by line. Nothing orders the lines of one with those of the other.
struct Lines {
    /// Ends with the program. Never locked: so that a program can be shared.
    coming: Mutex<Receiver<String>>,
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
        let results = Lines::of(child.stdout.take().context("its standard output")?);
        let notes = Lines::of(child.stderr.take().context("its standard error")?);
        Ok(Self { child, results, notes })
    }

    /// The next line of standard output that has this text in it. Lines before it are passed over.
    ///
    /// # Errors
    /// It did not come in time, or the program ended: the text has what it printed.
    pub fn line_with(&mut self, text: &str) -> Result<String> {
        let found = self.results.next(text, PATIENCE)?;
        found.with_context(|| format!("{text:?} was not printed; passed over: {:#?}", self.results.seen))
    }

    /// As [`Process::line_with`], of standard error.
    ///
    /// # Errors
    /// As [`Process::line_with`].
    pub fn note_with(&mut self, text: &str) -> Result<String> {
        let found = self.notes.next(text, PATIENCE)?;
        found.with_context(|| format!("{text:?} was not told; passed over: {:#?}", self.notes.seen))
    }

    /// As [`Process::line_with`]; none if it does not come within this time.
    ///
    /// # Errors
    /// The program ended.
    pub fn line_within(&mut self, text: &str, limit: Duration) -> Result<Option<String>> {
        self.results.next(text, limit)
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
        self.results.drain().and_then(|()| self.notes.drain()).context("it does not end")?;
        self.child.wait().context("wait for its end")
    }

    /// What it wrote to standard error, but for the lines that were awaited; all of it once it has ended.
    #[must_use]
    pub fn notes(&self) -> String {
        self.notes.seen.join("\n")
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

impl Lines {
    /// Goes on reading whether or not somebody listens, so that the program never waits for a test.
    fn of(output: impl Read + Send + 'static) -> Self {
        let (tell, coming) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let _ = tell.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        Self { coming: Mutex::new(coming), seen: Vec::new() }
    }

    fn next(&mut self, text: &str, limit: Duration) -> Result<Option<String>> {
        let end = Instant::now() + limit;
        loop {
            match self.line_until(end) {
                Ok(line) if line.contains(text) => return Ok(Some(line)),
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => bail!("it ended without {text:?}:\n{}", self.seen.join("\n")),
            }
        }
    }

    fn line_until(&mut self, end: Instant) -> Result<String, RecvTimeoutError> {
        let coming = self.coming.get_mut().unwrap_or_else(PoisonError::into_inner);
        coming.recv_timeout(end.saturating_duration_since(Instant::now()))
    }

    /// Waits until the program has closed it.
    fn drain(&mut self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.line_until(end) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => bail!("it goes on after:\n{}", self.seen.join("\n")),
            }
        }
    }
}
