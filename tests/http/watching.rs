//! What is seen of a host over HTTP: the last turns of an actor, whose were slow or failed, and what holds a bucket up.

use std::time::Duration;

use hydra::effects::{Fault, StateChange};
use hydra::http::view::{Actors, Buckets, Kinds, Ranking};
use hydra::inquiry::History;
use hydra::message::Problem;
use hydra::wasm::Handled;
use hydra_tests::http::{Served, api, problem};
use hydra_tests::scripted::{Rig, Scripted, counter, reply};
use reqwest::Method;

type Result<T = ()> = anyhow::Result<T>;

/// Waits until a host serves: hosts that share a store take their buckets a moment after their start.
async fn ready(served: &Served) -> Result {
    while served.get("/readyz").await?.status() != 200 {
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn history(served: &Served, actor: &str) -> Result<History> {
    Ok(served.get(&format!("/v1/actors/{actor}/history")).await?.json().await?)
}

fn picky() -> std::sync::Arc<Scripted> {
    Scripted::new(|input| match input.message.subject.as_str() {
        "bad" => Handled::fault(Fault::Fail(Problem::new("bad", "never"))),
        "hold" => Handled::fault(Fault::Suspend(Problem::new("held", "a human must look"))),
        _ => reply("ok", StateChange::Keep),
    })
}

#[tokio::test]
async fn the_last_turns_of_an_actor_are_told_without_its_bodies() -> Result {
    let rig = Rig::new().with("counter", counter()).with("picky", picky());
    let (_node, api) = api(&rig).await;
    let served = Served::start(api).await?;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let asked = served.request(Method::POST, "/v1/actors/counter/a%2Fb/add").header("traceparent", trace);
    let id = asked.body("5").send().await?.headers()["hydra-message"].to_str()?.to_owned();
    served.post("/v1/actors/counter/a%2Fb/get", "").await?;
    let told = history(&served, "counter/a%2Fb").await?;
    let turns: Vec<(&str, &str, bool)> =
        told.turns.iter().map(|one| (one.turn.subject.as_str(), &*one.turn.outcome, one.turn.effects.state)).collect();
    assert_eq!(turns, [("add", "replied", true), ("get", "replied", false)]);
    let first = &told.turns[0];
    assert_eq!((first.turn.message.as_str(), first.turn.attempt), (id.as_str(), 1));
    assert_eq!(first.turn.trace.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    assert_eq!((told.silent.len(), told.actor.to_string()), (0, "counter/a/b".into()));
    assert_eq!(history(&served, "counter/never").await?.turns, []);
    let elsewhere = problem(served.get("/v1/actors/counter/a%2Fb/past").await?).await?;
    assert_eq!((elsewhere.status, &*elsewhere.kind), (405, "urn:hydra:method-not-allowed"));
    Ok(())
}

#[tokio::test]
async fn whichever_host_ran_them_the_turns_are_told_by_any() -> Result {
    let mut rig = Rig::new().with("counter", counter());
    rig.backend.exclusive = false;
    rig.config.node.name = "one".into();
    let (first_node, first) = api(&rig).await;
    let first = Served::start(first).await?;
    ready(&first).await?;
    rig.config.node.name = "other".into();
    let (_other_node, other) = api(&rig).await;
    let other = Served::start(other).await?;
    for served in [&first, &other] {
        assert_eq!(served.post("/v1/actors/counter/a/add", "1").await?.status(), 200);
    }
    // The second host may not have said that it lives, and takes up nothing while the first does.
    let told = history(&other, "counter/a").await?;
    let nodes: Vec<&str> = told.turns.iter().map(|one| one.node.as_str()).collect();
    assert_eq!((nodes, told.silent), (vec!["one", "one"], vec![]));
    // A host that was killed is missed for as long as its row lives, and named.
    first_node.kill();
    let told = history(&other, "counter/a").await?;
    assert_eq!((told.turns, told.silent), (vec![], vec!["one".to_owned()]));
    Ok(())
}

#[tokio::test]
async fn the_slow_and_the_failing_are_ranked() -> Result {
    let rig = Rig::new().with("counter", counter()).with("picky", picky());
    let (_node, api) = api(&rig).await;
    let served = Served::start(api).await?;
    for (path, status) in [("picky/a/bad", 422), ("picky/b/good", 200), ("picky/b/bad", 422), ("picky/b/bad", 422)] {
        assert_eq!(served.post(&format!("/v1/actors/{path}"), "").await?.status(), status);
    }
    served.post("/v1/actors/counter/c/add", "1").await?;
    let failing: Ranking = served.get("/v1/turns?order=failing").await?.json().await?;
    let ranked: Vec<(String, usize, usize)> =
        failing.actors.iter().map(|one| (one.actor.to_string(), one.turns, one.failed)).collect();
    assert_eq!(ranked, [("picky/b".into(), 3, 2), ("picky/a".into(), 1, 1)]);
    let slowest: Ranking = served.get("/v1/turns?order=slowest&kind=counter&limit=1").await?.json().await?;
    assert_eq!(slowest.actors.len(), 1);
    assert_eq!(slowest.actors[0].actor.to_string(), "counter/c");
    for wrong in ["", "?order=loudest", "?order=slowest&limit=0", "?order=slowest&kind=A"] {
        assert_eq!(served.get(&format!("/v1/turns{wrong}")).await?.status(), 400, "{wrong}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn buckets_tell_who_serves_them_and_who_is_held_up() -> Result {
    let rig = Rig::new().with("picky", picky());
    let (_node, api) = api(&rig).await;
    let served = Served::start(api).await?;
    assert_eq!(served.post("/v1/actors/picky/a/hold", "").await?.status(), 503);
    served.post("/v1/actors/picky/a/wait?send", "").await?;
    let held: Actors = served.get("/v1/actors?status=suspended").await?.json().await?;
    assert_eq!(held.actors.len(), 1);
    let active: Actors = served.get("/v1/actors?status=active").await?.json().await?;
    assert_eq!(active.actors, []);
    let mut told: Buckets = served.get("/v1/buckets").await?.json().await?;
    assert!(told.buckets.len() == 4 && told.buckets.iter().all(|bucket| bucket.node.as_ref() == Some(&told.node)));
    while told.parked.is_empty() {
        tokio::time::advance(Duration::from_secs(1)).await;
        told = served.get("/v1/buckets").await?.json().await?;
    }
    let parked = &told.parked[0];
    assert_eq!((parked.actor.to_string(), parked.messages), ("picky/a".into(), 2));
    assert_eq!(parked.reason.as_ref().map(|reason| reason.code.as_str()), Some("held"));
    assert_eq!(told.buckets.iter().map(|bucket| bucket.parked).sum::<usize>(), 1);
    Ok(())
}

#[tokio::test]
async fn a_kind_that_loads_has_no_trouble() -> Result {
    let rig = Rig::new().with("counter", counter());
    let (_node, api) = api(&rig).await;
    let served = Served::start(api).await?;
    let kinds: Kinds = served.get("/v1/kinds").await?.json().await?;
    assert!(!kinds.kinds.is_empty() && kinds.kinds.iter().all(|kind| kind.trouble.is_none()));
    Ok(())
}

#[tokio::test]
async fn the_dashboard_is_open_and_lets_a_browser_run_nothing_else() -> Result {
    let rig = Rig::new();
    let (_node, mut api) = api(&rig).await;
    api.config.token = Some("0123456789abcdef".into());
    let served = Served::start(api).await?;
    assert_eq!(served.get("/v1/kinds").await?.status(), 401);
    let page = served.get("/dashboard").await?;
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"].to_str()?.to_owned();
    for part in ["default-src 'none'", "script-src 'sha256-", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part) && !policy.contains("unsafe"), "{part}: {policy}");
    }
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert!(page.text().await?.contains("<title>Hydra</title>"));
    assert_eq!(served.post("/dashboard", "").await?.status(), 405);
    Ok(())
}
