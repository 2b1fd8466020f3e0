//! Real hosts that call the outside: the samples `saga` and `webhook` against a server of the test's own, and hosts that are
//! killed between a call and its commit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hydra_tests::binary;
use hydra_tests::host::Host;
use hydra_tests::origin::{Origin, Reply, Seen, answer};
use serde_json::{Value, json};

/// Every step at which a call, its commit and what follows from it are told apart.
const STEPS: [&str; 6] =
    ["before-record", "record-written", "outbox-entry", "before-outbox", "outbox-stored", "turns-done"];
/// A host is killed at most so often at each step: an order takes fewer turns.
const TIMES: u32 = 8;
/// What does not happen within this time does not happen.
const PATIENCE: Duration = Duration::from_secs(120);
const SECRET: &str = "s3cret-of-the-host";

/// Takes and gives back money: what each order paid, and how often its requests came.
#[derive(Default)]
struct Bank {
    charged: BTreeSet<String>,
    refunded: BTreeSet<String>,
    /// By idempotency key.
    requests: BTreeMap<String, u32>,
}

impl Bank {
    fn answer(&mut self, seen: &Seen) -> Reply {
        if seen.headers.get("authorization") != Some(&format!("Bearer {SECRET}")) {
            return answer(401, "who are you?");
        }
        *self.requests.entry(seen.headers["idempotency-key"].clone()).or_default() += 1;
        let (what, order) = seen.path.trim_start_matches("/v1/").split_once('/').unwrap_or_default();
        match what {
            "charges" if order.starts_with("poor") => return answer(402, "no money"),
            "charges" => self.charged.insert(order.into()),
            "refunds" => self.refunded.insert(order.into()),
            _ => return answer(404, "no such thing"),
        };
        answer(201, "")
    }

    /// Whether an order cost its customer money.
    fn is_paid(&self, order: &str) -> bool {
        self.charged.contains(order) && !self.refunded.contains(order)
    }
}

/// The bank, and a folder whose hosts call it as `payments`.
async fn bank() -> Result<(tempfile::TempDir, Origin, Arc<Mutex<Bank>>)> {
    let (folder, bank) = (tempfile::tempdir()?, Arc::new(Mutex::new(Bank::default())));
    let shared = bank.clone();
    let origin = Origin::start(move |seen, _| shared.lock().expect("a bank").answer(seen)).await?;
    settle(folder.path(), &[("payments", &origin.url)])?;
    Ok((folder, origin, bank))
}

/// Writes the settings of the folder's hosts.
fn settle(folder: &Path, endpoints: &[(&str, &str)]) -> Result<()> {
    let endpoint = |(name, url): &(&str, &str)| {
        let header = "headers.authorization = { env = \"SECRET_OF_TESTS\", prefix = \"Bearer \" }";
        format!("[[endpoint]]\nname = {name:?}\norigin = {url:?}\nprivate = true\n{header}\n")
    };
    let endpoints: String = endpoints.iter().map(endpoint).collect();
    Ok(std::fs::write(folder.join("hydra.toml"), format!("[store]\ndurability = \"os\"\n{endpoints}"))?)
}

/// Starts a host in the folder, to be killed at this step if there is one. An error: it ended while it started.
fn start(folder: &Path, crash_at: Option<&str>) -> Result<Host> {
    let mut command = binary::command()?;
    command.args(["host", "--http", "127.0.0.1:0", "--data", "store", "--log", "info,hydra=debug"]);
    command.current_dir(folder).env("SECRET_OF_TESTS", SECRET).envs(crash_at.map(|at| ("HYDRA_CRASH_AT", at)));
    Host::run(&mut command)
}

fn order(amount: u32) -> String {
    json!({ "item": "tea", "amount": amount, "cents": 500 }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn saga() -> Result<()> {
    let (folder, _origin, bank) = bank().await?;
    let host = start(folder.path(), None)?;
    host.deploy("stock", "stock", None)?;
    // Without its manifest it has no grants.
    host.deploy("saga", "saga", None)?;
    let ended = host.reply("saga/early/place?timeout=60s", &order(1)).await?;
    ensure!(
        ended["step"] == "cancelled" && ended["why"].as_str().is_some_and(|why| why.contains("http = [\"payments\"]"))
    );
    host.deploy("saga", "saga", Some(&hydra_tests::host::sample_folder("saga").join("actor.toml")))?;
    host.hydra(&["ask", "stock/tea", "put", "10"])?;
    assert_eq!(host.reply("saga/o1/place?timeout=60s", &order(3)).await?, json!({ "step": "shipped" }));
    let ended = host.reply("saga/o2/place?timeout=60s", &order(99)).await?;
    ensure!(
        ended["step"] == "cancelled" && ended["why"].as_str().is_some_and(|why| why.starts_with("no goods")),
        "{ended}"
    );
    let ended = host.reply("saga/poor/place?timeout=60s", &order(1)).await?;
    assert_eq!(ended, json!({ "step": "cancelled", "why": "not paid: no money" }));
    assert_eq!(host.hydra(&["ask", "stock/tea", "count"])?, "7");
    {
        let bank = bank.lock().expect("a bank");
        ensure!(bank.is_paid("o1") && !bank.is_paid("o2") && !bank.is_paid("poor") && !bank.is_paid("early"));
    }
    // Neither actor nor log has seen the secret.
    for id in ["o1", "o2", "poor"] {
        ensure!(!host.hydra(&["state", "get", &format!("saga/{id}")])?.contains(SECRET));
    }
    let log = host.log()?;
    ensure!(!log.contains(SECRET) && !log.contains("/v1/charges"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_whose_host_is_killed_at_every_step_ends_paid_and_shipped_or_neither() -> Result<()> {
    let (folder, _origin, bank) = bank().await?;
    let host = start(folder.path(), None)?;
    host.deploy("stock", "stock", None)?;
    host.deploy("saga", "saga", Some(&hydra_tests::host::sample_folder("saga").join("actor.toml")))?;
    host.hydra(&["ask", "stock/tea", "put", "1000"])?;
    host.kill()?;
    let (mut orders, mut crashes) = (Vec::new(), 0);
    for step in STEPS {
        for nth in 1..=TIMES {
            // What is not to be had has the longer way: it is paid back.
            let id = format!("{step}-{nth}");
            let amount = if nth % 2 == 0 { 1 } else { 5_000 };
            // An order before this one may lead to the step while the host starts.
            let Ok(host) = start(folder.path(), Some(&format!("{step}:{nth}"))) else {
                crashes += 1;
                continue;
            };
            let placed = host.ask(&format!("saga/{id}/place?send"), order(amount)).await;
            orders.push((id.clone(), amount, placed.is_ok()));
            if step_of(&host, &id).await.is_some() {
                // It ended before the step came so often.
                host.kill()?;
                break;
            }
            crashes += 1;
        }
    }
    ensure!(crashes >= STEPS.len(), "only {crashes} crashes");
    let host = start(folder.path(), None)?;
    let mut shipped = 0;
    for (id, amount, was_accepted) in &orders {
        let actor = format!("saga/{id}");
        let is_known = host.command(&["actor", "show", &actor])?.output()?.status.success();
        ensure!(is_known || !was_accepted, "{actor} was accepted and is not there");
        let step = if is_known { step_of(&host, id).await.context("the host ended")? } else { "never placed".into() };
        let is_paid = bank.lock().expect("a bank").is_paid(id);
        ensure!(is_paid == (step == "shipped"), "{actor}: {step}, paid: {is_paid}");
        shipped += if step == "shipped" { *amount } else { 0 };
    }
    assert_eq!(host.hydra(&["ask", "stock/tea", "count"])?, (1_000 - shipped).to_string());
    // A call whose host died before its commit went out again, with the same key.
    let bank = bank.lock().expect("a bank");
    ensure!(bank.requests.values().any(|times| *times > 1), "no call was made twice in {crashes} crashes");
    Ok(())
}

/// How an order ended, once it has. None: the host ended before.
async fn step_of(host: &Host, id: &str) -> Option<String> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        // Looking at the state takes no turn, so it brings no step nearer.
        let path = format!("/v1/actors/saga/{id}/state");
        let state = host.request(reqwest::Method::GET, &path).send().await.ok()?.bytes().await.ok()?;
        let state: Value = serde_json::from_slice(&state).unwrap_or_default();
        if let Some(step) = state["step"].as_str().filter(|step| matches!(*step, "shipped" | "cancelled")) {
            return Some(step.into());
        }
        tokio::task::yield_now().await;
    }
    panic!("{id} does not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook() -> Result<()> {
    let (folder, delivered) = (tempfile::tempdir()?, Arc::new(Mutex::new(Vec::new())));
    let noted = delivered.clone();
    let origin = Origin::start(move |seen, _| match seen.path.as_str() {
        "/v1/events/evt_1" => answer(200, r#"{"id":"evt_1","cents":500}"#),
        "/hooks/a" | "/hooks/b" => {
            noted.lock().expect("deliveries").push((
                seen.path.clone(),
                seen.headers["idempotency-key"].clone(),
                seen.body.clone(),
            ));
            answer(if seen.path.ends_with('a') { 204 } else { 410 }, "")
        }
        _ => answer(404, ""),
    });
    let origin = origin.await?;
    settle(folder.path(), &[("provider", &origin.url), ("subscribers", &origin.url)])?;
    let host = start(folder.path(), None)?;
    host.deploy("webhook", "webhook", Some(&hydra_tests::host::sample_folder("webhook").join("actor.toml")))?;
    for path in ["\"/hooks/a\"", "\"/hooks/b\""] {
        host.hydra(&["ask", "webhook/shop", "subscribe", path])?;
    }
    for (id, cents) in [("evt_1", 1), ("evt_forged", 2), ("evt_1", 3)] {
        let hint = json!({ "id": id, "cents": cents }).to_string();
        host.ask("webhook/shop/received", hint).await?.error_for_status()?;
    }
    let wanted = r#"{"subscribers":{"/hooks/a":{"delivered":1,"failed":0},"/hooks/b":{"delivered":0,"failed":1}},"false_hints":1}"#;
    host.eventually(&["ask", "webhook/shop", "show"], |shown| shown["body"]["text"] == wanted)?;
    let endpoints = host.json(&["endpoint", "ls"])?;
    let shown =
        |at: usize| (endpoints[at]["name"].clone(), endpoints[at]["breaker"].clone(), endpoints[at]["calls"].clone());
    assert_eq!(shown(0), (json!("provider"), json!("closed"), json!(0)));
    assert_eq!(shown(1).0, "subscribers");
    let mut delivered = delivered.lock().expect("deliveries").clone();
    delivered.sort();
    let event = |path: &str| (path.to_owned(), "evt_1".to_owned(), r#"{"id":"evt_1","cents":500}"#.to_owned());
    assert_eq!(delivered, [event("/hooks/a"), event("/hooks/b")]);
    Ok(())
}
