//! Three servers that keep copies of everything: any one of them can go, and none that lags is believed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hydra::backend::Expect;
use hydra::config::Nats;
use hydra::message::Headers;
use hydra_tests::binary;
use hydra_tests::cluster::{NatsCluster, SERVERS};
use hydra_tests::host::Host;
use serde_json::Value;
use tokio::time::{interval, timeout};

use crate::doctor::{findings, one, says};
use crate::open_with;

/// After so long something that must happen did not: it takes servers up to 10 s to choose another leader.
const TOO_LONG: Duration = Duration::from_secs(60);
/// How often it is tried.
const TRY_EVERY: Duration = Duration::from_millis(100);
/// Kills of servers, and writes that a server does not hear of.
const ROUNDS: usize = 5;

/// Adds one to a counter, under a key and until it is answered. Its value.
async fn add(host: &Host, actor: &str, key: &str) -> Result<Value> {
    let answered = async {
        let mut tries = interval(TRY_EVERY);
        loop {
            tries.tick().await;
            let request = host.request(reqwest::Method::POST, &format!("/v1/actors/counter/{actor}/add?timeout=2s"));
            if let Ok(answer) = request.header("Idempotency-Key", key).body("1").send().await
                && answer.status() == 200
            {
                return answer.json().await;
            }
        }
    };
    timeout(TOO_LONG, answered).await.with_context(|| format!("{actor} does not answer"))?.context("an answer in JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_goes_on_without_any_one_of_three_servers() -> Result<()> {
    let mut cluster = NatsCluster::start().await?;
    let (folder, urls) = (tempfile::tempdir()?, cluster.urls().join(","));
    let mut command = binary::command()?;
    command.args(["host", "--http", "127.0.0.1:0", "--nats-replicas", "3", "--nats", &urls]);
    let host = Host::run(command.current_dir(folder.path()).env("XDG_CACHE_HOME", folder.path()))?;
    let jetstream = async_nats::jetstream::new(async_nats::connect(cluster.urls()).await?);
    let copies = jetstream.get_stream("hydra_local_B_0f").await?.cached_info().config.num_replicas;
    ensure!(copies == SERVERS, "{copies} copies");
    host.deploy("counter", "counter", None)?;
    for number in 0..SERVERS {
        cluster.caught_up().await?;
        cluster.servers[number].kill()?;
        for actor in ["alice", "bob", "carol"] {
            let value = add(&host, actor, &format!("add-{number}")).await?;
            ensure!(value == number + 1, "{actor} has {value} after {number} more servers were killed");
        }
        cluster.servers[number].restart()?;
    }
    ensure!(host.terminate()?.code() == Some(0), "SIGTERM ends a host with 0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_tells_which_server_lags_until_it_has_caught_up() -> Result<()> {
    let mut cluster = NatsCluster::start().await?;
    let (folder, urls) = (tempfile::tempdir()?, cluster.urls());
    open_with(&Nats { urls: urls.clone(), replicas: SERVERS, ..Nats::default() }).await?.close().await;
    // The servers tell of each other what they heard last, some seconds ago; while something has no leader, it is an error.
    let comes_to = async |verdict, parts: &[&str]| {
        let mut tries = interval(TRY_EVERY);
        loop {
            tries.tick().await;
            let found = findings(folder.path(), &urls.join(","), &["--nats-replicas", "3"])?;
            if one(&found, "copies").is_ok_and(|copies| says(copies, verdict, parts).is_ok()) {
                return anyhow::Ok(());
            }
        }
    };
    timeout(TOO_LONG, comes_to("ok", &["any one server may go"])).await.context("not well at first")??;
    cluster.servers[2].kill()?;
    let missed = comes_to("warn", &["nats-2", "stop no other server", "/healthz"]);
    timeout(TOO_LONG, missed).await.context("nobody misses nats-2")??;
    cluster.servers[2].restart()?;
    cluster.caught_up().await?;
    timeout(TOO_LONG, comes_to("ok", &["any one server may go"])).await.context("nats-2 does not come back")?
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_never_read_from_a_copy_that_lags() -> Result<()> {
    let cluster = NatsCluster::start().await?;
    let at = |url: String| Nats { urls: vec![url], replicas: SERVERS, ..Nats::default() };
    let made = open_with(&at(cluster.servers[0].url())).await?;
    let jetstream = async_nats::jetstream::new(async_nats::connect(cluster.urls()).await?);
    let info = jetstream.get_stream("KV_hydra_local_actors").await?.cached_info().clone();
    made.close().await;
    let leader = info.cluster.and_then(|cluster| cluster.leader).context("a leader")?;
    let follower = cluster.server(if leader == "nats-0" { "nats-1" } else { "nats-0" })?;
    let (writer, reader) =
        (open_with(&at(cluster.server(&leader)?.url())).await?, open_with(&at(follower.url())).await?);
    let (written, read) = (writer.backend().actors, reader.backend().actors);
    for round in 0..ROUNDS {
        let value = Bytes::from(round.to_string());
        follower.pause()?;
        written.put("a", value.clone(), Headers::default(), Expect::Any, None).await?;
        // It finds the question when it goes on, and what it missed.
        let (entry, resumed) = tokio::join!(read.get("a"), async { follower.resume() });
        resumed?;
        ensure!(
            entry?.is_some_and(|entry| entry.value == value),
            "what was stored before is not read in round {round}"
        );
    }
    Ok(())
}
