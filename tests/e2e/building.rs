//! From `hydra new` to an actor that answers, in languages that are not Rust: built, tested and run as its author does it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hydra_tests::binary::{self, Ran};
use hydra_tests::host::Host;
use hydra_tests::process::Process;

fn hydra(folder: &Path, arguments: &[&str]) -> Result<Ran> {
    binary::run(binary::command()?.current_dir(folder).args(arguments))
}

/// Makes a project, runs its native tests, builds and deploys it, asks it, and changes it.
fn a_new_project_works(language: &str, test: &[&str], source: &str, state: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let made = hydra(folder.path(), &["new", "--lang", language, "greeter"])?;
    assert_eq!((made.code, made.stdout.as_str()), (Some(0), "made greeter\n"), "{made:?}");
    let project = folder.path().join("greeter");
    let path = project.to_str().context("a path")?;

    let (program, arguments) = test.split_first().context("a test command")?;
    let tested =
        Command::new(program).args(arguments).env("PATH", binary::search_path()).current_dir(&project).output()?;
    ensure!(tested.status.success(), "{tested:?}");

    let host = Host::with(&[])?;
    assert!(host.refused(&["deploy", path])?.contains("hydra build"), "it is not built");
    let built = hydra(&project, &["build"])?;
    assert_eq!(built.code, Some(0), "{built:?}");
    assert!(built.stdout.starts_with("greeter: built ./build/greeter.wasm, "), "{built:?}");
    assert!(!built.stderr.contains("warning"), "{built:?}");
    let deployed = host.hydra(&["deploy", path])?;
    assert!(
        deployed.starts_with("greeter: version 1") && deployed.contains(&format!("hydra-sdk-{language} ")),
        "{deployed}"
    );
    assert_eq!(host.hydra(&["ask", "greeter/alice", "add", "5"])?, "5");
    assert_eq!(host.hydra(&["ask", "greeter/alice", "add", "7"])?, "12");
    assert_eq!(host.hydra(&["state", "get", "greeter/alice"])?, state);
    assert!(host.refused(&["ask", "greeter/alice", "add", "five"])?.contains("body-does-not-decode"));

    let source = project.join(source);
    let text = std::fs::read_to_string(&source)?;
    std::fs::write(&source, text.replace("try add, get", "try get, add"))?;
    let refused = host.refused(&["deploy", path])?;
    assert!(refused.contains("have changed since it was built"), "{refused}");
    hydra(&project, &["build"])?;
    assert!(host.hydra(&["deploy", path])?.starts_with("greeter: version 2"));
    assert!(host.refused(&["ask", "greeter/alice", "x"])?.contains("try get, add"));
    assert_eq!(host.hydra(&["ask", "greeter/alice", "get"])?, "12");
    Ok(())
}

#[test]
fn a_new_go_project_builds_deploys_and_answers() -> Result<()> {
    a_new_project_works("go", &["go", "test", "."], "main.go", r#"{"value":12}"#)
}

#[test]
fn a_new_c_project_builds_deploys_and_answers() -> Result<()> {
    let test = ["sh", "hydra-sdk/test.sh", "actor.c", "actor_test.c"];
    a_new_project_works("c", &test, "actor.c", "12")
}

#[test]
fn dev_builds_what_changes_and_goes_on_when_a_build_fails() -> Result<()> {
    let folder = tempfile::tempdir()?;
    hydra(folder.path(), &["new", "--lang", "c", "greeter"])?;
    let project = folder.path().join("greeter");
    let mut command = binary::command()?;
    let mut dev = Process::start(command.args(["dev", "--http", "127.0.0.1:0"]).current_dir(&project))?;
    let greeting = dev.line_with("hydra dev at http://")?;
    let url = greeting.split_whitespace().find(|word| word.starts_with("http://")).context("an address")?;
    let url = url.trim_end_matches(';').to_owned();
    let ask =
        |arguments: &[&str]| hydra(folder.path(), &[&["ask", "greeter/alice"], arguments, &["--url", &url]].concat());
    dev.line_with("greeter: version 1")?;
    assert_eq!(ask(&["add", "5"])?.stdout, "5");

    let source = project.join("actor.c");
    let good = std::fs::read_to_string(&source)?;
    std::fs::write(&source, good.replace("hydra_suspend(", "no_such_function("))?;
    dev.note_with("no_such_function")?;
    assert!(dev.note_with("not built")?.contains("the version before goes on"));
    assert_eq!(ask(&["add", "1"])?.stdout, "6");

    std::fs::write(&source, good.replace("try add, get", "try get, add"))?;
    dev.line_with("greeter: version 2")?;
    assert!(ask(&["x"])?.stderr.contains("try get, add"));
    assert_eq!(ask(&["get"])?.stdout, "6", "the state outlives a build");
    dev.signal("INT")?;
    assert_eq!(dev.end()?.code(), Some(0));
    Ok(())
}
