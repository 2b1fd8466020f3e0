//! What other programs do to the servers of a running host: rows changed by hand, messages that would command the server,
//! consumers and headers that nobody expected. Each is accepted by a rule or becomes a dead letter; the next message is handled.

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, HeaderMap};
use hydra_tests::host::Host;
use hydra_tests::nats::NatsServer;
use hydra_tests::scripted::actor;
use serde_json::json;

use super::host::start;

/// A host with counters, and another program on the same server.
async fn world() -> Result<(NatsServer, Host, Client, Context)> {
    let server = NatsServer::start()?;
    let host = start(&server)?;
    host.deploy("counter", "counter", None)?;
    let client = async_nats::connect(server.url()).await?;
    let jetstream = jetstream::new(client.clone());
    Ok((server, host, client, jetstream))
}

/// Where messages to an actor go.
fn mailbox(to: &str) -> String {
    format!("hydra.local.msg.{}.{}", actor(to).slot(), to.replace('/', "."))
}

/// The message `add 1` with one header more, as a foreign program would store it.
async fn store(jetstream: &Context, to: &str, name: &str, value: &str) -> Result<()> {
    let mut headers = HeaderMap::new();
    headers.insert("Hydra-Subject", "add");
    headers.insert(name, value);
    jetstream.publish_with_headers(mailbox(to), headers, "1".into()).await?.await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn state_that_was_put_by_hand_is_the_state_from_then_on() -> Result<()> {
    let (_server, host, _client, jetstream) = world().await?;
    ensure!(host.reply("counter/alice/add", "5").await? == json!(5));
    let actors = jetstream.get_key_value("hydra_local_actors").await?;
    actors.put("counter.alice.state", r#"{"value":100}"#.into()).await?;
    ensure!(host.reply("counter/alice/add", "1").await? == json!(101));
    ensure!(host.reply("counter/alice/add", "1").await? == json!(102));
    actors.put("counter.alice.state", "no JSON".into()).await?;
    let suspended = host.ask("counter/alice/add", "1").await?;
    ensure!(suspended.status() == 503, "{}", suspended.text().await?);
    // Nothing is lost: with a readable state the message that waited is handled.
    host.hydra(&["state", "set", "counter/alice", r#"{"value":7}"#])?;
    host.hydra(&["actor", "resume", "counter/alice"])?;
    ensure!(host.reply("counter/alice/add", "1").await? == json!(9));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_message_cannot_have_an_answer_sent_to_the_server_itself() -> Result<()> {
    let (_server, host, client, jetstream) = world().await?;
    let mut listening = client.subscribe("elsewhere").await?;
    for reply in ["$JS.API.STREAM.DELETE.hydra_local_DLQ", "elsewhere", "$KV.hydra_registry.secret"] {
        store(&jetstream, "counter/alice", "Hydra-Reply", reply).await?;
    }
    ensure!(host.reply("counter/alice/get", "").await? == json!(3), "the messages themselves are as good as any");
    jetstream.get_stream("hydra_local_DLQ").await.context("the stream is still there")?;
    let secret = jetstream.get_key_value("hydra_registry").await?.get("secret").await?;
    ensure!(secret.is_some_and(|secret| secret.len() == 32), "nobody has written it");
    client.publish("elsewhere", "the first that is heard".into()).await?;
    let heard = futures_util::StreamExt::next(&mut listening).await.context("a closed subscription")?;
    ensure!(heard.payload == "the first that is heard", "{heard:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_nobody_of_ours_would_write_hold_up_nobody() -> Result<()> {
    let (_server, host, client, jetstream) = world().await?;
    store(&jetstream, "counter/alice", "Hydra-Sender", "no actor").await?;
    store(&jetstream, "counter/alice", "X-Long", &"x".repeat(60 << 10)).await?;
    client.publish(mailbox("counter/alice"), "no subject".into()).await?;
    // Long ones are passed on as they are: what a stream could store can be handled.
    ensure!(host.reply("counter/alice/add", "5").await? == json!(6));
    let letters = host.dead_letters(2)?;
    ensure!(letters.len() == 2 && letters.iter().all(|letter| letter["reason"] == "malformed"), "{letters:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_of_others_change_nothing() -> Result<()> {
    let (server, host, _client, jetstream) = world().await?;
    host.reply("counter/alice/add", "5").await?;
    host.kill()?;
    // It says that everything is done, the message below included.
    for bucket in 0..16 {
        let stream = jetstream.get_stream(format!("hydra_local_B_{bucket:02x}")).await?;
        let everything = pull::Config {
            durable_name: Some("zz-everything".into()),
            ack_policy: AckPolicy::None,
            ..pull::Config::default()
        };
        stream.create_consumer(everything).await?;
    }
    store(&jetstream, "counter/alice", "X-A", "1").await?;
    let host = start(&server)?;
    ensure!(host.reply("counter/alice/get", "").await? == json!(6));
    Ok(())
}
