//! The samples that are not in Rust, on a real host: every counter does what `counter` does, whatever it is written in.

use anyhow::Result;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use hydra_tests::host::Host;
use serde_json::{Value, json};

/// Messages after which a guest that leaks or trips over its collector has done so.
const MANY: usize = 20_000;
/// Messages of the largest size, which together are many times an instance's memory.
const LARGE: usize = 300;
/// Asks under way at once.
const AT_ONCE: usize = 32;

async fn a_counter_counts(kind: &str) -> Result<()> {
    let host = Host::with(&[])?;
    host.build_and_deploy(kind)?;
    let alice = format!("{kind}/alice");
    assert_eq!(host.hydra(&["ask", &alice, "get"])?, "0");
    assert!(host.refused(&["state", "get", &alice])?.contains("404"), "reading creates nothing");
    assert_eq!(host.hydra(&["ask", &alice, "add", "5"])?, "5");
    assert_eq!(host.hydra(&["ask", &alice, "add", "-7"])?, "-2");
    assert_eq!(host.hydra(&["state", "get", &alice])?, r#"{"value":-2}"#);
    let largest = "9223372036854775807";
    assert_eq!(host.hydra(&["ask", &alice, "add", "2"])?, "0");
    assert_eq!(host.hydra(&["ask", &alice, "add", largest])?, largest);
    let faults = [
        ("add", "1", "overflow"),
        ("add", "five", "body-does-not-decode"),
        ("add", "null", "body-does-not-decode"),
        ("add", "", "body-does-not-decode"),
        ("add", "1.5", "body-does-not-decode"),
        ("multiply", "2", "unknown-subject: multiply: try add, get, reset, delete"),
    ];
    for (subject, body, code) in faults {
        let told = host.refused(&["ask", &alice, subject, body])?;
        assert!(told.contains(code), "{subject} {body}: {told}");
    }
    let reply = host.ask(&format!("{alice}/get"), "").await?;
    assert_eq!(reply.headers()["content-type"], "application/json");
    assert_eq!(host.hydra(&["ask", &alice, "reset"])?, "");
    assert_eq!(host.hydra(&["ask", &alice, "get"])?, "0");
    host.hydra(&["ask", &alice, "delete"])?;
    assert!(host.refused(&["state", "get", &alice])?.contains("404"));
    let shown = host.hydra(&["kind", "show", kind])?;
    assert!(shown.contains("Adds a number"), "{shown}");

    // The largest body, and bytes that are no text: refused, not broken.
    let odd = host.ask(&format!("{alice}/add"), vec![0xff; 262_144]).await?;
    assert_eq!(
        (odd.status().as_u16(), odd.json::<Value>().await?["code"].clone()),
        (422, json!("body-does-not-decode"))
    );

    // Side by side, so that one instance handles many: what it keeps of each would fill its memory.
    let large = format!("{kind}/large/add");
    let asks = stream::iter(0..LARGE)
        .map(|_| async { Ok::<_, anyhow::Error>(host.ask(&large, vec![b' '; 262_144]).await?.status()) });
    let answers: Vec<_> = asks.buffer_unordered(AT_ONCE).try_collect().await?;
    assert!(answers.iter().all(|status| *status == 422), "{answers:?}");

    let many = format!("{kind}/many/add");
    let asks = stream::iter(0..MANY).map(|_| async { Ok::<_, anyhow::Error>(host.ask(&many, "1").await?.status()) });
    let answers: Vec<_> = asks.buffer_unordered(AT_ONCE).try_collect().await?;
    assert!(answers.iter().all(|status| *status == 200));
    assert_eq!(host.hydra(&["ask", &format!("{kind}/many"), "get"])?, MANY.to_string());
    assert_eq!(host.dead_letters(0)?.len(), 0, "nothing trapped");
    Ok(())
}

#[tokio::test]
async fn counter_go() -> Result<()> {
    a_counter_counts("counter-go").await
}

#[tokio::test]
async fn counter_c() -> Result<()> {
    a_counter_counts("counter-c").await
}

#[tokio::test]
async fn rate_limiter() -> Result<()> {
    let host = Host::with(&[])?;
    host.build_and_deploy("rate-limiter")?;
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
    let host = Host::with(&[])?;
    host.build_and_deploy("parser")?;
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
