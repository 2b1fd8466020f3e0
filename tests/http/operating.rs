//! What operators see and do over HTTP: actors, state, dead letters, kinds, events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hydra::deadletter::DeadLetter;
use hydra::effects::{Effects, Fault, Outcome, StateChange};
use hydra::events::Event;
use hydra::http::view::{Accepted, Actor, ActorStatus, Actors, DeadLetters, Kinds, Timer, Timers, TimersOf};
use hydra::message::Problem;
use hydra::node::Node;
use hydra::timer::{Missed, When};
use hydra::wasm::Handled;
use hydra_tests::http::{Served, api, problem};
use hydra_tests::scripted::{Rig, Scripted, counter, ok, reply};
use reqwest::Method;
use reqwest::multipart::{Form, Part};

type Result<T = ()> = anyhow::Result<T>;

/// Counts, but for the subject `bad`, which can never be handled.
async fn served() -> Result<(Arc<Node>, Served)> {
    let picky = Scripted::new(|input| match input.message.subject.as_str() {
        "bad" => Handled::fault(Fault::Fail(Problem::new("bad", "never"))),
        _ => reply("ok", StateChange::Keep),
    });
    let rig = Rig::new().with("counter", counter()).with("picky", picky).with("clock", clock());
    let (node, api) = api(&rig).await;
    Ok((node, Served::start(api).await?))
}

/// Sets the timer that its message names, an hour from now.
fn clock() -> Arc<Scripted> {
    Scripted::new(|input| {
        let mut waits = input.waits.clone();
        let (name, when) = (String::from_utf8_lossy(&input.message.body), When::Every(Duration::from_secs(3_600)));
        waits
            .set(&name, when, Missed::Skip, Bytes::from_static(b"secret"), input.origin, input.now)
            .expect("few timers");
        let handled = ok(Outcome::Done, StateChange::Keep, Vec::new());
        Handled { effects: Effects { waits: Some(waits), ..Effects::default() }, ..handled }
    })
}

#[tokio::test]
async fn timers_are_listed_shown_and_cancelled() -> Result {
    let (_node, served) = served().await?;
    for (id, name) in [("a", "tea"), ("a", "rice"), ("b%2Fc", "tea")] {
        assert_eq!(status(&served, Method::POST, &format!("/v1/actors/clock/{id}/set"), name).await?, 204);
    }
    let all: Timers = served.get("/v1/timers?kind=clock").await?.json().await?;
    let mut named: Vec<String> = all.timers.iter().map(|timer| format!("{} {}", timer.actor, timer.name)).collect();
    named.sort();
    assert_eq!((named, all.next), (vec!["clock/a rice".into(), "clock/a tea".into(), "clock/b/c tea".into()], None));
    let none: Timers = served.get("/v1/timers?kind=counter").await?.json().await?;
    assert_eq!(none.timers, []);
    let first: Timers = served.get("/v1/timers?limit=1").await?.json().await?;
    assert!(first.next.is_some() && !first.timers.is_empty());
    assert_eq!(status(&served, Method::GET, "/v1/timers?after=own.00", "").await?, 400);

    let shown = served.get("/v1/timers/clock/a/tea").await?.text().await?;
    let timer: Timer = serde_json::from_str(&shown)?;
    assert_eq!((timer.schedule.as_str(), timer.missed, timer.body_bytes), ("every 3600000 ms", Missed::Skip, 6));
    assert!(!shown.contains("secret"), "{shown}");
    assert_eq!(status(&served, Method::DELETE, "/v1/timers/clock/a/tea", "").await?, 204);
    for (method, path) in [(Method::DELETE, "/v1/timers/clock/a/tea"), (Method::GET, "/v1/timers/clock/nobody/tea")] {
        let answer = served.request(method, path).send().await?;
        assert_eq!(&*problem(answer).await?.kind, "urn:hydra:unknown-timer", "{path}");
    }
    let left: TimersOf = served.get("/v1/timers/clock/a").await?.json().await?;
    assert_eq!((left.timers.len(), left.requests), (1, 0));
    Ok(())
}

async fn status(served: &Served, method: Method, path: &str, body: &'static str) -> Result<u16> {
    Ok(served.request(method, path).body(body).send().await?.status().as_u16())
}

#[tokio::test]
async fn actors_are_listed_in_pages_shown_and_deleted() -> Result {
    let (_node, served) = served().await?;
    for id in ["a", "b", "c%2Fd", "e"] {
        assert_eq!(status(&served, Method::POST, &format!("/v1/actors/counter/{id}/add"), "5").await?, 200);
    }
    assert_eq!(status(&served, Method::POST, "/v1/actors/picky/a/look", "").await?, 200);

    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page: Actors = served.get(&format!("/v1/actors?kind=counter&limit=3{after}")).await?.json().await?;
        assert!(page.actors.len() <= 3);
        seen.extend(page.actors.iter().map(|actor| actor.actor.to_string()));
        let Some(next) = page.next else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, ["counter/a", "counter/b", "counter/c/d", "counter/e"]);
    let all: Actors = served.get("/v1/actors").await?.json().await?;
    assert_eq!((all.actors.len(), all.next), (5, None));

    let shown: Actor = served.get("/v1/actors/counter/a").await?.json().await?;
    assert_eq!((shown.status, shown.state_bytes), (ActorStatus::Active, Some(1)));
    assert!(shown.cursor.is_some() && shown.version.is_some() && shown.committed.0 > 0);
    assert_eq!(&*problem(served.get("/v1/actors/picky/a/state").await?).await?.kind, "urn:hydra:no-state");

    assert_eq!(status(&served, Method::DELETE, "/v1/actors/counter/a", "").await?, 204);
    for path in ["/v1/actors/counter/a", "/v1/actors/counter/a/state", "/v1/actors/counter/never"] {
        assert_eq!(&*problem(served.get(path).await?).await?.kind, "urn:hydra:unknown-actor", "{path}");
    }
    let left: Actors = served.get("/v1/actors?kind=counter").await?.json().await?;
    assert_eq!(left.actors.len(), 3);
    Ok(())
}

#[tokio::test]
async fn an_actor_is_suspended_corrected_and_resumed() -> Result {
    let (_node, served) = served().await?;
    served.post("/v1/actors/counter/a/add", "5").await?;
    assert_eq!(status(&served, Method::POST, "/v1/admin/actors/counter/a/suspend", "").await?, 204);
    let shown: Actor = served.get("/v1/actors/counter/a").await?.json().await?;
    assert!(shown.status == ActorStatus::Suspended && shown.reason.is_some());
    assert_eq!(status(&served, Method::POST, "/v1/actors/counter/a/add?send", "1").await?, 202);
    assert_eq!(status(&served, Method::PUT, "/v1/admin/actors/counter/a/state", "40").await?, 204);
    assert_eq!(served.get("/v1/actors/counter/a/state").await?.text().await?, "40");
    assert_eq!(status(&served, Method::POST, "/v1/admin/actors/counter/a/resume", "").await?, 204);
    assert_eq!(served.post("/v1/actors/counter/a/add", "1").await?.text().await?, "42");
    let told = problem(served.post("/v1/admin/actors/counter/a/skip", "").await?).await?;
    assert_eq!((told.status, told.code.as_deref()), (422, Some("nothing-to-skip")));
    for (path, kind) in
        [("counter/never/resume", "urn:hydra:unknown-actor"), ("never/a/suspend", "urn:hydra:unknown-kind")]
    {
        let told = problem(served.post(&format!("/v1/admin/actors/{path}"), "").await?).await?;
        assert_eq!((told.status, told.kind.as_ref()), (404, kind), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn dead_letters_are_listed_read_replayed_and_dropped() -> Result {
    let (_node, served) = served().await?;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.extend(problem(served.post("/v1/actors/picky/a/bad", b"\xff\0".to_vec()).await?).await?.dead_letter);
    }
    let first: DeadLetters = served.get("/v1/dead-letters?kind=picky&limit=2").await?.json().await?;
    let next = first.next.expect("a second page");
    let second: DeadLetters = served.get(&format!("/v1/dead-letters?after={next}&limit=2")).await?.json().await?;
    let listed: Vec<_> =
        first.dead_letters.iter().chain(&second.dead_letters).map(|letter| letter.id.clone()).collect();
    assert_eq!((listed, second.next), (ids.clone(), None));
    let other: DeadLetters = served.get("/v1/dead-letters?kind=counter").await?.json().await?;
    assert!(other.dead_letters.is_empty());

    let path = |at: usize, verb: &str| format!("/v1/dead-letters/{}{verb}", ids[at]);
    let shown: DeadLetter = served.get(&path(0, "")).await?.json().await?;
    assert_eq!((&*shown.reason, &*shown.subject, shown.body_bytes), ("bad", "bad", 2));
    assert_eq!(&served.get(&path(0, "/body")).await?.bytes().await?[..], b"\xff\0");
    let replayed = served.post(&path(0, "/replay"), "").await?;
    assert_eq!(replayed.status(), 202);
    assert!(replayed.json::<Accepted>().await?.id.starts_with("in:picky/a:"));
    assert_eq!(status(&served, Method::DELETE, &path(1, ""), "").await?, 204);
    for (method, path) in [
        (Method::GET, path(0, "")),
        (Method::GET, path(1, "/body")),
        (Method::POST, path(1, "/replay")),
        (Method::DELETE, path(1, "")),
        (Method::GET, "/v1/dead-letters/%FE".into()),
        (Method::GET, "/v1/dead-letters/nonsense".into()),
    ] {
        let told = problem(served.request(method.clone(), &path).send().await?).await?;
        assert!(["urn:hydra:unknown-dead-letter", "urn:hydra:bad-name"].contains(&&*told.kind), "{method} {path}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_component_is_refused_with_a_code() -> Result {
    let (_node, served) = served().await?;
    let form = Form::new().part("component", Part::bytes(b"no wasm".as_slice()));
    let request = served.request(Method::POST, "/v1/kinds/thing/versions").multipart(form);
    let told = problem(request.send().await?).await?;
    assert_eq!((told.status, &*told.kind, told.code.as_deref()), (422, "urn:hydra:deploy-refused", Some("not-wasm")));
    for path in ["/v1/kinds/thing", "/v1/kinds/thing/versions"] {
        assert_eq!(&*problem(served.get(path).await?).await?.kind, "urn:hydra:unknown-kind", "{path}");
    }
    let told = problem(served.post("/v1/kinds/thing/rollback", "").await?).await?;
    assert_eq!(&*told.kind, "urn:hydra:unknown-kind");
    let kinds: Kinds = served.get("/v1/kinds").await?.json().await?;
    assert!(kinds.kinds.iter().all(|kind| kind.kind.as_str() != "thing"));
    Ok(())
}

#[tokio::test]
async fn events_tell_the_turns_of_the_wanted_kind() -> Result {
    let (_node, served) = served().await?;
    let mut events = served.get("/v1/events?kind=counter").await?;
    assert_eq!(events.chunk().await?.as_deref(), Some(&b"\n"[..]));
    served.post("/v1/actors/picky/a/look", "").await?;
    served.post("/v1/actors/counter/a/add", "5").await?;
    let line = events.chunk().await?.expect("an event");
    let Event::Turn { actor, subject, outcome, body_bytes, .. } = serde_json::from_slice(&line)? else {
        panic!("no turn: {line:?}");
    };
    assert_eq!((&*actor, &*subject, &*outcome, body_bytes), ("counter/a", "add", "replied", 1));
    Ok(())
}
