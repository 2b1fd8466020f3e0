//! The actor `conformance` of every language, on a real host: what its scenarios cannot show, because it takes a process that
//! is killed, a limit that is reached or thousands of messages. What is to be the same everywhere is said in
//! `guest-sdk/conformance`.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use hydra_tests::host::Host;
use serde_json::Value;

use super::languages;

/// Messages after which a guest that leaks or trips over its collector has done so.
const MANY: usize = 20_000;
/// Messages of the largest size, which together are many times an instance's memory.
const LARGE: usize = 300;
/// Largest body, in bytes: the default of `limits.body_bytes_max`.
const BODY_BYTES_MAX: usize = 262_144;
/// Asks under way at once.
const AT_ONCE: usize = 32;

fn folder(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../guest-sdk/{language}/conformance"))
}

async fn it_conforms(language: &str) -> Result<()> {
    let data = tempfile::tempdir()?;
    let host = languages::start(&data)?;
    let manifest = folder(language).join("actor.toml");
    let deployed = match language {
        "rust" => host.deploy("conformance", "conformance", Some(&manifest))?,
        _ => host.deploy_folder(&folder(language))?,
    };
    ensure!(deployed.contains(&format!("hydra-sdk-{language} ")), "{deployed}");
    assert_eq!(host.reply("conformance/alice/count", "").await?, 1);
    host.kill()?;
    let host = languages::start(&data)?;
    assert_eq!(host.reply("conformance/alice/get", "").await?, 1, "state outlives the host");
    limits_hold(&host).await?;
    large_bodies_pass(&host).await?;
    many_messages_pass(&host).await
}

/// A turn that takes too much ends, nothing of it remains, and the next one is handled as if nothing had been.
async fn limits_hold(host: &Host) -> Result<()> {
    for (subject, codes) in [("loop", &["cpu-limit"][..]), ("allocate", &["out-of-memory", "trap"])] {
        let problem: Value = host.ask(&format!("conformance/alice/{subject}"), "").await?.json().await?;
        ensure!(problem["code"].as_str().is_some_and(|code| codes.contains(&code)), "{subject}: {problem}");
        assert_eq!(host.reply("conformance/alice/get", "").await?, 1, "{subject} left a trace");
    }
    assert_eq!(host.dead_letters(2)?.len(), 2);
    Ok(())
}

/// The largest body goes in and out as it is; one byte more is refused, in both directions.
async fn large_bodies_pass(host: &Host) -> Result<()> {
    let noise: Vec<u8> = (0..=255).cycle().take(BODY_BYTES_MAX).collect();
    let echo = || async {
        let reply = host.ask("conformance/large/echo", noise.clone()).await?;
        Ok::<_, anyhow::Error>(reply.status() == 200 && reply.bytes().await? == noise)
    };
    // Side by side, so that one instance handles many: what it keeps of each would fill its memory.
    let echoes: Vec<bool> = stream::iter(0..LARGE).map(|_| echo()).buffer_unordered(AT_ONCE).try_collect().await?;
    assert!(echoes.iter().all(|same| *same), "{echoes:?}");
    let largest = host.ask("conformance/large/large", BODY_BYTES_MAX.to_string()).await?;
    assert_eq!(largest.bytes().await?.len(), BODY_BYTES_MAX);
    let larger = host.ask("conformance/large/large", (BODY_BYTES_MAX + 1).to_string()).await?;
    assert_eq!(larger.json::<Value>().await?["code"], "body-too-large");
    assert_eq!(host.ask("conformance/large/echo", vec![0; BODY_BYTES_MAX + 1]).await?.status(), 413);
    Ok(())
}

async fn many_messages_pass(host: &Host) -> Result<()> {
    let count = |_| async { Ok::<_, anyhow::Error>(host.ask("conformance/many/count", "").await?.status()) };
    let answers: Vec<_> = stream::iter(0..MANY).map(count).buffer_unordered(AT_ONCE).try_collect().await?;
    assert!(answers.iter().all(|status| *status == 200));
    assert_eq!(host.reply("conformance/many/get", "").await?, MANY);
    let letters = host.dead_letters(3)?;
    assert_eq!(letters.len(), 3, "nothing trapped but what was meant to: {letters:?}");
    Ok(())
}

#[tokio::test]
async fn rust_conforms() -> Result<()> {
    it_conforms("rust").await
}

#[tokio::test]
async fn python_conforms() -> Result<()> {
    it_conforms("python").await
}

#[tokio::test]
async fn javascript_conforms() -> Result<()> {
    it_conforms("js").await
}

#[tokio::test]
async fn go_conforms() -> Result<()> {
    it_conforms("go").await
}

#[tokio::test]
async fn c_conforms() -> Result<()> {
    it_conforms("c").await
}
