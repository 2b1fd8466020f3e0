//! Bad input, from outside: each is refused with what is wrong, what is allowed and what to do, and leaves nothing behind.

use anyhow::{Context, Result, ensure};
use hydra_tests::guest::Guest;
use hydra_tests::host::{Host, sample};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_no_component_of_ours_is_refused_and_the_version_before_goes_on() -> Result<()> {
    let host = Host::with(&["counter"])?;
    let good = std::fs::read(sample("counter")?)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("bad.wasm");
    let path = file.to_str().context("a path")?;
    let module = wat::parse_str("(module)")?;
    let foreign = Guest::new("(call $done)").wit(
        "package other:clock@1.0.0 { interface wall { now: func() -> u64; } }
         world strange { include actor; import other:clock/wall@1.0.0; }",
        "strange",
    );
    let foreign = foreign.import("other:clock/wall@1.0.0", "now", "now", "(result i64)").build();
    let future = Guest::new("(call $done)").version("0.9.0").calls(&["state.delete"]).build();
    let nothing = wat::parse_str("(component)")?;
    let cases: [(&str, &[u8], &[&str]); 7] = [
        ("no Wasm", b"#!/bin/sh\necho hello", &["not-wasm"]),
        ("nothing at all", b"", &["not-wasm"]),
        ("a core module", &module, &["core-module", "component"]),
        ("a truncated file", &good[..good.len() / 2], &["compile-failed", "out of bounds"]),
        ("an unknown import", &foreign, &["unknown-import", "other:clock/wall"]),
        ("another world", &future, &["world-version", "0.9.0", "0.1.0"]),
        ("no handler", &nothing, &["missing-export", "hydra:actor/handler"]),
    ];
    for (what, bytes, told) in cases {
        std::fs::write(&file, bytes)?;
        let said = host.refused(&["deploy", path, "--kind", "counter"])?;
        ensure!(told.iter().all(|words| said.contains(words)), "{what}: {said}");
    }
    assert_eq!(host.json(&["kind", "show", "counter"])?["versions"].as_array().map(Vec::len), Some(1));
    assert_eq!(host.reply("counter/alice/add", "1").await?, 1);
    let manifest = folder.path().join("actor.toml");
    std::fs::write(&manifest, "[limits]\nmemory_bytes_max = 1_000_000_000\n")?;
    let over = host.deploy("counter", "counter", Some(&manifest)).unwrap_err().to_string();
    ensure!(over.contains("limits.memory_bytes_max is 1000000000, allowed are 1 to 67108864"), "{over}");
    Ok(())
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_size_limit_and_setting_and_not_stored() -> Result<()> {
    let host = Host::with(&["echo", "poison"])?;
    for path in ["echo/1/x", "echo/1/x?send"] {
        let refused = host.ask(path, vec![b'x'; 262_145]).await?;
        assert_eq!(refused.status(), 413);
        let problem: Value = refused.json().await?;
        assert_eq!((&problem["size"], &problem["limit"]), (&json!(262_145), &json!(262_144)), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("262145")), "{problem}");
    }
    assert_eq!(host.request(Method::GET, "/v1/actors/echo/1").send().await?.status(), 404, "nobody was created");
    let long = "x".repeat(300_000);
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("body"), long)?;
    let told = host.refused(&["ask", "echo/1", "x", &format!("@{}", folder.path().join("body").display())])?;
    assert!(told.contains("262144"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_state_over_the_limit_leaves_the_one_before_to_the_byte() -> Result<()> {
    let host = Host::with(&["poison"])?;
    assert_eq!(host.ask("poison/1/big-state", "500000").await?.status(), 204);
    let state =
        || async { anyhow::Ok(host.request(Method::GET, "/v1/actors/poison/1/state").send().await?.bytes().await?) };
    let before = state().await?;
    assert!(before.len() > 500_000);
    let refused: Value = host.ask("poison/1/big-state", "524288").await?.json().await?;
    assert_eq!(refused["code"], "state-too-large");
    let told = refused["detail"].as_str().context("a detail")?;
    assert!(told.contains("limit 524288 (limits.state_bytes_max in actor.toml)"), "{told}");
    assert_eq!(state().await?, before);

    let set = host.request(Method::PUT, "/v1/admin/actors/poison/1/state").body(vec![0; 524_289]).send().await?;
    assert_eq!(set.status(), 413);
    let problem: Value = set.json().await?;
    assert_eq!((&problem["size"], &problem["limit"]), (&json!(524_289), &json!(524_288)), "{problem}");
    assert_eq!(state().await?, before);
    Ok(())
}

#[tokio::test]
async fn names_outside_the_grammar_are_refused_and_no_id_is_taken_for_another() -> Result<()> {
    let host = Host::with(&["counter"])?;
    for (path, status) in [
        ("Counter/a/add", 400),
        ("counter/a/add%20it", 400),
        ("counter/a/timer:tick", 400),
        ("sys-http/a/add", 400),
        (&format!("counter/{}/add", "x".repeat(257)), 400),
        ("counter/%FF/add", 400),
        ("stranger/a/add", 404),
    ] {
        let refused = host.ask(path, "1").await?;
        assert_eq!(refused.status(), status, "{path}");
        assert_eq!(refused.headers()["Content-Type"], "application/problem+json", "{path}");
    }
    // Ids that a careless store would mix up.
    for (number, id) in
        ["a", "A", "a%2Fb", "a%2fB", "a%3D2Fb", "%C3%A4", "a%CC%88", "a.state", "own"].iter().enumerate()
    {
        let number = i64::try_from(number)?;
        assert_eq!(host.reply(&format!("counter/{id}/add"), &number.to_string()).await?, number, "{id}");
    }
    Ok(())
}

#[tokio::test]
async fn another_programs_page_cannot_drive_the_host() -> Result<()> {
    let host = Host::with(&["counter"])?;
    for (name, value) in [("Host", "evil.example"), ("Origin", "https://evil.example"), ("Origin", "null")] {
        let request = host.request(Method::POST, "/v1/actors/counter/alice/add").header(name, value).body("1");
        assert_eq!(request.send().await?.status(), 403, "{name}: {value}");
    }
    assert_eq!(host.request(Method::GET, "/v1/actors/counter/alice").send().await?.status(), 404);
    Ok(())
}
