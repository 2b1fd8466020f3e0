//! Deploying, what a bad deploy does to actors and messages, and the way back.

use std::collections::VecDeque;

use anyhow::{Context, Result};
use hydra::digest::Digest;
use hydra_tests::host::{Host, sample, sample_folder};
use serde_json::{Value, json};

#[tokio::test]
async fn a_version_that_cannot_read_the_state_costs_no_message() -> Result<()> {
    let host = Host::with(&["counter"])?;
    assert_eq!(host.reply("counter/alice/add", "5").await?, 5);
    host.deploy("counter-v2", "counter", None)?;

    // Whoever asks is told at once; what was sent, that ask included, waits.
    let asked = host.ask("counter/alice/add", "7").await?;
    assert_eq!((asked.status().as_u16(), asked.headers().contains_key("Retry-After")), (503, true));
    let mut sent = VecDeque::from([asked.json::<Value>().await?["id"].clone()]);
    for (subject, body) in [("reset", ""), ("add", "1"), ("add", "2")] {
        sent.push_back(host.json(&["send", "counter/alice", subject, body])?["id"].clone());
    }
    let shown = host.hydra(&["actor", "show", "counter/alice"])?;
    assert!(shown.contains("suspended") && shown.contains("state-does-not-decode: 11 bytes of state"), "{shown}");
    assert!(host.refused(&["ask", "counter/alice", "get"])?.contains("hydra actor resume"));
    assert_eq!(host.hydra(&["state", "get", "counter/alice"])?, r#"{"value":5}"#);
    assert_eq!(host.reply("counter/new/add", "1").await?, 1, "an actor without old state works");

    let back = host.hydra(&["rollback", "counter"])?;
    assert!(back.contains("version 1") && back.contains("current again"), "{back}");
    let mut events = host.events().await?;
    assert_eq!(host.hydra(&["actor", "resume", "counter/alice"])?, "counter/alice: resumed\n");
    while let Some(id) = sent.pop_front() {
        let turn = events.next(|event| event["event"] == "turn" && event["actor"] == "counter/alice").await?;
        assert_eq!(turn["message"], id, "what waited is handled in the order in which it came");
    }
    assert_eq!(host.reply("counter/alice/get", "").await?, 3);
    assert_eq!(host.json(&["dlq", "ls"])?["dead_letters"], json!([]));
    Ok(())
}

#[tokio::test]
async fn messages_that_wait_for_a_suspended_actor_survive_a_kill() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("store");
    let host = Host::start(&data, &[])?;
    host.deploy("counter", "counter", None)?;
    host.reply("counter/alice/add", "5").await?;
    host.hydra(&["actor", "suspend", "counter/alice"])?;
    for _ in 0..10 {
        host.hydra(&["send", "counter/alice", "add", "1"])?;
    }
    host.kill()?;
    let host = Host::start(&data, &[])?;
    assert!(host.hydra(&["actor", "show", "counter/alice"])?.contains("suspended by an operator"));
    assert_eq!(host.hydra(&["state", "get", "counter/alice"])?, r#"{"value":5}"#);
    host.hydra(&["actor", "resume", "counter/alice"])?;
    assert_eq!(host.reply("counter/alice/get", "").await?, 15);
    Ok(())
}

#[tokio::test]
async fn every_deploy_is_a_version_with_its_digest() -> Result<()> {
    let host = Host::with(&["counter"])?;
    let digest = |name: &str| Ok::<_, anyhow::Error>(Digest::of(&std::fs::read(sample(name)?)?));
    let (first, second) = (digest("counter")?, digest("counter-v2")?);

    let again = host.deploy("counter", "counter", None)?;
    assert!(again.contains("version 1") && again.contains("current already"), "{again}");
    let deployed = host.deploy("counter-v2", "counter", None)?;
    assert!(deployed.contains("version 2") && deployed.contains(&second.to_string()), "{deployed}");

    let listed = host.json(&["kind", "ls"])?;
    assert_eq!((&listed[0]["kind"], &listed[0]["versions"]), (&json!("counter"), &json!(2)));
    assert_eq!(listed[0]["current"]["digest"], second.to_string());
    assert!(host.hydra(&["kind", "ls"])?.contains(&second.short()));
    let shown = host.hydra(&["kind", "show", "counter"])?;
    assert!(shown.contains(&second.to_string()) && shown.contains("state_bytes_max = 524288"), "{shown}");
    assert_eq!(host.json(&["kind", "show", "counter"])?["current"], 2);

    let history = host.json(&["kind", "history", "counter"])?;
    let digests: Vec<&Value> = history.as_array().context("a list")?.iter().map(|one| &one["digest"]).collect();
    assert_eq!(digests, [&json!(second.to_string()), &json!(first.to_string())], "the newest comes first");
    let table = host.hydra(&["kind", "history", "counter"])?;
    let current = table.lines().find(|line| line.ends_with("current")).context("a current version")?;
    assert!(current.starts_with('2') && current.contains(&second.short()), "{table}");
    Ok(())
}

#[tokio::test]
async fn a_rollback_names_its_version_and_refuses_what_there_is_not() -> Result<()> {
    let host = Host::with(&["counter"])?;
    let alone = host.refused(&["rollback", "counter"])?;
    assert!(alone.contains("hydra kind history counter"), "{alone}");
    host.deploy("counter-v2", "counter", None)?;
    let first = host.json(&["kind", "history", "counter"])?[1]["digest"].as_str().context("a digest")?.to_owned();

    let back = host.json(&["rollback", "counter", &first["sha256:".len()..][..12]])?;
    assert_eq!((&back["version"]["number"], &back["version"]["digest"]), (&json!(1), &json!(first)));
    assert_eq!(host.json(&["kind", "show", "counter"])?["versions"].as_array().map(Vec::len), Some(2));
    assert!(host.refused(&["rollback", "counter", "0000"])?.contains("0000"));
    assert!(host.refused(&["rollback", "stranger"])?.contains("stranger"));
    assert!(host.refused(&["kind", "show", "stranger"])?.contains("hydra deploy FILE.wasm --kind stranger"));
    assert_eq!(host.reply("counter/alice/add", "5").await?, 5);
    Ok(())
}

/// `counter-v2`: with its manifest it migrates the state that `counter` left.
#[tokio::test]
async fn counter_v2() -> Result<()> {
    let host = Host::with(&["counter"])?;
    host.reply("counter/alice/add", "5").await?;
    host.deploy("counter-v2", "counter", Some(&sample_folder("counter-v2").join("actor.toml")))?;
    assert_eq!(host.hydra(&["state", "get", "counter/alice"])?, r#"{"value":5}"#, "state stays until its next turn");
    assert_eq!(host.reply("counter/alice/add", "2").await?, 7);
    assert_eq!(host.hydra(&["state", "get", "counter/alice"])?, r#"{"total":7,"additions":1}"#);
    Ok(())
}
