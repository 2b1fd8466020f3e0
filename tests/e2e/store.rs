//! What lies on disk, and what a kill, a full disk or another process does to it.

use std::io::Write;

use anyhow::{Context, Result};
use hydra_tests::binary::{self, Ran};
use hydra_tests::host::Host;
use reqwest::{Method, Response};
use serde_json::{Value, json};

fn hydra(arguments: &[&str]) -> Result<Ran> {
    binary::run(binary::command()?.current_dir(std::env::temp_dir()).args(arguments))
}

async fn keyed(host: &Host, body: &str) -> Result<Response> {
    let request = host.request(Method::POST, "/v1/actors/counter/alice/add").header("Idempotency-Key", "order-17");
    Ok(request.body(body.to_owned()).send().await?)
}

#[tokio::test]
async fn a_key_is_one_effect_and_one_answer_across_a_kill() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("store");
    let host = Host::start(&data, &[])?;
    host.deploy("counter", "counter", None)?;
    let first = keyed(&host, "5").await?;
    assert!(!first.headers().contains_key("Idempotent-Replay"));
    assert_eq!(first.text().await?, "5");
    assert_eq!(host.reply("counter/alice/add", "2").await?, 7);
    host.kill()?;

    let host = Host::start(&data, &[])?;
    let again = keyed(&host, "5").await?;
    assert_eq!((again.status().as_u16(), &again.headers()["Idempotent-Replay"]), (200, &"true".parse()?));
    assert_eq!(again.text().await?, "5", "the answer of then, not of now");
    assert_eq!(host.hydra(&["state", "get", "counter/alice"])?, r#"{"value":7}"#);
    let other = keyed(&host, "6").await?;
    assert_eq!(other.status(), 409);
    assert_eq!(other.json::<Value>().await?["type"], "urn:hydra:key-reused");
    Ok(())
}

#[tokio::test]
async fn a_half_written_record_at_the_end_is_as_if_it_had_never_been() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("store");
    let host = Host::start(&data, &[])?;
    host.deploy("counter", "counter", None)?;
    for number in 1..=20 {
        assert_eq!(host.reply("counter/alice/add", "1").await?, number);
    }
    host.kill()?;
    // What a kill in the middle of a write leaves: the beginning of one more record behind the last whole one.
    let journal = data.join("hydra.db-wal");
    let written = std::fs::read(&journal)?;
    let record = &written[written.len() - 4_120..];
    std::fs::OpenOptions::new().append(true).open(&journal)?.write_all(&record[..2_000])?;

    let host = Host::start(&data, &[])?;
    assert_eq!(host.reply("counter/alice/get", "").await?, 20, "all that was acknowledged, and nothing else");
    assert_eq!(host.reply("counter/alice/add", "1").await?, 21);
    assert_eq!(host.terminate()?.code(), Some(0));
    let checked = hydra(&["store", "check", "--data", data.to_str().context("a path")?])?;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    Ok(())
}

#[tokio::test]
async fn a_copy_of_a_stopped_host_goes_on_from_its_moment() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (data, copy) = (folder.path().join("store"), folder.path().join("copy"));
    let (data_text, copy_text) = (data.to_str().context("a path")?, copy.to_str().context("a path")?);
    let host = Host::start(&data, &[])?;
    host.deploy("counter", "counter", None)?;
    assert_eq!(host.reply("counter/alice/add", "5").await?, 5);
    let held = hydra(&["store", "check", "--data", data_text])?;
    assert_eq!(held.code, Some(1));
    assert!(held.stderr.contains(&format!("process {}", host.id())), "{held:?}");
    assert_eq!(host.terminate()?.code(), Some(0));

    let checked = hydra(&["store", "check", "--data", data_text, "--json"])?;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert_eq!(serde_json::from_str::<Value>(&checked.stdout)?["problems"], json!([]));
    let copied = hydra(&["store", "backup", copy_text, "--data", data_text])?;
    assert_eq!(copied.code, Some(0), "{copied:?}");
    assert_eq!(hydra(&["store", "backup", copy_text, "--data", data_text])?.code, Some(1), "it is there already");
    assert_eq!(hydra(&["store", "check", "--data", copy_text])?.code, Some(0));
    for store in [&data, &copy] {
        let host = Host::start(store, &[])?;
        assert_eq!(host.reply("counter/alice/add", "2").await?, 7);
        assert!(host.hydra(&["kind", "ls"])?.contains("counter"));
    }
    Ok(())
}

#[test]
fn a_second_process_on_a_folder_or_a_port_is_told_who_holds_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("store");
    let host = Host::start(&data, &[])?;
    let address = host.url.trim_start_matches("http://");
    let same_folder = hydra(&["host", "--http", "127.0.0.1:0", "--data", data.to_str().context("a path")?])?;
    assert_eq!(same_folder.code, Some(1));
    assert!(same_folder.stderr.contains(&format!("in use by process {}", host.id())), "{same_folder:?}");
    let other = folder.path().join("other");
    let same_port = hydra(&["host", "--http", address, "--data", other.to_str().context("a path")?])?;
    assert_eq!(same_port.code, Some(1));
    assert!(same_port.stderr.contains(address) && same_port.stderr.contains("--http"), "{same_port:?}");
    assert!(!other.exists(), "a host that cannot serve leaves nothing behind");
    assert!(host.hydra(&["doctor"])?.contains("messages are being handled"), "the first one goes on");
    Ok(())
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    std::fs::write(&file, b"")?;
    let below = file.join("store");
    let ran = hydra(&["host", "--http", "127.0.0.1:0", "--data", below.to_str().context("a path")?])?;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains(below.to_str().context("a path")?), "{ran:?}");
    Ok(())
}

/// A disk that is full, simulated by a limit on the store's size.
#[tokio::test]
async fn a_full_store_refuses_and_loses_nothing_that_it_took() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("store");
    std::fs::write(folder.path().join("hydra.toml"), "[store]\nbytes_max = 2_097_152\n")?;
    let host = Host::start(&data, &[])?;
    host.deploy("counter", "counter", None)?;
    assert_eq!(host.reply("counter/alice/add", "5").await?, 5);
    host.hydra(&["actor", "suspend", "counter/bob"])?;
    let mut taken = 0;
    let refused = loop {
        let answer = host.ask("counter/bob/add?send", vec![b' '; 200_000]).await?;
        if answer.status() != 202 {
            break answer;
        }
        taken += 1;
        assert!(taken < 100, "the store never is full");
    };
    assert!(taken > 0);
    assert_eq!((refused.status().as_u16(), refused.headers().contains_key("Retry-After")), (503, true));
    let problem: Value = refused.json().await?;
    assert_eq!(problem["type"], "urn:hydra:store-unavailable", "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("full")), "{problem}");
    assert_eq!(host.hydra(&["state", "get", "counter/alice"])?, r#"{"value":5}"#, "reading goes on");
    host.kill()?;

    // More room, and everything that was taken is there.
    std::fs::write(folder.path().join("hydra.toml"), "[store]\nbytes_max = 0\n")?;
    let host = Host::start(&data, &[])?;
    host.hydra(&["actor", "resume", "counter/bob"])?;
    assert_eq!(host.dead_letters(taken)?.len(), taken, "spaces are no number");
    assert_eq!(host.json(&["actor", "show", "counter/alice"])?["status"], json!("active"));
    Ok(())
}
