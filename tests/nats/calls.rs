//! What any NATS client can do: send, ask, and be told what it did wrong, without knowing anything of streams.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::{Client, HeaderMap, Message};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use hydra_tests::nats::NatsServer;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::host::start;

async fn request(client: &Client, subject: &str, headers: HeaderMap, body: &'static str) -> Result<Message> {
    let answer = client.request_with_headers(subject.to_owned(), headers, Bytes::from_static(body.as_bytes())).await;
    answer.with_context(|| format!("no answer on {subject}"))
}

fn header<'a>(message: &'a Message, name: &str) -> &'a str {
    message.headers.as_ref().and_then(|headers| headers.get(name)).map_or("", |value| value.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_client_asks_and_sends() -> Result<()> {
    let server = NatsServer::start()?;
    let host = start(&server)?;
    host.deploy("counter", "counter", None)?;
    let client = async_nats::connect(server.url()).await?;
    let answer = request(&client, "hydra.local.ask.counter.alice.add", HeaderMap::new(), "5").await?;
    ensure!(header(&answer, "Hydra-Status") == "replied" && &answer.payload[..] == b"5", "{answer:?}");
    let accepted = request(&client, "hydra.local.send.counter.alice.add", HeaderMap::new(), "2").await?;
    ensure!(
        header(&accepted, "Hydra-Status") == "accepted" && !header(&accepted, "Hydra-Id").is_empty(),
        "{accepted:?}"
    );
    let answer = request(&client, "hydra.local.ask.counter.alice.get", HeaderMap::new(), "").await?;
    ensure!(&answer.payload[..] == b"7", "{answer:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_connection_keep_their_order_though_nobody_waits() -> Result<()> {
    let server = NatsServer::start()?;
    let host = start(&server)?;
    host.deploy("echo", "echo", None)?;
    let client = async_nats::connect(server.url()).await?;
    let inbox = client.new_inbox();
    let answers = client.subscribe(inbox.clone()).await?;
    for number in 0..500_u32 {
        client.publish_with_reply("hydra.local.ask.echo.list.any", inbox.clone(), number.to_string().into()).await?;
    }
    let answers: Vec<Message> = timeout(Duration::from_secs(30), answers.take(500).collect()).await?;
    let expected = (0..500).map(|number: u32| number.to_string());
    ensure!(answers.iter().map(|answer| &answer.payload[..]).eq(expected.map(String::into_bytes)), "{answers:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_id_is_one_effect_however_much_later() -> Result<()> {
    let server = NatsServer::start()?;
    let host = start(&server)?;
    host.deploy("counter", "counter", None)?;
    let client = async_nats::connect(server.url()).await?;
    for _ in 0..3 {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", "order-17");
        let answer = request(&client, "hydra.local.ask.counter.bob.add", headers, "5").await?;
        ensure!(&answer.payload[..] == b"5", "{answer:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_mistake_is_told_at_once() -> Result<()> {
    let server = NatsServer::start()?;
    let host = start(&server)?;
    host.deploy("counter", "counter", None)?;
    let client = async_nats::connect(server.url()).await?;
    for (subject, problem) in [
        ("hydra.local.ask.nobody.x.add", "unknown-kind"),
        ("hydra.local.send.nobody.x.add", "unknown-kind"),
        ("hydra.local.ask.counter.alice", "malformed"),
        ("hydra.local.ask.counter.=zz.add", "malformed"),
        ("hydra.local.ask.counter.=61lice.add", "malformed"),
        ("hydra.local.ask.Counter.alice.add", "malformed"),
    ] {
        let answer = request(&client, subject, HeaderMap::new(), "5").await?;
        let told: Value = serde_json::from_slice(&answer.payload)?;
        ensure!(
            header(&answer, "Hydra-Status") == "refused" && told["code"] == json!(problem),
            "{subject}: {answer:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_never_goes_where_it_could_command_the_server() -> Result<()> {
    let server = NatsServer::start()?;
    let host = start(&server)?;
    host.deploy("counter", "counter", None)?;
    let client = async_nats::connect(server.url()).await?;
    let mut listening = client.subscribe("elsewhere.>").await?;
    for reply in ["$JS.API.STREAM.DELETE.hydra_local_B_00", "elsewhere.inbox"] {
        client.publish_with_reply("hydra.local.ask.counter.carol.add", reply, "1".into()).await?;
        client.publish_with_reply("hydra.local.send.counter.carol.add", reply, "1".into()).await?;
    }
    // The asks are refused, for nobody may hear of them; the sends are accepted, and nobody is told.
    let answer = request(&client, "hydra.local.ask.counter.carol.get", HeaderMap::new(), "").await?;
    ensure!(&answer.payload[..] == b"2", "{answer:?}");
    let jetstream = async_nats::jetstream::new(client);
    jetstream.get_stream("hydra_local_B_00").await.context("the stream is still there")?;
    ensure!(listening.next().now_or_never().is_none(), "somebody was told");
    Ok(())
}
