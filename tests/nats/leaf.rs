//! A server at the edge with a JetStream domain of its own: hosts work in it, from either side of the leaf connection.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hydra_tests::binary;
use hydra_tests::host::Host;
use hydra_tests::nats::NatsServer;
use serde_json::json;
use tokio::time::{interval, timeout};

/// After so long something that must happen did not.
const TOO_LONG: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Stands for a port in the configurations below.
const PORT: &str = "LEAF_PORT";
const HUB: &str = "jetstream { domain: hub }\nmax_payload: 2MB\nleafnodes { listen: \"127.0.0.1:LEAF_PORT\" }\n";
const EDGE: &str = "jetstream { domain: edge }\nmax_payload: 2MB\n\
                    leafnodes { remotes: [ { url: \"nats-leaf://127.0.0.1:LEAF_PORT\" } ] }\n";

/// A hub, and a server at the edge, once they are connected.
async fn servers() -> Result<(NatsServer, NatsServer)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
    let hub = NatsServer::start_with(&HUB.replace(PORT, &port))?;
    let edge = NatsServer::start_with(&EDGE.replace(PORT, &port))?;
    let connected = async {
        let mut looks = interval(LOOK_EVERY);
        while streams(&hub, "edge").await.is_err() {
            looks.tick().await;
        }
    };
    timeout(TOO_LONG, connected).await.context("the edge does not connect")?;
    Ok((hub, edge))
}

/// How many streams there are in a domain, as seen from a server.
async fn streams(server: &NatsServer, domain: &str) -> Result<usize> {
    let context = async_nats::jetstream::with_domain(async_nats::connect(server.url()).await?, domain);
    Ok(context.query_account().await?.streams)
}

/// A host that works in the domain of the edge.
fn start(server: &NatsServer) -> Result<Host> {
    let mut command = binary::command()?;
    command.args(["host", "--http", "127.0.0.1:0", "--nats-domain", "edge", "--nats", &server.url()]);
    Host::run(command.current_dir(server.folder()).env("XDG_CACHE_HOME", server.folder().join("cache")))
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_at_hub_and_edge_share_the_domain_of_the_edge() -> Result<()> {
    let (hub, edge) = servers().await?;
    let far = start(&hub)?;
    far.deploy("counter", "counter", None)?;
    ensure!(far.reply("counter/alice/add", "5").await? == json!(5));
    let near = start(&edge)?;
    ensure!(near.reply("counter/alice/add", "2").await? == json!(7));
    far.kill()?;
    ensure!(near.reply("counter/alice/add", "1").await? == json!(8));
    let far = start(&hub)?;
    near.kill()?;
    ensure!(far.reply("counter/alice/add", "1").await? == json!(9));
    // Clients call through either side, and everything is at the edge.
    for server in [&hub, &edge] {
        let client = async_nats::connect(server.url()).await?;
        client.request("hydra.local.ask.counter.alice.add", "1".into()).await?;
    }
    ensure!(far.reply("counter/alice/get", "").await? == json!(11));
    ensure!(streams(&hub, "hub").await? == 0 && streams(&hub, "edge").await? == 22);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_into_the_domain() -> Result<()> {
    let (hub, _edge) = servers().await?;
    for (domain, is_right) in [("edge", true), ("nowhere", false)] {
        let mut command = binary::command()?;
        command.args(["doctor", "--url", "http://127.0.0.1:1", "--nats", &hub.url(), "--nats-domain", domain]);
        let ran = binary::run(command.current_dir(hub.folder()))?;
        ensure!(ran.stdout.contains(&format!("$JS.{domain}.API.>")) == is_right, "{ran:?}");
        ensure!(ran.stdout.contains("nats.domain") != is_right, "{ran:?}");
    }
    Ok(())
}
