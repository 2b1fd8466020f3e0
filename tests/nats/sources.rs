//! Streams of others that are bound to actors: each message once and in order, whatever happens to hosts, stream and settings.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::HeaderMap;
use async_nats::jetstream::stream::{Config, RetentionPolicy};
use async_nats::jetstream::{self, Context as JetStream};
use hydra::backend::nats::Nats;
use hydra::config::Binding;
use hydra::deadletter::{self, DeadLetter};
use hydra::effects::{Outcome, StateChange};
use hydra::id::Seq;
use hydra::node::Node;
use hydra::source::{self, Status};
use hydra_tests::binary;
use hydra_tests::host::Host;
use hydra_tests::nats::NatsServer;
use hydra_tests::scripted::{Rig, Scripted, actor, ok};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{open_with, settings};

/// After so long something that must happen did not.
const TOO_LONG: Duration = Duration::from_secs(60);

/// A source of the stream `ORDERS`, as a host's settings say it.
fn binding(toml: &str) -> Result<Binding> {
    Ok(toml::from_str(&format!("stream = \"ORDERS\"\nsubject = \"created\"\n{toml}"))?)
}

/// Remembers where everything that it got stood in its stream, in the order in which it came.
fn order() -> std::sync::Arc<Scripted> {
    Scripted::new(|input| {
        let mut seen = input.state.clone().map(Vec::from).unwrap_or_default();
        let seq = input.message.headers.get("source-seq").unwrap_or("none");
        seen.extend_from_slice(format!("{seq}={} ", String::from_utf8_lossy(&input.message.body)).as_bytes());
        ok(Outcome::Done, StateChange::Set(seen.into()), Vec::new())
    })
}

/// A server with a foreign stream, and what hosts on it are made of.
struct World {
    server: NatsServer,
    jetstream: JetStream,
    rig: Rig,
    stores: Vec<Nats>,
}

impl World {
    async fn new(config: Config) -> Result<Self> {
        let server = NatsServer::start()?;
        let jetstream = jetstream::new(async_nats::connect(server.url()).await?);
        let config = Config { name: "ORDERS".into(), subjects: vec!["orders.>".into()], ..config };
        jetstream.create_stream(config).await?;
        let mut rig = Rig::new().with("order", order());
        (rig.config.node.heartbeat_ms, rig.config.node.lease_s) = (200, 1);
        Ok(Self { server, jetstream, rig, stores: Vec::new() })
    }

    async fn direct() -> Result<Self> {
        Self::new(Config { allow_direct: true, ..Config::default() }).await
    }

    /// A host with these sources, on a connection of its own.
    async fn start(&mut self, sources: &[&str]) -> Result<Node> {
        self.rig.config.source = sources.iter().map(|toml| binding(toml)).collect::<Result<_>>()?;
        let store = open_with(&settings(&self.server)).await?;
        self.rig.backend = store.backend();
        self.stores.push(store);
        Ok(self.rig.start().await.0)
    }

    async fn publish(&self, subject: &str, body: &str) -> Result<u64> {
        Ok(self.jetstream.publish(subject.to_owned(), body.to_owned().into()).await?.await?.sequence)
    }

    async fn status(&self, toml: &str) -> Result<Status> {
        Ok(source::status(&self.rig.backend, &binding(toml)?).await?)
    }

    /// Waits until a source stands so.
    async fn until(&self, toml: &str, stands: impl Fn(&Status) -> bool) -> Result<Status> {
        let mut last = None;
        let wait = async {
            loop {
                let status = self.status(toml).await?;
                if stands(&status) {
                    return Ok(status);
                }
                last = Some(status);
            }
        };
        timeout(TOO_LONG, wait)
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("too long")))
            .with_context(|| format!("{last:?}"))
    }

    /// What an order has seen, once it has seen so much.
    async fn seen(&self, order: &str, count: usize) -> Result<String> {
        let mut seen = String::new();
        let wait = async {
            while seen.split_whitespace().count() < count {
                let state = self.rig.record(&actor(order)).await.state.unwrap_or_default();
                seen = String::from_utf8_lossy(&state).trim_end().to_owned();
            }
        };
        let waited = timeout(TOO_LONG, wait).await;
        ensure!(waited.is_ok(), "{order} has seen {seen:?}, not {count}");
        Ok(seen)
    }

    async fn letters(&self, count: usize) -> Result<Vec<DeadLetter>> {
        let wait = async {
            loop {
                let letters = deadletter::list(&self.rig.backend, None, Seq(0), 100).await?;
                if letters.len() >= count {
                    return Ok(letters);
                }
            }
        };
        timeout(TOO_LONG, wait).await?
    }
}

const BY_ID: &str = "filter = \"orders.*.created\"\nto = \"order/{1}\"";

#[tokio::test(flavor = "multi_thread")]
async fn messages_reach_the_actors_that_subject_header_and_body_name() -> Result<()> {
    let mut world = World::direct().await?;
    let by_header = "name = \"by-header\"\nfilter = \"orders.*.paid\"\nto = \"order/h-{header:Order}\"";
    let by_body = "name = \"by-body\"\nfilter = \"orders.*.sent\"\nto = \"order/b-{json:/order/id}\"";
    let node = world.start(&[BY_ID, by_header, by_body]).await?;
    world.publish("orders.17.created", "first").await?;
    let mut headers = HeaderMap::new();
    headers.insert("Order", "Zürich 1");
    world.jetstream.publish_with_headers("orders.x.paid", headers, "second".into()).await?.await?;
    world.publish("orders.x.sent", "{\"order\":{\"id\":5}}").await?;
    world.publish("orders.17.created", "fourth").await?;
    ensure!(world.seen("order/17", 2).await? == "1=first 4=fourth");
    ensure!(world.seen("order/h-Zürich 1", 1).await? == "2=second");
    ensure!(world.seen("order/b-5", 1).await?.starts_with("3={"));
    // Nothing was asked of the stream that its owner would see.
    let info = world.jetstream.get_stream("ORDERS").await?.cached_info().state.clone();
    ensure!((info.consumer_count, info.messages) == (0, 4), "{info:?}");
    node.drain(TOO_LONG).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_hosts_neither_lose_nor_double_nor_reorder() -> Result<()> {
    let mut world = World::direct().await?;
    let (orders, total) = (7, 4_000_usize);
    let mut expected: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut acks = Vec::new();
    for number in 1..=total {
        let subject = format!("orders.{}.created", number % orders);
        acks.push(world.jetstream.publish(subject, number.to_string().into()).await?);
        expected.entry(number % orders).or_default().push(format!("{number}={number}"));
    }
    for ack in acks {
        ack.await?;
    }
    let mut nodes = Vec::new();
    for round in 1..=4_u64 {
        let node = world.start(&[BY_ID]).await?;
        // In the middle of the work: while pulls, commits and outboxes are on their way.
        world.until(BY_ID, |status| status.handed_on >= round * 600).await?;
        node.kill();
        nodes.push(node);
    }
    let node = world.start(&[BY_ID]).await?;
    let done = world.until(BY_ID, |status| status.lag == Some(0) && status.position.is_some()).await?;
    ensure!(done.handed_on == total as u64 && done.missed == 0 && done.trouble.is_none(), "{done:?}");
    for (order, expected) in expected {
        let seen = world.seen(&format!("order/{order}"), expected.len()).await?;
        ensure!(seen == expected.join(" "), "order/{order} has seen {seen}");
    }
    ensure!(world.letters(0).await?.is_empty());
    node.drain(TOO_LONG).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_trimmed_unread_is_told_and_read_on() -> Result<()> {
    let mut world = World::direct().await?;
    let node = world.start(&[BY_ID]).await?;
    world.publish("orders.1.created", "a").await?;
    world.seen("order/1", 1).await?;
    node.drain(TOO_LONG).await;
    for body in ["b", "c", "d", "e"] {
        world.publish("orders.1.created", body).await?;
    }
    world.jetstream.get_stream("ORDERS").await?.purge().sequence(4).await?;
    let node = world.start(&[BY_ID]).await?;
    ensure!(world.seen("order/1", 3).await? == "1=a 4=d 5=e");
    let status = world.until(BY_ID, |status| status.missed > 0).await?;
    let missed = status.last_missed.clone().context("what was missed")?;
    ensure!((status.missed, missed.from, missed.to) == (2, Seq(2), Seq(3)), "{status:?}");
    // Emptied altogether, it is only read on.
    world.jetstream.get_stream("ORDERS").await?.purge().await?;
    world.publish("orders.1.created", "f").await?;
    ensure!(world.seen("order/1", 4).await?.ends_with("5=e 6=f"));
    node.drain(TOO_LONG).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_made_anew_stops_its_source_until_a_human_decides() -> Result<()> {
    let mut world = World::direct().await?;
    let waiting = world.start(&[BY_ID]).await?;
    world.publish("orders.1.created", "a").await?;
    world.seen("order/1", 1).await?;
    let config = world.jetstream.get_stream("ORDERS").await?.cached_info().config.clone();
    world.jetstream.delete_stream("ORDERS").await?;
    let missing = |status: &Status| status.trouble.as_ref().is_some_and(|trouble| trouble.contains("no stream ORDERS"));
    world.until(BY_ID, missing).await?;
    world.jetstream.create_stream(config).await?;
    world.publish("orders.1.created", "new").await?;
    let stopped = world.until(BY_ID, |status| !missing(status) && status.trouble.is_some()).await?;
    ensure!(stopped.trouble.as_ref().is_some_and(|trouble| trouble.contains("made anew")), "{stopped:?}");
    waiting.drain(TOO_LONG).await;
    let restart = format!("{BY_ID}\non_recreated = \"restart\"");
    let node = world.start(&[&restart]).await?;
    ensure!(world.seen("order/1", 2).await? == "1=a 1=new");
    node.drain(TOO_LONG).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_no_actor_is_a_dead_letter_and_fits_once_the_settings_are_right() -> Result<()> {
    let mut world = World::direct().await?;
    let wrong = "filter = \"orders.*.*\"\nto = \"order/{header:Order}\"";
    let node = world.start(&[wrong]).await?;
    world.publish("orders.9.created", "lost").await?;
    world.publish("orders.9.large", &"x".repeat(300 << 10)).await?;
    let mut headers = HeaderMap::new();
    headers.insert("Order", "good");
    world.jetstream.publish_with_headers("orders.9.paid", headers, "found".into()).await?.await?;
    ensure!(world.seen("order/good", 1).await? == "3=found");
    let letters = world.letters(2).await?;
    let told: Vec<_> = letters.iter().map(|letter| (letter.actor.to_string(), letter.reason.as_str())).collect();
    let of = |reason| ("sys-source/ORDERS".to_owned(), reason);
    ensure!(told == [of("no-actor"), of("too-large")], "{letters:?}");
    ensure!(letters[0].text.contains("{header:Order}") && letters[0].body_bytes == 4, "{letters:?}");
    let status = world.status(wrong).await?;
    ensure!((status.handed_on, status.misfits) == (1, 2), "{status:?}");
    node.drain(TOO_LONG).await;
    let node = world.start(&["filter = \"orders.*.*\"\nto = \"order/{1}\""]).await?;
    deadletter::replay(&world.rig.backend, &node.client(), &letters[0].id).await?.context("replayed")?;
    ensure!(world.seen("order/9", 1).await? == "1=lost");
    node.drain(TOO_LONG).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_taken_out_of_the_settings_keeps_its_position() -> Result<()> {
    // Without direct gets, and on a stream that gives each message to one consumer.
    let mut world = World::new(Config { retention: RetentionPolicy::WorkQueue, ..Config::default() }).await?;
    let node = world.start(&[BY_ID]).await?;
    world.publish("orders.1.created", "a").await?;
    world.publish("orders.1.created", "b").await?;
    ensure!(world.seen("order/1", 2).await? == "1=a 2=b");
    node.drain(TOO_LONG).await;
    let node = world.start(&[]).await?;
    world.publish("orders.1.created", "c").await?;
    timeout(TOO_LONG, async {
        while node.ready().is_err() {
            tokio::task::yield_now().await
        }
    })
    .await?;
    ensure!(world.status(BY_ID).await?.lag == Some(1));
    node.drain(TOO_LONG).await;
    let node = world.start(&[BY_ID]).await?;
    ensure!(world.seen("order/1", 3).await? == "1=a 2=b 3=c");
    node.drain(TOO_LONG).await;
    Ok(())
}

const SETTINGS: &str =
    "[[source]]\nstream = \"ORDERS\"\nfilter = \"orders.*.items\"\nto = \"counter/{1}\"\nsubject = \"add\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_user_binds_a_stream_and_sees_how_far_it_was_read() -> Result<()> {
    let server = NatsServer::start()?;
    let jetstream = jetstream::new(async_nats::connect(server.url()).await?);
    let subjects = vec!["orders.>".into()];
    jetstream
        .create_stream(Config { name: "ORDERS".into(), subjects, allow_direct: true, ..Config::default() })
        .await?;
    std::fs::write(server.folder().join("hydra.toml"), SETTINGS)?;
    let host: Host = super::host::start(&server)?;
    host.deploy("counter", "counter", None)?;
    for body in ["5", "2", "x"] {
        jetstream.publish("orders.alice.items", body.into()).await?.await?;
    }
    let handed_on = |shown: &Value| shown[0]["handed_on"] == json!(3);
    let shown: Value = host.eventually(&["source", "ls"], handed_on)?;
    ensure!(shown[0]["name"] == json!("ORDERS") && shown[0]["position"] == json!(3), "{shown}");
    ensure!(shown[0]["lag"] == json!(0) && shown[0]["trouble"].is_null(), "{shown}");
    let lines = host.hydra(&["source", "ls"])?;
    ensure!(lines.contains("ORDERS") && lines.contains("HANDED-ON"), "{lines}");
    host.eventually(&["dlq", "ls"], |letters| letters["dead_letters"][0]["actor"] == json!("counter/alice"))?;
    ensure!(host.reply("counter/alice/get", "").await? == json!(7));
    let found = host.json(&["doctor"])?;
    let source = found.as_array().and_then(|found| found.iter().find(|one| one["what"] == "source"));
    ensure!(source.is_some_and(|one| one["verdict"] == "ok"), "{found}");
    let state = host.hydra(&["state", "get", "sys-source/ORDERS"])?;
    ensure!(serde_json::from_str::<Value>(&state)?["seq"] == json!(3), "{state}");
    Ok(())
}

#[test]
fn a_source_needs_nats() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("hydra.toml"), SETTINGS)?;
    let ran = binary::run(binary::command()?.arg("host").current_dir(folder.path()))?;
    ensure!(
        ran.code == Some(1) && ran.stderr.contains("embedded store") && ran.stderr.contains("nats.urls"),
        "{ran:?}"
    );
    let wrong = SETTINGS.replace("counter/{1}", "counter/{1").replace("filter", "fliter");
    std::fs::write(folder.path().join("hydra.toml"), wrong)?;
    let ran = binary::run(binary::command()?.args(["config", "check"]).current_dir(folder.path()))?;
    ensure!(ran.code == Some(1) && ran.stdout.contains("source.0"), "{ran:?}");
    Ok(())
}
