//! The samples in several languages, on a real host: a counter that changes its language goes on counting, and those that
//! show what a language is good for. What each does by itself is in its scenarios; what is the same in all, in `conformance`.

use std::path::Path;

use anyhow::Result;
use hydra_tests::host::{Host, sample_folder};
use serde_json::json;
use tempfile::TempDir;

/// The same kind, six times.
const COUNTERS: [&str; 6] = ["counter", "counter-py", "counter-js", "counter-ts", "counter-go", "counter-c"];

/// A host that finds the code that `scenarios` has compiled, or the other way round.
pub(crate) fn start(data: &TempDir) -> Result<Host> {
    let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join(".hydra/compiled");
    Host::start_sharing(&compiled, &data.path().join("store"), &["--durability", "os"])
}

#[tokio::test]
async fn a_counter_goes_on_in_another_language() -> Result<()> {
    let data = tempfile::tempdir()?;
    let host = start(&data)?;
    for (number, sample) in (1..).zip(COUNTERS) {
        let deployed = match sample {
            "counter" => host.deploy(sample, "counter", None)?,
            _ => host.deploy_folder(&sample_folder(sample))?,
        };
        assert!(deployed.starts_with(&format!("counter: version {number} ")), "{sample}: {deployed}");
        assert_eq!(host.reply("counter/alice/add", "1").await?, number, "{sample}");
        let state = host.hydra(&["state", "get", "counter/alice"])?;
        assert_eq!(state, format!(r#"{{"value":{number}}}"#), "{sample}");
        let shown = host.hydra(&["kind", "show", "counter"])?;
        assert!(shown.contains("Adds a number, replies with the new value."), "{sample}: {shown}");
    }
    Ok(())
}

#[tokio::test]
async fn rate_limiter() -> Result<()> {
    let data = tempfile::tempdir()?;
    let host = start(&data)?;
    host.deploy_folder(&sample_folder("rate-limiter"))?;
    let verdict = host.reply("rate-limiter/alice/take", r#"{"cost":10}"#).await?;
    assert_eq!(verdict, json!({ "allowed": true, "left": 0, "retry_after_ms": 0 }));
    let refused = host.reply("rate-limiter/alice/take", r#"{"cost":10}"#).await?;
    assert_eq!(refused["allowed"], false);
    assert!(refused["retry_after_ms"].as_u64().is_some_and(|ms| (1..=2_000).contains(&ms)), "{refused}");
    host.hydra(&["ask", "rate-limiter/bob", "limit", r#"{"burst":2,"per_second":1}"#])?;
    assert_eq!(host.reply("rate-limiter/bob/peek", "").await?, 2);
    assert!(host.refused(&["ask", "rate-limiter/bob", "take", r#"{"cost":3}"#])?.contains("1 to 2"));
    Ok(())
}

#[tokio::test]
async fn parser() -> Result<()> {
    let data = tempfile::tempdir()?;
    let host = start(&data)?;
    host.deploy_folder(&sample_folder("parser"))?;
    assert_eq!(host.hydra(&["ask", "parser/alice", "run", "price = 3 * (4 + 1)"])?, "15");
    assert_eq!(host.hydra(&["ask", "parser/alice", "run", "price / 2"])?, "7");
    assert_eq!(host.hydra(&["state", "get", "parser/alice"])?, "price 15\n");
    let told = host.refused(&["ask", "parser/alice", "run", "price / 0"])?;
    assert!(told.contains("does-not-parse: at byte 9: division by zero"), "{told}");
    let noise: Vec<u8> = (0..=255).cycle().take(262_144).collect();
    assert_eq!(host.ask("parser/alice/run", noise).await?.status(), 422);
    assert_eq!(host.hydra(&["ask", "parser/alice", "variables"])?, "price 15\n");
    Ok(())
}
