//! `hydra test` as its user meets it: what it builds, what it says, what it exits with. What runs are is tested in `scenario`.

use std::path::Path;

use anyhow::Result;
use hydra_tests::guest::Guest;
use serde_json::Value;
use tempfile::TempDir;

use super::hydra_in;

/// A scenario that the counter passes: its values are 64-bit numbers in bytes.
const GOOD: &str = "description = \"counts\"
[[step]]
ask = \"counter/a\"
subject = \"add\"
expect = { base64 = \"AQAAAAAAAAA=\" }
[[step]]
ask = \"counter/a\"
subject = \"add\"
expect = { base64 = \"AgAAAAAAAAA=\" }
";

/// A project whose build command puts the component in its place.
fn project(scenarios: &[(&str, &str)]) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let manifest = "kind = \"counter\"\ncomponent = \"out/counter.wasm\"\n[build]\ncommand = \"mkdir -p out && cp built out/counter.wasm\"\n";
    std::fs::write(folder.path().join("actor.toml"), manifest)?;
    std::fs::write(folder.path().join("built"), Guest::counter().build())?;
    std::fs::create_dir(folder.path().join("scenarios"))?;
    for (name, text) in scenarios {
        std::fs::write(folder.path().join("scenarios").join(name), text)?;
    }
    Ok(folder)
}

fn wrong() -> String {
    GOOD.replace("AgAAAAAAAAA=", "AwAAAAAAAAA=")
}

#[test]
fn a_folder_is_built_and_its_scenarios_run() -> Result<()> {
    let folder = project(&[("good.toml", GOOD), ("other.toml", GOOD), ("notes.md", "no scenario")])?;
    let ran = hydra_in(folder.path(), &["test"])?;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let runs = "ok    good: counts (2 steps, 8 runs)\nok    other: counts (2 steps, 8 runs)\n";
    assert_eq!(ran.stdout, format!("{runs}2 scenarios passed, 0 failed, 16 runs\n"));
    assert_eq!(ran.stderr, "");
    let plain = hydra_in(folder.path(), &["test", ".", "goo", "--no-crash", "--no-build", "--json"])?;
    let reports: Vec<Value> = serde_json::from_str(&plain.stdout)?;
    let [report] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!((&report["scenario"], &report["passed"], &report["runs"]), (&"good".into(), &true.into(), &1.into()));

    let file = ["test", "out/counter.wasm", "--scenarios", "scenarios", "--no-crash"];
    assert_eq!(hydra_in(folder.path(), &file)?.code, Some(0));
    std::fs::write(folder.path().join("built"), "broken")?;
    let refused = hydra_in(folder.path(), &["test"])?;
    assert!(refused.stderr.contains("the component of kind counter is refused"), "{refused:?}");
    std::fs::remove_file(folder.path().join("built"))?;
    let unbuilt = hydra_in(folder.path(), &["test"])?;
    assert_eq!(unbuilt.code, Some(1));
    assert!(unbuilt.stderr.contains("cp: ") && unbuilt.stderr.contains("--no-build"), "{unbuilt:?}");
    Ok(())
}

#[test]
fn a_failure_shows_the_difference_and_its_command_repeats_it() -> Result<()> {
    let folder = project(&[("good.toml", GOOD), ("wrong.toml", &wrong())])?;
    let ran = hydra_in(folder.path(), &["test", "."])?;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), "error: 1 of 2 scenarios failed\n"));
    let part = "  step 2 (./scenarios/wrong.toml:6), ask counter/a add: this is not what the scenario expects\n    body\n      \
                - expected base64 AwAAAAAAAAA=\n      + got      base64 AgAAAAAAAAA=\n";
    assert!(ran.stdout.contains(part), "{}", ran.stdout);
    let repeat = ran.stdout.lines().find_map(|line| line.trim().strip_prefix("repeat: hydra ")).unwrap();
    assert_eq!(repeat, "test . wrong --run plain --log");
    let again = hydra_in(folder.path(), &repeat.split(' ').collect::<Vec<_>>())?;
    assert_eq!(again.code, Some(1));
    assert!(again.stdout.contains("step 1: commit 1: counter/a") && again.stdout.contains(part), "{}", again.stdout);
    Ok(())
}

#[test]
fn what_cannot_be_run_is_told_with_file_line_and_step() -> Result<()> {
    let slip = GOOD.replacen("subject", "subjcet", 1);
    let folder = project(&[("a.toml", &slip), ("b.toml", "[[step]]"), ("good.toml", GOOD)])?;
    let told = |arguments: &[&str]| -> Result<String> {
        let ran = hydra_in(folder.path(), arguments)?;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{arguments:?}: {ran:?}");
        Ok(ran.stderr)
    };
    let both = told(&["test"])?;
    assert!(both.contains("a.toml:2 (step 1): subject is missing"), "{both}");
    assert!(both.contains("b.toml:1 (step 1): a step is one of ask, send"), "{both}");
    for (arguments, part) in [
        (&["test", ".", "none"][..], "0 scenarios with \"none\" in its name"),
        (&["test", "out/counter.wasm", "good"], "--scenarios DIR"),
        (&["test", "nowhere"], "nowhere does not exist"),
        (
            &["test", ".", "good", "--run", "crash-after-commit-9"],
            "no run crash-after-commit-9: its plain run made 2 commits",
        ),
        (&["test", ".", "--replay", "actor.toml"], "no recording: make one with --record"),
    ] {
        let told = told(arguments)?;
        assert!(told.contains(part), "{arguments:?}: {told}");
    }
    assert_eq!(hydra_in(folder.path(), &["test", ".", "--run", "crash"])?.code, Some(2));
    Ok(())
}

#[test]
fn a_turn_is_recorded_and_replayed() -> Result<()> {
    let folder = project(&[("wrong.toml", &wrong())])?;
    let recorded = hydra_in(folder.path(), &["test", ".", "--record", "turn.json"])?;
    assert_eq!(recorded.code, Some(1));
    let next = "recorded ./scenarios/wrong.toml step 2, run plain in turn.json: hydra test . --replay turn.json\n";
    assert!(recorded.stderr.contains(next), "{}", recorded.stderr);
    let replayed = hydra_in(folder.path(), &["test", ".", "--replay", "turn.json"])?;
    let ended = "replied base64 AgAAAAAAAAA=\nstate is now base64 AgAAAAAAAAA=\nit ended as recorded\n";
    assert_eq!((replayed.code, replayed.stdout.as_str()), (Some(0), ended), "{replayed:?}");

    let file = folder.path().join("turn.json");
    std::fs::write(&file, std::fs::read_to_string(&file)?.replace("\"attempt\": 1", "\"attempt\": 2"))?;
    assert_eq!(hydra_in(folder.path(), &["test", ".", "--replay", "turn.json"])?.code, Some(0), "it may be edited");
    change_state(&file)?;
    let other = hydra_in(folder.path(), &["test", ".", "--replay", "turn.json"])?;
    assert_eq!(other.code, Some(1));
    assert!(other.stdout.contains("it ended otherwise than recorded"), "{}", other.stdout);
    Ok(())
}

/// Gives a recorded turn another state before it.
fn change_state(file: &Path) -> Result<()> {
    let mut recording: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    recording["state"] = serde_json::json!({ "base64": "CQAAAAAAAAA=" });
    Ok(std::fs::write(file, recording.to_string())?)
}
