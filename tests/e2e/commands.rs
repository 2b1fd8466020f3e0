//! Every verb of the command line against a real host: what it prints for people and for programs, and what it ends with.
//! Verbs of versions are tried in `versions`, of stores in `store`, `dev` and `new` in `dev` and `project`.

use std::fs::File;
use std::time::Duration;

use anyhow::{Context, Result};
use hydra_tests::binary;
use hydra_tests::host::Host;
use hydra_tests::process::Process;
use serde_json::{Value, json};

/// Every byte there is: no text in any encoding.
fn every_byte() -> Vec<u8> {
    (0..=255).collect()
}

#[test]
fn a_body_is_text_a_file_or_standard_input() -> Result<()> {
    let host = Host::with(&["echo"])?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("body");
    std::fs::write(&file, every_byte())?;
    let at_file = format!("@{}", file.display());
    assert_eq!(host.hydra(&["ask", "echo/1", "x", "text"])?, "text");
    assert_eq!(host.command(&["ask", "echo/1", "x", &at_file])?.output()?.stdout, every_byte());
    let mut piped = host.command(&["ask", "echo/1", "x", "-"])?;
    assert_eq!(piped.stdin(File::open(&file)?).output()?.stdout, every_byte());
    assert_eq!(
        host.json(&["ask", "echo/1", "x", "text", "--header", "X-A:1"])?,
        json!({
            "status": "replied", "headers": [["x-a", "1"]], "body": { "text": "text" }, "replayed": false
        })
    );
    assert!(host.json(&["ask", "echo/1", "x", &at_file])?["body"]["base64"].is_string());
    let missing = host.refused(&["send", "echo/1", "x", "@/no/such/file"])?;
    assert!(missing.contains("/no/such/file"), "{missing}");
    Ok(())
}

#[test]
fn an_ask_ends_with_1_when_it_is_refused_fails_or_takes_too_long() -> Result<()> {
    let host = Host::with(&["poison"])?;
    for (subject, told) in [
        ("refuse", "refused: as asked [422 refused]"),
        ("fail", "next: hydra dlq show "),
        ("panic", "[500 handler-failed]\nnext: hydra dlq show "),
        ("suspend", "[503 suspended]\nnext: hydra actor show"),
    ] {
        let said = host.refused(&["ask", &format!("poison/{subject}"), subject])?;
        assert!(said.starts_with("error: ") && said.contains(told), "{subject}: {said}");
    }
    let late = host.refused(&["ask", "poison/1", "sleep", "60000", "--timeout", "50ms"])?;
    assert!(late.contains("accepted, still trying") && late.contains("within 50ms"), "{late}");
    let unknown = host.refused(&["ask", "stranger/1", "x"])?;
    assert!(unknown.contains("kind stranger is not deployed: hydra deploy FILE.wasm --kind stranger"), "{unknown}");
    Ok(())
}

#[test]
fn state_goes_in_and_out_byte_for_byte() -> Result<()> {
    let host = Host::with(&["counter", "echo"])?;
    let folder = tempfile::tempdir()?;
    let (file, exported) = (folder.path().join("state"), folder.path().join("exported"));
    std::fs::write(&file, every_byte())?;
    let set = host.hydra(&["state", "set", "echo/1", &format!("@{}", file.display())])?;
    assert_eq!(set, "echo/1: 256 bytes are its state now\n");
    assert_eq!(host.command(&["state", "get", "echo/1"])?.output()?.stdout, every_byte());
    let to = exported.to_str().context("a path")?;
    assert_eq!(host.json(&["state", "export", "echo/1", "-o", to])?, json!({ "actor": "echo/1", "bytes": 256 }));
    assert_eq!(std::fs::read(&exported)?, every_byte());
    let shown = host.json(&["state", "get", "echo/1"])?;
    assert!(shown["bytes"] == 256 && shown["state"]["base64"].is_string(), "{shown}");

    host.hydra(&["state", "set", "counter/alice", r#"{"value":41}"#])?;
    assert_eq!(host.hydra(&["ask", "counter/alice", "add", "1"])?, "42");
    assert!(host.refused(&["state", "get", "counter/nobody"])?.contains("next: hydra actor ls"));
    Ok(())
}

#[test]
fn actors_are_listed_shown_held_and_forgotten() -> Result<()> {
    let host = Host::with(&["counter"])?;
    for id in ["a", "b", "c/d e"] {
        host.hydra(&["ask", &format!("counter/{id}"), "add", "1"])?;
    }
    let page = host.json(&["actor", "ls", "counter", "--limit", "1000"])?;
    let listed: Vec<&Value> = page["actors"].as_array().context("actors")?.iter().map(|one| &one["actor"]).collect();
    assert_eq!(listed.len(), 3, "{page}");
    assert!(listed.contains(&&json!("counter/c/d e")), "{page}");
    let first = binary::run(&mut host.command(&["actor", "ls", "--limit", "1"])?)?;
    assert!(first.stderr.contains("more: hydra actor ls --after "), "{first:?}");

    let shown = host.hydra(&["actor", "show", "counter/a"])?;
    let year = shown.lines().find(|line| line.starts_with("committed")).context("a time")?;
    assert!(year.contains("20") && year.contains('T') && year.ends_with('Z'), "a date for people: {shown}");
    assert!(host.json(&["actor", "show", "counter/a"])?["committed"].is_u64());

    let done = host.json(&["actor", "suspend", "counter/a"])?;
    assert_eq!(done, json!({ "actor": "counter/a", "operation": "suspend" }));
    host.hydra(&["send", "counter/a", "add", "10"])?;
    host.hydra(&["send", "counter/a", "add", "100"])?;
    assert!(host.hydra(&["actor", "show", "counter/a"])?.contains("suspended by an operator"));
    assert_eq!(host.hydra(&["actor", "skip", "counter/a"])?, "counter/a: skipped the message it was stuck at\n");
    host.hydra(&["actor", "resume", "counter/a"])?;
    assert_eq!(host.hydra(&["ask", "counter/a", "get"])?, "101");
    assert_eq!(host.dead_letters(1)?[0]["reason"], "skipped");

    assert_eq!(host.hydra(&["actor", "delete", "counter/a"])?, "counter/a: deleted\n");
    assert!(host.refused(&["actor", "show", "counter/a"])?.contains("404 unknown-actor"));
    assert!(host.refused(&["actor", "resume", "counter/nobody"])?.contains("next: hydra actor ls"));
    Ok(())
}

#[test]
fn tail_follows_turns_and_lines() -> Result<()> {
    let host = Host::with(&["poison", "counter"])?;
    let flood = || host.hydra(&["ask", "poison/1", "flood", "1"]);
    let mut text = Process::start(&mut host.command(&["tail", "--kind", "poison"])?)?;
    let mut json = Process::start(&mut host.command(&["tail", "--actor", "poison/1", "--json"])?)?;
    // Nobody says when a tail has begun, so there is something to see until it sees it.
    for tail in [&mut text, &mut json] {
        while tail.line_within("line 0", Duration::from_millis(200))?.is_none() {
            host.hydra(&["ask", "counter/alice", "add", "1"])?;
            flood()?;
        }
    }
    flood()?;
    let turn: Value = serde_json::from_str(&json.line_with("\"event\":\"turn\"")?)?;
    assert_eq!(
        (&turn["actor"], &turn["subject"], &turn["outcome"]),
        (&json!("poison/1"), &json!("flood"), &json!("done"))
    );
    let line = text.line_with("→")?;
    assert!(line.contains("poison/1 flood → done"), "only what was asked for: {line}");
    host.kill()?;
    assert_eq!((text.end()?.code(), json.end()?.code()), (Some(1), Some(1)), "the host ended, and that is told");
    Ok(())
}

#[test]
fn dead_letters_are_read_replayed_and_dropped() -> Result<()> {
    let host = Host::with(&["counter"])?;
    for id in ["alice", "bob", "carol"] {
        host.hydra(&["send", &format!("counter/{id}"), "additions"])?;
    }
    let letters = host.dead_letters(3)?;
    assert_eq!(host.json(&["dlq", "ls", "--kind", "counter"])?["dead_letters"], json!(letters));
    assert_eq!(host.json(&["dlq", "ls", "--kind", "echo"])?["dead_letters"], json!([]));
    let ids: Vec<&str> = letters.iter().filter_map(|letter| letter["id"].as_str()).collect();
    let [first, second, third] = ids[..] else { panic!("{letters:?}") };
    let shown = host.hydra(&["dlq", "show", first])?;
    assert!(shown.contains("unknown-subject") && shown.contains("additions: try add, get"), "{shown}");
    assert_eq!(host.hydra(&["dlq", "show", first, "--body"])?, "");

    host.deploy("counter-v2", "counter", None)?;
    let mut tail = Process::start(&mut host.command(&["tail"])?)?;
    while tail.line_within("get →", Duration::from_millis(200))?.is_none() {
        host.hydra(&["ask", "counter/other", "get"])?;
    }
    assert_eq!(host.hydra(&["dlq", "replay", first])?, "1 replayed\n");
    tail.line_with("additions → replied")?;
    assert!(host.refused(&["dlq", "replay", first])?.contains("unknown-dead-letter"));
    assert_eq!(host.json(&["dlq", "drop", second])?, json!({ "dropped": 1 }));
    assert_eq!(host.hydra(&["dlq", "replay", "--all", "--kind", "counter", "--yes"])?, "1 replayed\n");
    assert!(host.refused(&["dlq", "show", third])?.contains("unknown-dead-letter"));
    assert!(host.refused(&["dlq", "drop", "--all", "--yes"])?.contains("hydra dlq ls"));
    Ok(())
}

#[test]
fn the_doctor_and_the_benchmark_find_a_healthy_host() -> Result<()> {
    let host = Host::with(&["counter"])?;
    let findings = host.json(&["doctor"])?;
    let is_right = |one: &Value| one["verdict"] == "ok" || one["what"] == "open files";
    assert!(findings.as_array().is_some_and(|all| all.iter().all(is_right)), "{findings}");
    assert!(host.hydra(&["doctor"])?.contains("messages are being handled"));
    let measured = host.json(&["bench", "--callers", "2", "--seconds", "1", "--rate", "0", "--disk", "/tmp"])?;
    assert!(measured.to_string().contains("\"failed\":0"), "{measured}");
    Ok(())
}

#[test]
fn an_actor_that_is_stuck_is_found_and_its_history_tells_why() -> Result<()> {
    let host = Host::with(&["poison"])?;
    host.refused(&["ask", "poison/1", "refuse"])?;
    host.refused(&["ask", "poison/1", "suspend"])?;
    let history = host.json(&["actor", "history", "poison/1"])?;
    let turns = history["turns"].as_array().context("turns")?;
    let told: Vec<(&str, &str)> =
        turns.iter().filter_map(|turn| Some((turn["subject"].as_str()?, turn["outcome"].as_str()?))).collect();
    assert_eq!(told, [("refuse", "refused"), ("suspend", "suspended")], "{history}");
    let text = host.hydra(&["actor", "history", "poison/1"])?;
    assert!(text.contains("SUBJECT") && text.contains("refused: as asked"), "{text}");
    let held = host.json(&["actor", "ls", "--status", "suspended"])?;
    assert_eq!(held["actors"][0]["actor"], "poison/1");
    let findings = host.json(&["doctor"])?;
    let of = |what: &str| findings.as_array().and_then(|all| all.iter().find(|one| one["what"] == what)).cloned();
    let suspended = of("suspended").context("a finding")?;
    assert!(suspended["finding"].as_str().is_some_and(|text| text.contains("poison/1")), "{suspended}");
    assert!(suspended["cure"].as_str().is_some_and(|text| text.contains("hydra actor resume poison/1")), "{suspended}");
    host.eventually(&["doctor"], |findings| findings.to_string().contains("messages of 1 actors are parked"))?;
    Ok(())
}

#[test]
fn top_tells_once_what_a_host_does() -> Result<()> {
    let host = Host::with(&["counter", "poison"])?;
    host.refused(&["ask", "poison/1", "fail"])?;
    for _ in 0..3 {
        host.hydra(&["ask", "counter/alice", "add", "1"])?;
    }
    let picture = host.json(&["top", "--once", "--every", "1"])?;
    assert_eq!((&picture["ready"], &picture["buckets_served"]), (&json!(true), &picture["buckets"]), "{picture}");
    let of =
        |kind: &str| picture["kinds"].as_array().and_then(|all| all.iter().find(|one| one["kind"] == kind)).cloned();
    assert_eq!(of("counter").context("counter")?["outcomes"]["replied"], 3.0, "{picture}");
    let poison = of("poison").context("poison")?;
    assert_eq!((&poison["outcomes"]["failed"], &poison["dead_letters"]), (&json!(1.0), &json!(1.0)), "{picture}");
    assert_eq!(picture["failing"][0]["actor"], "poison/1");
    let text = host.hydra(&["top", "--once", "--every", "1"])?;
    assert!(text.contains("TURNS/S") && text.contains("poison"), "{text}");
    let piped = host.refused(&["top", "--every", "1"])?;
    assert!(piped.contains("hydra top --once"), "{piped}");
    Ok(())
}

#[test]
fn a_repeated_key_is_told_as_a_replay() -> Result<()> {
    let host = Host::with(&["counter"])?;
    let ask = ["ask", "counter/alice", "add", "5", "--key", "order-17"];
    assert_eq!(host.json(&ask)?["replayed"], false);
    assert_eq!(host.json(&ask)?["replayed"], true);
    assert_eq!(host.hydra(&ask)?, "5");
    let other = host.refused(&["ask", "counter/alice", "add", "6", "--key", "order-17"])?;
    assert!(other.contains("409 key-reused"), "{other}");
    Ok(())
}
