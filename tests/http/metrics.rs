//! `GET /metrics`: what a host has counted, read as Prometheus reads it.
//! Turns of every outcome are made and then found again, exactly. Never looks at times: they are the machine's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hydra::effects::{Fault, Outcome, StateChange};
use hydra::message::Problem;
use hydra::telemetry::table::{self, Sort};
use hydra::wasm::Handled;
use hydra_tests::http::{Served, api};
use hydra_tests::metrics::Samples;
use hydra_tests::scripted::{Rig, Scripted, actor, broken, ok, reply, sending};

type Result<T = ()> = anyhow::Result<T>;

/// Ends its turns as the subject says.
fn moody() -> Arc<Scripted> {
    let tries = AtomicU32::new(0);
    Scripted::new(move |input| {
        let problem = Problem::new("why", "because");
        match input.message.subject.as_str() {
            "reply" => reply("yes", StateChange::Keep),
            "done" => ok(Outcome::Done, StateChange::Keep, Vec::new()),
            "refuse" => Handled::fault(Fault::Refuse(problem)),
            "fail" => Handled::fault(Fault::Fail(problem)),
            "deny" => Handled::fault(Fault::Denied(problem)),
            "break" => Handled::fault(broken()),
            "later" if tries.fetch_add(1, Ordering::Relaxed) == 0 => {
                Handled::fault(Fault::Retry { problem, after: Some(std::time::Duration::from_millis(1)) })
            }
            "pass" => ok(Outcome::Done, StateChange::Keep, vec![sending(&actor("moody/next"), "done", "")]),
            _ => ok(Outcome::Done, StateChange::Keep, Vec::new()),
        }
    })
}

async fn samples(served: &Served) -> Result<Samples> {
    let response = served.get("/metrics").await?.error_for_status()?;
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    Samples::read(&response.text().await?)
}

#[tokio::test]
async fn every_turn_is_counted_with_its_outcome() -> Result {
    let (_node, api) = api(&Rig::new().with("moody", moody())).await;
    let served = Served::start(api).await?;
    let asked = [("reply", 3), ("done", 2), ("refuse", 4), ("fail", 1), ("deny", 1), ("later", 1), ("pass", 2)];
    for (subject, times) in asked {
        for _ in 0..times {
            served.post(&format!("/v1/actors/moody/a/{subject}"), "secret-body").await?;
        }
    }
    // What was passed on is handled when nobody waits for it.
    let turns = |outcome| [("kind", "moody"), ("outcome", outcome)];
    let told = loop {
        let told = samples(&served).await?;
        let sent = told.value("hydra_messages_sent_total", &[("kind", "moody")]);
        if told.value("hydra_turns_total", &turns("done")) == Some(7.0) && sent == Some(2.0) {
            break told;
        }
        tokio::task::yield_now().await;
    };
    let expected =
        [("replied", 3.0), ("refused", 4.0), ("failed", 1.0), ("denied", 1.0), ("retry", 1.0), ("done", 7.0)];
    let mut of_turns: BTreeMap<&str, f64> = BTreeMap::new();
    for (outcome, count) in expected {
        assert_eq!(told.value("hydra_turns_total", &turns(outcome)), Some(count), "{outcome}");
        of_turns.insert(outcome, count);
    }
    let kind = [("kind", "moody")];
    assert_eq!(told.value("hydra_retries_total", &kind), Some(1.0));
    assert_eq!(told.value("hydra_dead_letters_total", &kind), Some(2.0));
    assert_eq!(told.value("hydra_messages_accepted_total", &kind), Some(14.0));
    assert_eq!(told.value("hydra_turn_seconds_count", &kind), Some(of_turns.values().sum()));
    // A message that is tried again has waited once.
    assert_eq!(told.value("hydra_queue_seconds_count", &kind), Some(of_turns.values().sum::<f64>() - 1.0));
    Ok(())
}

#[tokio::test]
async fn a_host_tells_how_it_is_under_the_names_of_the_table() -> Result {
    let (node, api) = api(&Rig::new().with("moody", moody())).await;
    let served = Served::start(api).await?;
    served.post("/v1/actors/moody/a/pass", "secret-body").await?;
    let told = samples(&served).await?;
    assert_eq!(told.value("hydra_ready", &[]), Some(1.0));
    assert_eq!(told.value("hydra_buckets", &[]), Some(4.0));
    assert!(told.value("hydra_instance_slots_max", &[]) > Some(0.0));
    assert_eq!(told.value("hydra_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), Some(1.0));
    for (name, labels) in told.all() {
        let ends = ["_bucket", "_sum", "_count"];
        let whole = |row: &&table::Row| match row.sort {
            Sort::Histogram => ends.iter().any(|end| *name == format!("{}{end}", row.name)),
            _ => name == row.name,
        };
        let row = table::ALL.iter().find(whole).unwrap_or_else(|| panic!("{name} is not in the table"));
        let own: Vec<&str> = labels.keys().map(String::as_str).filter(|label| *label != "le").collect();
        assert_eq!(own, row.labels, "{name}");
    }
    assert!(!told.text.contains("secret-body") && !told.text.contains("moody/a"), "{}", told.text);
    node.kill();
    Ok(())
}
