//! `hydra new`: what it makes is built with the author's own tools, and is an actor.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use hydra_tests::binary;
use hydra_tests::host::{Host, sample};

#[tokio::test]
async fn a_new_rust_project_builds_deploys_and_answers() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let made = binary::run(binary::command()?.current_dir(folder.path()).args(["new", "--lang", "rust", "greeter"]))?;
    assert_eq!((made.code, made.stdout.as_str()), (Some(0), "made greeter\n"), "{made:?}");
    assert_eq!(made.stderr, "next: cd greeter && hydra dev .\n");

    // In the samples' target folder, so that only what is new is compiled.
    let project = folder.path().join("greeter");
    let built = sample("counter")?.with_file_name("greeter.wasm");
    let target = built.ancestors().nth(3).context("the samples' target folder")?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&project).args(["build", "--release", "--target", "wasm32-wasip2", "--target-dir"]).arg(target);
    let output = cargo.output().context("run cargo")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(
        !output.stderr.windows(7).any(|window| window == b"warning"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let host = Host::with(&[])?;
    let placed = project.join("target/wasm32-wasip2/release");
    std::fs::create_dir_all(&placed)?;
    std::fs::copy(&built, placed.join("greeter.wasm"))?;
    let deployed = host.hydra(&["deploy", project.to_str().context("a path")?])?;
    assert!(deployed.starts_with("greeter: version 1"), "{deployed}");
    let mut events = host.events().await?;
    assert_eq!(host.hydra(&["ask", "greeter/alice", "add", "5"])?, "5");
    assert_eq!(host.hydra(&["ask", "greeter/alice", "add", "7"])?, "12");
    assert_eq!(host.hydra(&["state", "get", "greeter/alice"])?, r#"{"value":12}"#);
    let line = events.next(|event| event["event"] == "line").await?;
    assert_eq!(line["text"], "greeter/alice is now 5");
    Ok(())
}
