//! What an actor answers over HTTP: the table of the protocol, from a request to the turn and back.

use std::sync::Arc;

use bytes::Bytes;
use hydra::effects::{Fault, Outcome, Payload, StateChange};
use hydra::http::view;
use hydra::message::Problem;
use hydra::node::Node;
use hydra::wasm::{Handled, Input};
use hydra_tests::http::{Served, api, problem};
use hydra_tests::scripted::{Rig, Scripted, broken, counter, ok, reply};
use reqwest::{Method, Response};

type Result<T = ()> = anyhow::Result<T>;

/// Ends its turns as the subject says.
fn mirror(input: &Input<'_>) -> Handled {
    let message = input.message;
    match message.subject.as_str() {
        "echo" => {
            let payload = Payload { headers: message.headers.clone(), body: message.body.clone() };
            ok(Outcome::Reply(payload), StateChange::Keep, Vec::new())
        }
        "trace" => reply(message.trace.clone().unwrap_or_default(), StateChange::Keep),
        "large" => reply(vec![7; 100_000], StateChange::Keep),
        "keep" => ok(Outcome::Done, StateChange::Set(message.body.clone()), Vec::new()),
        "later" => ok(Outcome::Later, StateChange::Keep, Vec::new()),
        "refuse" => Handled::fault(Fault::Refuse(Problem::new("no-funds", "3 are missing"))),
        "fail" => Handled::fault(Fault::Fail(Problem::new("no-such-account", "it was closed"))),
        "suspend" => Handled::fault(Fault::Suspend(Problem::new("state", "does not decode"))),
        "trap" => Handled::fault(broken()),
        _ => ok(Outcome::Done, StateChange::Keep, Vec::new()),
    }
}

async fn served() -> Result<(Arc<Node>, Served)> {
    let rig = Rig::new().with("mirror", Scripted::new(mirror)).with("counter", counter());
    let (node, api) = api(&rig).await;
    Ok((node, Served::start(api).await?))
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap_or("not text"))
}

#[tokio::test]
async fn every_outcome_is_told_as_the_table_says() -> Result {
    let (_node, served) = served().await?;
    let post = async |path: &str| served.post(&format!("/v1/actors/mirror/a/{path}"), "body").await;

    let replied = post("echo").await?;
    assert_eq!((replied.status().as_u16(), header(&replied, "hydra-message").starts_with("in:mirror/a:")), (200, true));
    assert_eq!(replied.text().await?, "body");
    let done = post("anything.else").await?;
    assert_eq!((done.status().as_u16(), header(&done, "hydra-message").is_empty()), (204, false));
    let sent = post("keep?send").await?;
    let id = header(&sent, "hydra-message").to_owned();
    assert_eq!((sent.status().as_u16(), sent.json::<view::Accepted>().await?.id), (202, id));

    for (subject, status, kind, code, buried) in [
        ("refuse", 422, "refused", "no-funds", false),
        ("fail", 422, "failed", "no-such-account", true),
        ("trap", 500, "handler-failed", "trap", true),
    ] {
        let told = problem(post(subject).await?).await?;
        assert_eq!((told.status, &*told.kind), (status, &*format!("urn:hydra:{kind}")), "{told:?}");
        assert_eq!((told.code.as_deref(), told.dead_letter.is_some()), (Some(code), buried), "{told:?}");
        assert!(told.id.is_some(), "{told:?}");
    }
    let told = problem(post("later?timeout=20ms").await?).await?;
    assert_eq!((told.status, &*told.kind, told.id.is_some()), (504, "urn:hydra:timeout", true));
    let unknown = served.post("/v1/actors/nobody/a/add", "1").await?;
    assert_eq!(&*problem(unknown).await?.kind, "urn:hydra:unknown-kind");
    Ok(())
}

#[tokio::test]
async fn a_suspended_actor_says_so_until_a_human_resumes_it() -> Result {
    let (_node, served) = served().await?;
    for subject in ["suspend", "echo"] {
        let response = served.post(&format!("/v1/actors/mirror/a/{subject}"), "").await?;
        assert!(!header(&response, "retry-after").is_empty());
        let told = problem(response).await?;
        assert_eq!((told.status, &*told.kind, told.id.is_some()), (503, "urn:hydra:suspended", true));
    }
    assert_eq!(served.post("/v1/actors/mirror/b/echo", "").await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn content_type_trace_and_own_headers_travel_and_nothing_else_does() -> Result {
    let (_node, served) = served().await?;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = |subject: &str| served.request(Method::POST, &format!("/v1/actors/mirror/a/{subject}"));
    let sent = request("echo")
        .header("content-type", "text/x-test")
        .header("x-tenant", "7")
        .header("hydra-sender", "mirror/forged")
        .header("nats-msg-id", "forged")
        .header("cookie", "secret")
        .header("traceparent", trace);
    let response = sent.send().await?;
    assert_eq!((header(&response, "content-type"), header(&response, "x-tenant")), ("text/x-test", "7"));
    for name in ["hydra-sender", "nats-msg-id", "cookie", "traceparent"] {
        assert_eq!(header(&response, name), "", "{name}");
    }
    assert_eq!(request("trace").header("traceparent", trace).send().await?.text().await?, trace);
    let refused = request("echo").header("x-bad_name", "1").send().await?;
    assert_eq!(&*problem(refused).await?.kind, "urn:hydra:bad-request");
    let refused = request("echo").header("x-long", "y".repeat(20_000)).send().await?;
    assert_eq!(&*problem(refused).await?.kind, "urn:hydra:bad-request");
    Ok(())
}

#[tokio::test]
async fn any_bytes_and_any_id_go_through() -> Result {
    let (_node, served) = served().await?;
    let bodies = [Vec::new(), b"\xff\xfe\0\r\n".to_vec(), vec![0x80; 262_144]];
    for id in ["a%2Fb", "%C3%B6%20%3F%23%25", "a.b=c", "%E2%80%AE", "%00", "*"] {
        for body in &bodies {
            let response = served.post(&format!("/v1/actors/mirror/{id}/echo"), body.clone()).await?;
            assert_eq!(response.status(), 200, "{id}");
            assert_eq!(response.bytes().await?, body, "{id}");
        }
        assert_eq!(served.post(&format!("/v1/actors/mirror/{id}/keep"), b"\xff\0".to_vec()).await?.status(), 204);
        let state = served.get(&format!("/v1/actors/mirror/{id}/state")).await?;
        assert_eq!(header(&state, "content-type"), "application/octet-stream");
        assert_eq!(state.bytes().await?, Bytes::from_static(b"\xff\0"), "{id}");
    }
    Ok(())
}

#[tokio::test]
async fn a_repeated_key_is_one_effect_and_the_same_answer() -> Result {
    let (_node, served) = served().await?;
    let add = async |path: &str, key: &str, body: &'static str| {
        served.request(Method::POST, path).header("idempotency-key", key).body(body).send().await
    };
    let path = "/v1/actors/counter/a/add";
    let first = add(path, "order 7", "5").await?;
    let id = header(&first, "hydra-message").to_owned();
    assert_eq!(header(&first, "idempotent-replay"), "");
    assert_eq!(first.text().await?, "5");
    let again = add(path, "order 7", "5").await?;
    assert_eq!((header(&again, "idempotent-replay"), header(&again, "hydra-message")), ("true", &*id));
    assert_eq!(again.text().await?, "5");
    assert_eq!(&*problem(add(path, "order 7", "6").await?).await?.kind, "urn:hydra:key-reused");
    assert_eq!(served.post("/v1/actors/counter/a/get", "").await?.text().await?, "5");

    let large = "/v1/actors/mirror/a/large";
    assert_eq!(add(large, "k", "").await?.bytes().await?.len(), 100_000);
    assert_eq!(&*problem(add(large, "k", "").await?).await?.kind, "urn:hydra:already-done");
    for bad in ["", &"k".repeat(257)] {
        assert_eq!(&*problem(add(path, bad, "5").await?).await?.kind, "urn:hydra:bad-request");
    }
    Ok(())
}

#[tokio::test]
async fn many_connections_lose_and_double_nothing() -> Result {
    let (_node, served) = served().await?;
    let callers = (0..64).map(|_| async {
        for _ in 0..8 {
            assert_eq!(served.post("/v1/actors/counter/shared/add", "1").await?.status(), 200);
        }
        anyhow::Ok(())
    });
    for caller in futures_util::future::join_all(callers).await {
        caller?;
    }
    assert_eq!(served.get("/v1/actors/counter/shared/state").await?.text().await?, "512");
    Ok(())
}
