//! `hydra doctor --nats`: every fact of a server as a finding, each that is wrong with its cure.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use hydra_tests::binary;
use hydra_tests::nats::NatsServer;
use serde_json::Value;

use crate::{open_with, settings};

/// What it finds, but for the host that does not run.
pub(crate) fn findings(folder: &Path, urls: &str, flags: &[&str]) -> Result<Vec<Value>> {
    let mut command = binary::command()?;
    command.args(["doctor", "--json", "--url", "http://127.0.0.1:1", "--nats", urls]).args(flags);
    let ran = binary::run(command.current_dir(folder))?;
    let all: Vec<Value> = serde_json::from_str(&ran.stdout).with_context(|| format!("{ran:?}"))?;
    Ok(all.into_iter().filter(|one| one["what"] != "host").collect())
}

fn findings_of(server: &NatsServer, flags: &[&str]) -> Result<Vec<Value>> {
    findings(server.folder(), &server.url(), flags)
}

pub(crate) fn one<'a>(findings: &'a [Value], what: &str) -> Result<&'a Value> {
    findings.iter().find(|one| one["what"] == what).with_context(|| format!("nothing about {what}: {findings:#?}"))
}

pub(crate) fn says(finding: &Value, verdict: &str, parts: &[&str]) -> Result<()> {
    let text = format!("{} {}", finding["finding"], finding["cure"]);
    ensure!(finding["verdict"] == verdict, "{finding:#}");
    ensure!(parts.iter().all(|part| text.contains(part)), "{parts:?} are not in {finding:#}");
    Ok(())
}

#[tokio::test]
async fn a_right_server_is_found_right_and_nothing_is_made_there() -> Result<()> {
    let server = NatsServer::start()?;
    let found = findings_of(&server, &[])?;
    ensure!(found.iter().all(|one| one["verdict"] != "fail"), "{found:#?}");
    says(one(&found, "streams")?, "ok", &["not there yet"])?;
    says(one(&found, "durability")?, "warn", &["one copy", "sync_interval", "no client can see"])?;
    says(one(&found, "rights")?, "ok", &["hydra.local.>", "$JS.API.>", "$KV.hydra_local_actors.>", "_INBOX.>"])?;
    let jetstream = async_nats::jetstream::new(async_nats::connect(server.url()).await?);
    ensure!(jetstream.query_account().await?.streams == 0, "a doctor does not make streams");
    Ok(())
}

#[tokio::test]
async fn a_running_system_is_found_with_its_clock_and_looked_at_without_a_trace() -> Result<()> {
    let server = NatsServer::start()?;
    open_with(&settings(&server)).await?.close().await;
    let jetstream = async_nats::jetstream::new(async_nats::connect(server.url()).await?);
    let before = jetstream.get_stream("hydra_local_B_00").await?.cached_info().state.last_sequence;
    let found = findings_of(&server, &[])?;
    says(one(&found, "streams")?, "ok", &["2 buckets"])?;
    says(one(&found, "clock")?, "ok", &["the server's clock is 0."])?;
    for stream in ["hydra_local_B_00", "KV_hydra_local_actors", "KV_hydra_local_liveness", "OBJ_hydra_components"] {
        let state = jetstream.get_stream(stream).await?.cached_info().state.clone();
        ensure!(state.last_sequence == before, "{stream} has {state:?}");
    }
    Ok(())
}

#[tokio::test]
async fn drift_and_what_is_missing_are_told_with_their_cures() -> Result<()> {
    let server = NatsServer::start()?;
    open_with(&settings(&server)).await?.close().await;
    let jetstream = async_nats::jetstream::new(async_nats::connect(server.url()).await?);
    let mut config = jetstream.get_stream("hydra_local_B_01").await?.cached_info().config.clone();
    config.max_messages = 1_000;
    jetstream.update_stream(config).await?;
    jetstream.delete_stream("hydra_local_DLQ").await?;
    let found = findings_of(&server, &[])?;
    says(one(&found, "drift")?, "warn", &["hydra_local_B_01", "max_msgs is 1000", "lost", "nats stream edit"])?;
    says(one(&found, "streams")?, "fail", &["hydra_local_DLQ", "restore"])
}

#[tokio::test]
async fn a_server_that_takes_too_little_at_once_fails() -> Result<()> {
    let server = NatsServer::start_with("jetstream: enabled\nmax_payload: 256KB")?;
    says(one(&findings_of(&server, &[])?, "payload")?, "fail", &["max_payload", "2MB"])
}

#[tokio::test]
async fn denied_rights_are_told_with_all_that_a_host_needs() -> Result<()> {
    let allowed = r#"publish: ["hydra.local.>", "$JS.>", "$KV.>"], subscribe: ["_INBOX.>"]"#;
    let user = format!("{{ user: hydra, password: password, permissions: {{ {allowed} }} }}");
    let server = NatsServer::start_with(&format!("jetstream: enabled\nauthorization {{ users: [ {user} ] }}"))?;
    std::fs::write(server.folder().join("hydra.toml"), "[nats]\nuser = \"hydra\"\npassword = \"password\"\n")?;
    let found = findings_of(&server, &["--config", "hydra.toml"])?;
    let denied = ["publish $O.hydra_components.C.>", "publish $O.hydra_components.M.>", "subscribe hydra.local.>"];
    let rights = one(&found, "rights")?;
    says(rights, "fail", &denied)?;
    ensure!(!rights["finding"].as_str().is_some_and(|text| text.contains("$KV")), "{rights:#}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_be_used_is_one_finding_with_its_cure() -> Result<()> {
    let server = NatsServer::start_with("max_payload: 2MB")?;
    says(one(&findings_of(&server, &[])?, "nats")?, "fail", &["no JetStream", "nats-server -js"])
}
