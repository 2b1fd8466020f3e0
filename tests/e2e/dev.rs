//! `hydra dev` as a developer lives with it: deploy, try, build again, break it, mend it, Ctrl-C.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hydra_tests::binary;
use hydra_tests::host::sample;
use hydra_tests::process::Process;

/// A folder that somebody works in, and the host that runs beside it.
struct Workplace {
    folder: tempfile::TempDir,
    dev: Process,
    url: String,
}

impl Workplace {
    /// Starts `hydra dev` with these arguments in a folder that has the kind `counter`.
    fn open(arguments: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let manifest = "kind = \"counter\"\ncomponent = \"built.wasm\"\n[build]\ncommand = \"make it\"\n";
        std::fs::write(folder.path().join("actor.toml"), manifest)?;
        std::fs::copy(sample("counter")?, folder.path().join("built.wasm"))?;
        let (dev, url) = start(folder.path(), arguments)?;
        Ok(Self { folder, dev, url })
    }

    fn built(&self) -> PathBuf {
        self.folder.path().join("built.wasm")
    }

    fn hydra(&self, arguments: &[&str]) -> Result<String> {
        let ran = binary::run(binary::command()?.args(arguments).env("HYDRA_URL", &self.url))?;
        anyhow::ensure!(ran.code == Some(0), "{arguments:?}: {ran:?}");
        Ok(ran.stdout)
    }

    /// Ctrl-C.
    fn interrupt(&mut self) -> Result<()> {
        self.dev.signal("INT")?;
        assert_eq!(self.dev.end()?.code(), Some(0));
        Ok(())
    }
}

fn start(folder: &Path, arguments: &[&str]) -> Result<(Process, String)> {
    let mut command = binary::command()?;
    command.current_dir(folder).args(["dev", "--http", "127.0.0.1:0"]).args(arguments);
    let mut dev = Process::start(&mut command)?;
    let greeting = dev.line_with("hydra dev at http://")?;
    let url = greeting.split_whitespace().find(|word| word.starts_with("http://")).context("an address")?;
    Ok((dev, url.trim_end_matches(';').to_owned()))
}

/// Other code for the same state: it migrates nothing, but reads `{"value":N}` no worse than `counter`.
fn other_version() -> Result<Vec<u8>> {
    let mut bytes = std::fs::read(sample("counter")?)?;
    let words = b"try add, get, reset, delete";
    let at = bytes.windows(words.len()).position(|window| window == words).context("the words")?;
    bytes[at..at + words.len()].copy_from_slice(b"TRY ADD, GET, RESET, DELETE");
    Ok(bytes)
}

#[test]
fn it_deploys_says_what_to_try_and_prints_turns() -> Result<()> {
    let mut work = Workplace::open(&[])?;
    work.dev.line_with("counter: version 1 (sha256:")?;
    let ask = work.dev.line_with("hydra ask counter/alice")?;
    assert_eq!(ask.trim(), format!("hydra ask counter/alice add '5' --url {}", work.url));
    assert_eq!(work.hydra(&["ask", "counter/alice", "add", "5"])?, "5");
    work.dev.line_with("counter/alice add → replied")?;
    assert!(work.folder.path().join(".hydra").is_dir());
    work.interrupt()?;

    let (mut dev, url) = start(work.folder.path(), &[])?;
    dev.line_with("current already")?;
    (work.dev, work.url) = (dev, url);
    assert_eq!(work.hydra(&["ask", "counter/alice", "get"])?, "5", "the store stays");
    work.interrupt()
}

#[test]
fn a_new_build_is_taken_however_it_is_written_and_state_stays() -> Result<()> {
    let mut work = Workplace::open(&["."])?;
    work.dev.line_with("version 1")?;
    work.hydra(&["ask", "counter/alice", "add", "5"])?;

    // As `cargo` does it: a new file in the place of the old one.
    let beside = work.folder.path().join("beside");
    std::fs::write(&beside, other_version()?)?;
    std::fs::rename(&beside, work.built())?;
    work.dev.line_with("version 2")?;
    work.hydra(&["send", "counter/alice", "multiply"])?;
    work.dev.line_with("TRY ADD")?;
    assert_eq!(work.hydra(&["ask", "counter/alice", "add", "1"])?, "6");

    // As other tools do it: other bytes in the same file.
    std::fs::copy(sample("counter")?, work.built())?;
    work.dev.line_with("version 3")?;
    work.hydra(&["send", "counter/alice", "multiply"])?;
    work.dev.line_with("try add")?;
    assert_eq!(work.hydra(&["ask", "counter/alice", "add", "1"])?, "7");
    work.interrupt()
}

#[test]
fn a_broken_build_is_told_and_the_version_before_goes_on() -> Result<()> {
    let mut work = Workplace::open(&["."])?;
    work.dev.line_with("version 1")?;
    std::fs::write(work.built(), b"half a compo")?;
    let told = work.dev.note_with("not deployed")?;
    assert!(told.contains("the version before goes on"), "{told}");
    assert_eq!(work.hydra(&["ask", "counter/alice", "add", "5"])?, "5");

    std::fs::write(
        work.folder.path().join("actor.toml"),
        "kind = \"counter\"\ncomponent = \"built.wasm\"\ncolour = 1\n",
    )?;
    work.dev.note_with("colour")?;
    assert_eq!(work.hydra(&["ask", "counter/alice", "add", "1"])?, "6");

    std::fs::write(work.folder.path().join("actor.toml"), "kind = \"counter\"\ncomponent = \"built.wasm\"\n")?;
    std::fs::write(work.built(), other_version()?)?;
    work.dev.line_with("version 2")?;
    assert_eq!(work.hydra(&["ask", "counter/alice", "get"])?, "6");
    work.interrupt()
}

#[test]
fn what_is_not_built_yet_is_waited_for() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let manifest = "kind = \"counter\"\ncomponent = \"target/built.wasm\"\n[build]\ncommand = \"make it\"\n";
    std::fs::write(folder.path().join("actor.toml"), manifest)?;
    let (mut dev, _) = start(folder.path(), &[])?;
    let told = dev.note_with("waiting for")?;
    assert!(told.contains("hydra build"), "{told}");
    std::fs::create_dir(folder.path().join("target"))?;
    std::fs::copy(sample("counter")?, folder.path().join("target/built.wasm"))?;
    dev.line_with("version 1")?;
    dev.signal("TERM")?;
    assert_eq!(dev.end()?.code(), Some(0));
    Ok(())
}

#[test]
fn several_paths_are_several_kinds() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (counter, echo) = (sample("counter")?, sample("echo")?);
    let paths = [counter.to_str().context("a path")?, echo.to_str().context("a path")?];
    let (mut dev, url) = start(folder.path(), &paths)?;
    dev.line_with("echo: version 1")?;
    dev.line_with("hydra ask echo/alice SUBJECT BODY --url http://")?;
    let mut ask = binary::command()?;
    assert_eq!(binary::run(ask.args(["ask", "echo/1", "x", "hello", "--url", &url]))?.stdout, "hello");
    dev.signal("INT")?;
    assert_eq!(dev.end()?.code(), Some(0));
    Ok(())
}

#[test]
fn control_c_does_not_wait_for_a_turn_that_never_ends() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let poison = sample("poison")?;
    let (mut dev, url) = start(folder.path(), &[poison.to_str().context("a path")?])?;
    dev.line_with("version 1")?;
    let mut send = binary::command()?;
    let sent = binary::run(send.args(["send", "poison/1", "sleep", "60000", "--url", &url]))?;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    dev.signal("INT")?;
    assert_eq!(dev.end()?.code(), Some(0));
    Ok(())
}
