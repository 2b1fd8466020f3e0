//! The real binary on a real server: what it keeps survives both being killed with -9, and any NATS client can look at it.

use anyhow::{Result, ensure};
use hydra_tests::binary;
use hydra_tests::host::Host;
use hydra_tests::nats::NatsServer;
use serde_json::{Value, json};

/// A host on this server; its cache is in the server's folder, not in the user's.
pub(crate) fn start(server: &NatsServer) -> Result<Host> {
    let mut command = binary::command()?;
    command.args(["host", "--http", "127.0.0.1:0", "--nats", &server.url()]);
    command.current_dir(server.folder()).env("XDG_CACHE_HOME", server.folder().join("cache"));
    Host::run(&mut command)
}

#[tokio::test(flavor = "multi_thread")]
async fn state_survives_kill_9_of_the_host_and_of_the_server() -> Result<()> {
    let mut server = NatsServer::start()?;
    let host = start(&server)?;
    host.deploy("counter", "counter", None)?;
    ensure!(host.reply("counter/alice/add", "5").await? == json!(5));
    host.kill()?;
    let host = start(&server)?;
    ensure!(host.reply("counter/alice/add", "2").await? == json!(7));
    host.kill()?;
    server.kill()?;
    server.restart()?;
    let host = start(&server)?;
    ensure!(host.reply("counter/alice/add", "1").await? == json!(8));
    ensure!(server.folder().join("cache/hydra/compiled").is_dir(), "compiled code is kept in the user's cache");
    ensure!(host.terminate()?.code() == Some(0), "SIGTERM ends a host with 0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_and_requests_survive_kill_9_and_are_told_once() -> Result<()> {
    let server = NatsServer::start()?;
    let host = start(&server)?;
    host.deploy("reminder", "reminder", None)?;
    host.deploy("stock", "stock", None)?;
    host.hydra(&["ask", "stock/depot", "put", "100"])?;
    host.hydra(&["ask", "stock/shop", "supplier", "\"depot\""])?;
    ensure!(host.reply("stock/shop/take", "4").await? == json!({ "taken": 4 }));
    // A later turn answers callers over NATS too.
    let client = async_nats::connect(server.url()).await?;
    let answer = client.request("hydra.local.ask.stock.shop.take", "3".into()).await?;
    ensure!(answer.payload == r#"{"taken":3}"#, "{answer:?}");
    for name in ["tea", "rice"] {
        let body = format!(r#"{{"name":"{name}","seconds":2,"text":"{name}"}}"#);
        host.ask("reminder/alice/in", body).await?.error_for_status()?;
    }
    host.kill()?;
    let host = start(&server)?;
    let is_told = |told: &Value| told.to_string().matches("missed").count() >= 2;
    host.eventually(&["ask", "reminder/alice", "told"], is_told)?;
    let told = host.reply("reminder/alice/told", "").await?;
    let mut names: Vec<&str> = told.as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect();
    names.sort_unstable();
    ensure!(names == ["rice", "tea"], "{told}");
    ensure!(host.json(&["timer", "ls"])?["timers"] == json!([]));
    ensure!(host.reply("stock/depot/count", "").await? == json!(93));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_nats_client_reads_the_actors_state() -> Result<()> {
    let server = NatsServer::start()?;
    let host = start(&server)?;
    host.deploy("counter", "counter", None)?;
    host.reply("counter/alice/add", "5").await?;
    let jetstream = async_nats::jetstream::new(async_nats::connect(server.url()).await?);
    let state = jetstream.get_key_value("hydra_local_actors").await?.get("counter.alice.state").await?;
    let shown = host.hydra(&["state", "get", "counter/alice"])?;
    ensure!(state.is_some_and(|state| shown.trim().as_bytes() == &state[..]), "{shown}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_starts_on_the_same_servers() -> Result<()> {
    let server = NatsServer::start()?;
    let first = start(&server)?;
    first.deploy("counter", "counter", None)?;
    first.reply("counter/alice/add", "5").await?;
    let second = start(&server)?;
    ensure!(second.reply("counter/alice/add", "1").await? == json!(6));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_cannot_log_in_ends_with_what_to_change() -> Result<()> {
    let server = NatsServer::start_with("jetstream: enabled\nauthorization { user: hydra, password: right-password }")?;
    let mut command = binary::command()?;
    command.args(["host", "--http", "127.0.0.1:0", "--nats", &server.url(), "--nats-user", "hydra"]);
    let ran = binary::run(command.current_dir(server.folder()).env("HYDRA_NATS_PASSWORD", "wrong-password"))?;
    ensure!(ran.code == Some(1) && ran.stderr.contains("HYDRA_NATS_PASSWORD"), "{ran:?}");
    ensure!(!ran.stderr.contains("wrong-password"), "a secret is shown");
    Ok(())
}

#[test]
fn nats_flags_are_of_hosts_and_not_of_dev() -> Result<()> {
    let ran = binary::run(binary::command()?.args(["dev", "--nats", "nats://127.0.0.1:4222"]))?;
    ensure!(ran.code == Some(2), "{ran:?}");
    let mut command = binary::command()?;
    command.args(["config", "show", "--json"]).env("HYDRA_NATS_USER", "hydra").env("HYDRA_NATS_PASSWORD", "a-secret");
    let shown: Value = serde_json::from_str(&binary::run(&mut command)?.stdout)?;
    let password = shown.as_array().and_then(|all| all.iter().find(|one| one["key"] == "nats.password"));
    ensure!(password.is_some_and(|one| one["value"] == "…"), "{password:?}");
    Ok(())
}
