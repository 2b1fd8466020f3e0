//! An author's first hour, in every language: the commands that `hydra new` and the guides tell, run as they are told.
//! Makes a project, installs what it asks for, tests it natively and as a component, builds it, runs it under `hydra dev`,
//! breaks it, mends it, deploys it. Native compilers and packages are the author's own; nothing here replaces them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hydra_tests::binary::{self, Ran};
use hydra_tests::host::sample_folder;
use hydra_tests::process::Process;

/// One author.
struct Author {
    /// As in `--lang`.
    language: &'static str,
    /// The SDK, as a component names it.
    sdk: &'static str,
    /// How the native tests are run, as README and guide tell.
    native_tests: &'static str,
    /// The actor's source.
    source: &'static str,
    /// The state after adding 5 and 7.
    state: &'static str,
}

/// What every template but C's keeps: a codec of its own is the point of C.
const JSON_STATE: &str = r#"{"value":12}"#;

fn hydra(folder: &Path, arguments: &[&str]) -> Result<Ran> {
    binary::run(binary::command()?.current_dir(folder).args(arguments))
}

fn shell(folder: &Path, command: &str) -> Result<()> {
    let mut shell = Command::new("sh");
    let ran = shell.args(["-c", command]).env("PATH", binary::search_path()).current_dir(folder).output()?;
    ensure!(ran.status.success(), "`{command}`: {ran:?}");
    Ok(())
}

impl Author {
    fn starts(&self) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let project = self.makes_a_project(folder.path())?;
        shell(&project, self.native_tests)?;
        let built = hydra(&project, &["build"])?;
        ensure!(built.code == Some(0) && built.stdout.starts_with("greeter: built ./"), "{built:?}");
        ensure!(built.stdout.contains(&format!("hydra-sdk-{} ", self.sdk)), "{built:?}");
        ensure!(!built.stderr.contains("warning: "), "a new project has nothing to be warned of: {built:?}");
        let tested = hydra(&project, &["test"])?;
        ensure!(tested.code == Some(0) && tested.stdout.contains("1 scenario passed"), "{tested:?}");
        self.develops(&project)
    }

    /// `hydra new`, and the commands that it tells before `hydra dev`.
    fn makes_a_project(&self, folder: &Path) -> Result<PathBuf> {
        let made = hydra(folder, &["new", "--lang", self.language, "greeter"])?;
        assert_eq!((made.code, made.stdout.as_str()), (Some(0), "made greeter\n"), "{made:?}");
        let project = folder.join("greeter");
        if self.language == "rust" {
            // Only what is new is compiled.
            std::os::unix::fs::symlink(sample_folder("target").canonicalize()?, project.join("target"))?;
        }
        let told = made.stderr.trim().strip_prefix("next: cd greeter && ").context("what is next")?;
        let before = told.strip_suffix("hydra dev .").with_context(|| format!("`{told}` ends with hydra dev"))?;
        shell(&project, &format!("{before} true"))?;
        Ok(project)
    }

    /// `hydra dev`: what is built is taken, what does not build is told, what is mended is taken again.
    fn develops(&self, project: &Path) -> Result<()> {
        let mut dev =
            Process::start(binary::command()?.args(["dev", ".", "--http", "127.0.0.1:0"]).current_dir(project))?;
        let greeting = dev.line_with("hydra dev at http://")?;
        let url = greeting.split_whitespace().find(|word| word.starts_with("http://")).context("an address")?;
        let url = url.trim_end_matches(';').to_owned();
        let run = |arguments: &[&str]| hydra(project, &[arguments, &["--url", &url]].concat());
        dev.line_with("greeter: version 1")?;
        assert_eq!(run(&["ask", "greeter/alice", "add", "5"])?.stdout, "5");
        assert_eq!(run(&["ask", "greeter/alice", "add", "7"])?.stdout, "12");
        assert_eq!(run(&["state", "get", "greeter/alice"])?.stdout, self.state);
        assert!(run(&["ask", "greeter/alice", "add", "five"])?.stderr.contains("body-does-not-decode"));

        let source = project.join(self.source);
        let good = std::fs::read_to_string(&source)?;
        std::fs::write(&source, format!("{good}\n)(\n"))?;
        assert!(dev.note_with("not built")?.contains("the version before goes on"));
        assert_eq!(run(&["ask", "greeter/alice", "get"])?.stdout, "12");

        std::fs::write(&source, good.replace("\"add\"", "\"plus\""))?;
        dev.note_with("greeter: compiling")?;
        dev.line_with("greeter: version 2")?;
        assert_eq!(run(&["ask", "greeter/alice", "plus", "1"])?.stdout, "13", "the state outlives a build");
        let deployed = run(&["deploy", "."])?;
        assert!(deployed.stdout.contains("version 2") && deployed.stdout.contains("current already"), "{deployed:?}");
        dev.signal("INT")?;
        assert_eq!(dev.end()?.code(), Some(0));
        Ok(())
    }
}

#[test]
fn a_rust_author_starts() -> Result<()> {
    let native_tests = "cargo test --quiet";
    Author { language: "rust", sdk: "rust", native_tests, source: "src/lib.rs", state: JSON_STATE }.starts()
}

#[test]
fn a_python_author_starts() -> Result<()> {
    let native_tests = ".venv/bin/pytest";
    Author { language: "python", sdk: "python", native_tests, source: "handler.py", state: JSON_STATE }.starts()
}

#[test]
fn a_javascript_author_starts() -> Result<()> {
    let native_tests = "npm test";
    Author { language: "js", sdk: "js", native_tests, source: "src/actor.js", state: JSON_STATE }.starts()
}

#[test]
fn a_typescript_author_starts() -> Result<()> {
    let native_tests = "npm test";
    Author { language: "ts", sdk: "js", native_tests, source: "src/actor.ts", state: JSON_STATE }.starts()
}

#[test]
fn a_go_author_starts() -> Result<()> {
    let native_tests = "go test .";
    Author { language: "go", sdk: "go", native_tests, source: "main.go", state: JSON_STATE }.starts()
}

#[test]
fn a_c_author_starts() -> Result<()> {
    let native_tests = "sh hydra-sdk/test.sh actor.c actor_test.c";
    Author { language: "c", sdk: "c", native_tests, source: "actor.c", state: "12" }.starts()
}
