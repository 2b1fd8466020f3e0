//! Sinks: actors publish on subjects of others, where they are granted and nowhere else, under an id that every repeat shares.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::jetstream::{self, stream::Config};
use bytes::Bytes;
use hydra::config::Sink;
use hydra::deadletter;
use hydra::effects::{Outcome, Send, StateChange};
use hydra::id::Seq;
use hydra::manifest::Manifest;
use hydra::message::Headers;
use hydra_tests::nats::NatsServer;
use hydra_tests::scripted::{Rig, Scripted, actor, ok, request, sending};
use tokio::time::timeout;

use crate::{open_with, settings};

/// After so long something that must happen did not.
const TOO_LONG: Duration = Duration::from_secs(60);

/// Publishes its body on the subject that the body's first word names, through the sink that its second one names.
fn publisher(grants: &str) -> Result<std::sync::Arc<Scripted>> {
    let manifest = Manifest::parse(&format!("[grants]\nnats = {grants}"))?;
    Ok(Scripted::granted(manifest, |input| {
        let body = String::from_utf8_lossy(&input.message.body).into_owned();
        let (subject, sink) = body.split_once(' ').expect("a subject and a sink");
        let mut headers = Headers::default();
        headers.push("subject", subject);
        headers.push("x-own", "1");
        let send = Send { headers, ..sending(&actor(&format!("sys-nats/{sink}/a")), "publish", Bytes::from("paid")) };
        ok(Outcome::Done, StateChange::Keep, vec![send])
    }))
}

#[tokio::test]
async fn what_an_actor_publishes_reaches_the_stream_that_takes_it() -> Result<()> {
    let server = NatsServer::start()?;
    let jetstream = jetstream::new(async_nats::connect(server.url()).await?);
    let config = Config { name: "BILLING".into(), subjects: vec!["billing.>".into()], ..Config::default() };
    let stream = jetstream.create_stream(config).await?;
    let mut rig = Rig::new().with("order", publisher("[\"out\"]")?).with("stranger", publisher("[]")?);
    let sinks = [("out", "billing.*.paid"), ("other", "billing.>")];
    rig.config.sink = sinks.map(|(name, subjects)| Sink { name: name.into(), subjects: subjects.into() }).into();
    let store = open_with(&settings(&server)).await?;
    rig.backend = store.backend();
    let (node, _) = rig.start().await;
    for (who, what) in [
        ("order/7", "billing.7.paid out"),
        ("order/7", "billing.7.open out"),
        ("order/7", "hydra.local.msg out"),
        ("order/7", "billing.7.paid other"),
        ("stranger/7", "billing.7.paid out"),
    ] {
        node.client().send(request(who, "go", what)).await?;
    }
    // Nobody waits for what a plain send comes to: what is refused is a dead letter.
    let reasons = async {
        loop {
            let letters = deadletter::list(&rig.backend, None, Seq(0), 10).await?;
            if letters.len() == 4 {
                let mut reasons: Vec<String> = letters.into_iter().map(|letter| letter.reason).collect();
                reasons.sort();
                return anyhow::Ok(reasons);
            }
            tokio::task::yield_now().await;
        }
    };
    let reasons = timeout(TOO_LONG, reasons).await.context("four dead letters")??;
    assert_eq!(reasons, ["bad-subject", "bad-subject", "not-granted", "not-granted"]);
    let published = async {
        loop {
            match stream.get_raw_message(1).await {
                Ok(message) => return message,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let published = timeout(TOO_LONG, published).await.context("a message")?;
    assert_eq!((published.subject.as_str(), published.payload.as_ref()), ("billing.7.paid", b"paid".as_slice()));
    let header = |name: &str| published.headers.get(name).map(ToString::to_string).unwrap_or_default();
    ensure!(header("x-own") == "1" && header("Nats-Msg-Id").len() == 32 && header("subject").is_empty());
    ensure!(stream.get_info().await?.state.last_sequence == 1, "only that one");
    node.drain(TOO_LONG).await;
    store.close().await;
    Ok(())
}
