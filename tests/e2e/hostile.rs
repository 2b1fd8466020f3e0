//! A component that does its worst, through the real binary: the turn ends, its traces are gone, it is told why, and
//! neighbours of its own and of other kinds notice nothing. `sandbox` tests the same faults one by one.

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use hydra_tests::host::Host;
use serde_json::{Value, json};

/// Small limits, so that nobody waits long for what never ends.
const MANIFEST: &str = "[limits]\ncpu_ms_max = 200\nwall_ms_max = 1000\n";

/// What a poisoned message ends in.
struct Case {
    subject: &'static str,
    code: &'static str,
    /// What the reason says.
    told: &'static str,
    attempts: u64,
    /// Whether there is a stack of the guest.
    backtrace: bool,
}

/// What breaks the guest: three tries, then a dead letter.
const fn broken(subject: &'static str, code: &'static str, told: &'static str, backtrace: bool) -> Case {
    Case { subject, code, told, attempts: 3, backtrace }
}

/// What is over a limit or not granted: a dead letter at once.
const fn denied(subject: &'static str, code: &'static str, told: &'static str) -> Case {
    Case { subject, code, told, attempts: 1, backtrace: false }
}

const CASES: [Case; 16] = [
    broken("panic", "trap", "as asked", true),
    broken("trap", "trap", "unreachable", true),
    broken("exit", "trap", "exit", true),
    broken("loop", "cpu-limit", "limits.cpu_ms_max", true),
    broken("host-calls", "cpu-limit", "limits.cpu_ms_max", true),
    broken("sleep", "wall-limit", "limits.wall_ms_max", false),
    broken("recurse", "trap", "stack", true),
    broken("allocate", "out-of-memory", "limits.memory_bytes_max", true),
    denied("random", "random-too-large", "bytes"),
    denied("flood-send", "too-many-sends", "limits.sends_max"),
    denied("big-send", "body-too-large", "limits.body_bytes_max"),
    denied("big-state", "state-too-large", "limits.state_bytes_max"),
    denied("big-reply", "body-too-large", "limits.body_bytes_max"),
    denied("bad-header", "bad-headers", "header"),
    denied("bad-send", "bad-name", "Not A Kind"),
    denied("ungranted-send", "denied", "send = [\"forbidden\"]"),
];

async fn poisoned() -> Result<Host> {
    let host = Host::with(&["counter"])?;
    let folder = tempfile::tempdir()?;
    let manifest = folder.path().join("actor.toml");
    std::fs::write(&manifest, MANIFEST)?;
    host.deploy("poison", "poison", Some(&manifest))?;
    Ok(host)
}

#[tokio::test]
async fn whatever_a_guest_does_its_turn_ends_and_nobody_else_notices() -> Result<()> {
    let host = poisoned().await?;
    try_join_all(CASES.iter().map(|case| check(&host, case))).await?;
    assert_eq!(host.dead_letters(CASES.len())?.len(), CASES.len(), "one for each, and none of what failed turns sent");
    Ok(())
}

async fn check(host: &Host, case: &Case) -> Result<()> {
    let Case { subject, code, told, attempts, backtrace } = case;
    let actor = format!("poison/{subject}");
    assert_eq!(host.reply(&format!("{actor}/ok"), "").await?, 1);
    let before = host.request(reqwest::Method::GET, &format!("/v1/actors/{actor}/state")).send().await?.text().await?;
    let answer = host.ask(&format!("{actor}/{subject}"), "").await?;
    let status = answer.status();
    let problem: Value = answer.json().await.with_context(|| format!("{subject} ended with {status}"))?;
    ensure!(status == 500 && problem["type"] == "urn:hydra:handler-failed", "{subject}: {problem}");
    ensure!(problem["code"] == *code, "{subject}: {problem}");
    ensure!(problem["detail"].as_str().is_some_and(|detail| detail.contains(told)), "{subject}: {problem}");

    let id = problem["dead_letter"].as_str().context("a dead letter")?;
    let letter = host.eventually(&["dlq", "show", id], |_| true)?;
    ensure!(letter["reason"] == *code && letter["attempts"] == *attempts, "{subject}: {letter}");
    ensure!(letter["backtrace"].as_str().is_some_and(|stack| stack.is_empty() != *backtrace), "{subject}: {letter}");

    let after = host.request(reqwest::Method::GET, &format!("/v1/actors/{actor}/state")).send().await?.text().await?;
    ensure!(before == after, "{subject} left {after} of {before}");
    assert_eq!(host.reply(&format!("{actor}/counts"), "").await?, json!([1, 0]), "{subject} left a trace");
    assert_eq!(host.reply(&format!("poison/neighbour-of-{subject}/ok"), "").await?, 1);
    assert_eq!(host.reply(&format!("counter/{subject}/add"), "1").await?, 1);
    Ok(())
}

#[tokio::test]
async fn others_are_answered_while_a_guest_loops() -> Result<()> {
    let host = poisoned().await?;
    let mut events = host.events().await?;
    for number in 0..4 {
        assert_eq!(host.ask(&format!("poison/{number}/loop?send"), "").await?.status(), 202);
    }
    for number in 1..=20 {
        assert_eq!(host.reply("counter/alice/add", "1").await?, number);
        assert_eq!(host.reply("poison/other/ok", "").await?, number);
    }
    for _ in 0..4 {
        let ended = |event: &Value| event["subject"] == "loop" && event["outcome"] != "retry";
        events.next(ended).await?;
    }
    Ok(())
}

#[tokio::test]
async fn lines_without_end_are_bounded_and_what_is_printed_is_a_line() -> Result<()> {
    let host = poisoned().await?;
    let mut events = host.events().await?;
    let line = |text: &'static str| {
        move |event: &Value| event["event"] == "line" && event["text"].as_str().is_some_and(|line| line.contains(text))
    };
    assert_eq!(host.ask("poison/1/flood", "10000").await?.status(), 204);
    events.next(line("line 99")).await?;
    let dropped = events.next(line("9900")).await?;
    assert!(dropped["text"].as_str().is_some_and(|text| text.contains("limits.log_lines_max")), "{dropped}");
    assert_eq!(host.ask("poison/1/long-line", "100000").await?.status(), 204);
    let long = events.next(line("xxx")).await?;
    assert!(long["text"].as_str().is_some_and(|text| text.len() <= 4_200), "a long line is cut");
    assert_eq!(host.ask("poison/1/stdout", "").await?.status(), 204);
    events.next(line("to standard output")).await?;
    events.next(line("to standard error")).await?;
    assert_eq!(host.reply("poison/1/counts", "").await?, json!([0, 0]));
    Ok(())
}
