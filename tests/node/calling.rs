//! Calls to the outside through `sys-http`: who may call what, what is kept from whom, and that nothing outside can hang or
//! flood a host. On the real clock, against a server of the test's own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hydra::config;
use hydra::deadletter;
use hydra::effects::{Awaited, Effects, Ending, Outcome, StateChange};
use hydra::id::Seq;
use hydra::manifest::Manifest;
use hydra::message::Headers;
use hydra::node::Node;
use hydra::timer::Pending;
use hydra::wasm::{Handled, Input};
use hydra_tests::origin::{Origin, Reply, Seen, answer, with_header};
use hydra_tests::scripted::{Rig, Scripted, actor, ask, reply, reply_to, request, sending};

/// How long a call of these tests may take, all tries together.
const WITHIN: Duration = Duration::from_secs(20);

/// Makes a call for every `METHOD TO PATH BODY`, and keeps how it ended: `replied 200 BODY`, `refused CODE`, …
fn caller(grants: &str) -> Arc<Scripted> {
    let manifest = Manifest::parse(&format!("[grants]\nhttp = {grants}")).expect("a manifest");
    Scripted::granted(manifest, |input| {
        let body = String::from_utf8_lossy(&input.message.body).into_owned();
        if let Some(answer) = input.answer {
            let status = input.message.headers.get("status").unwrap_or("-");
            let ending = match &answer.ending {
                Ending::Replied => format!("replied {status} {body}"),
                Ending::Refused(problem) => format!("refused {}: {}", problem.code, problem.text),
                Ending::Failed(problem) => format!("failed {}: {}", problem.code, problem.text),
                other => format!("{other:?}"),
            };
            return reply("", StateChange::Set(ending.into()));
        }
        match input.message.subject.as_str() {
            "ended" => reply(input.state.clone().unwrap_or_default(), StateChange::Keep),
            method => call(input, method, &body),
        }
    })
}

fn call(input: &Input<'_>, method: &str, body: &str) -> Handled {
    let mut words = body.splitn(3, ' ');
    let (to, path) = (actor(words.next().expect("an endpoint")), words.next().expect("a path"));
    let mut headers = Headers::default();
    headers.push("path", path);
    for name in ["x-own", "authorization"].into_iter().filter(|name| input.message.headers.get(name).is_some()) {
        headers.push(name, input.message.headers.get(name).expect("a header"));
    }
    let within = if input.message.to.id() == "hasty" { WITHIN / 100 } else { WITHIN };
    let (token, due) = (input.origin.seq.to_string(), input.now.plus(within));
    let mut waits = input.waits.clone();
    waits.expect(Pending { token: token.clone(), memo: Bytes::new(), due }).expect("few requests");
    let awaited = Some(Awaited { token, due });
    let send = hydra::effects::Send { awaited, headers, ..sending(&to, method, words.next().unwrap_or("").to_owned()) };
    let effects = Effects { state: StateChange::Delete, sends: vec![send], waits: Some(waits), ..Effects::default() };
    Handled::native(Ok((Outcome::Done, effects)))
}

/// A rig whose kind `caller` may call the endpoint `out`, which is where the server is.
fn rig(origin: &Origin, settings: &str) -> Rig {
    let toml = format!("name = \"out\"\norigin = {:?}\nprivate = true\ntimeout_ms = 2000\n{settings}", origin.url);
    let mut rig =
        Rig::new().with("caller", caller("[\"out\", \"far\", \"lost\", \"nowhere\"]")).with("stranger", caller("[]"));
    rig.config.endpoint = vec![toml::from_str::<config::Endpoint>(&toml).expect("an endpoint")];
    rig
}

/// Makes a call as this actor and waits for its end.
async fn calls(node: &Node, who: &str, method: &str, what: &str) -> String {
    ask(&node.client(), request(who, method, what)).await;
    loop {
        let ended = reply_to(&node.client(), who, "ended", "").await;
        if !ended.is_empty() {
            return ended;
        }
        tokio::task::yield_now().await;
    }
}

fn keys(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|seen| seen.headers["idempotency-key"].as_str()).collect()
}

#[tokio::test]
async fn a_call_is_made_as_asked_and_its_answer_comes_back() {
    let origin = Origin::start(|seen, _| answer(201, &format!("<{}>", seen.body))).await.unwrap();
    let rig = rig(&origin, "");
    let (node, _) = rig.start().await;
    let ended = calls(&node, "caller/a", "post", "sys-http/out/caller/a /v1/things?x=1 hello").await;
    assert_eq!(ended, "replied 201 <hello>");
    let seen = origin.seen();
    assert_eq!((seen.len(), seen[0].method.as_str(), seen[0].path.as_str()), (1, "POST", "/v1/things?x=1"));
    assert_eq!(seen[0].headers["idempotency-key"].len(), 32);
    // A lane keeps nothing.
    assert!(rig.record(&actor("sys-http/out/caller/a")).await.state.is_none());
    calls(&node, "caller/a", "post", "sys-http/out/caller/a /v1/things hello").await;
    let seen = origin.seen();
    assert_ne!(keys(&seen)[0], keys(&seen)[1], "another request has another key");
}

#[tokio::test]
async fn what_is_not_granted_or_not_there_is_refused_and_never_sent() {
    let origin = Origin::start(|_, _| answer(200, "")).await.unwrap();
    let rig = rig(&origin, "headers.authorization = { file = \"/dev/null\" }");
    let (node, _) = rig.start().await;
    let ended = calls(&node, "stranger/a", "get", "sys-http/out /").await;
    assert!(ended.starts_with("refused not-granted: stranger has no grant for out"), "{ended}");
    assert!(ended.contains("`http = [\"out\"]` under [grants] in stranger's actor.toml"), "{ended}");
    let ended = calls(&node, "caller/a", "get", "sys-http/nowhere /").await;
    assert!(ended.starts_with("refused unknown-endpoint") && ended.contains("[[endpoint]]"), "{ended}");
    for (method, path, code) in [("get", "//b.example/", "bad-path"), ("look", "/", "bad-method")] {
        let ended = calls(&node, "caller/b", method, &format!("sys-http/out {path}")).await;
        assert!(ended.starts_with(&format!("refused {code}")), "{ended}");
    }
    let mut forged = request("caller/c", "get", "sys-http/out /");
    forged.headers.push("authorization", "mine");
    ask(&node.client(), forged).await;
    let ended = calls(&node, "caller/d", "get", "sys-http/out /").await;
    assert_eq!(ended, "replied 200 ");
    let ended = reply_to(&node.client(), "caller/c", "ended", "").await;
    assert!(ended.starts_with("refused bad-header"), "{ended}");
    assert_eq!(origin.seen().len(), 1);
    assert!(deadletter::list(&rig.backend, None, Seq(0), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_called() {
    let origin = Origin::start(|_, _| answer(200, "inside")).await.unwrap();
    let port = origin.url.rsplit(':').next().unwrap().to_owned();
    let mut rig = rig(&origin, "");
    let toml = format!("name = \"far\"\norigin = \"http://localhost:{port}\"");
    rig.config.endpoint.push(toml::from_str(&toml).unwrap());
    let (node, _) = rig.start().await;
    let ended = calls(&node, "caller/a", "get", "sys-http/far /").await;
    assert!(ended.starts_with("failed private-address") && ended.contains("private = true"), "{ended}");
    assert!(origin.seen().is_empty());
}

#[tokio::test]
async fn secrets_reach_the_endpoint_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "s3cret\n").unwrap();
    let friend = Origin::start(|seen, _| answer(200, &format!("{:?}", seen.headers))).await.unwrap();
    let (stranger, away) = (Origin::start(|_, _| answer(200, "")).await.unwrap(), friend.url.clone());
    let lost = stranger.url.clone();
    let origin = Origin::start(move |seen, _| match seen.path.as_str() {
        "/own" => with_header(307, "location", "/here"),
        "/away" => with_header(303, "location", &format!("{away}/there")),
        "/lost" => with_header(302, "location", &format!("{lost}/there")),
        "/round" => with_header(301, "location", "/round"),
        _ => answer(200, "here"),
    });
    let origin = origin.await.unwrap();
    let settings = format!(
        "redirects = [{:?}]\nheaders.x-key = {{ file = {file:?}, prefix = \"Key \" }}\nheaders.authorization = {{ file = {file:?} }}",
        friend.url
    );
    let rig = rig(&origin, &settings);
    let (node, _) = rig.start().await;
    assert_eq!(calls(&node, "caller/a", "post", "sys-http/out /own body").await, "replied 200 here");
    let seen = origin.seen();
    assert_eq!((seen[1].method.as_str(), seen[1].path.as_str(), seen[1].body.as_str()), ("POST", "/here", "body"));
    assert!(seen.iter().all(|seen| seen.headers["x-key"] == "Key s3cret" && seen.headers["authorization"] == "s3cret"));
    let mut personal = request("caller/b", "post", "sys-http/out /away body");
    personal.headers.push("x-own", "private matter");
    ask(&node.client(), personal).await;
    let ended = calls(&node, "caller/b", "post", "sys-http/out /away body").await;
    assert!(ended.starts_with("replied 200") && ended.contains("idempotency-key"), "{ended}");
    assert!(!ended.contains("s3cret") && !ended.contains("private matter"), "{ended}");
    assert!(friend.seen().iter().all(|seen| seen.method == "GET" && seen.body.is_empty()));
    let ended = calls(&node, "caller/c", "post", "sys-http/out /lost").await;
    assert!(ended.starts_with("failed redirect") && ended.contains(&stranger.url), "{ended}");
    assert!(calls(&node, "caller/d", "get", "sys-http/out /round").await.starts_with("failed redirect"));
    assert!(stranger.seen().is_empty());
}

#[tokio::test]
async fn tries_repeat_with_one_key_until_they_succeed() {
    let origin = Origin::start(|_, number| match number {
        1 => answer(503, ""),
        2 => with_header(429, "retry-after", "0"),
        3 => Reply::Close,
        _ => answer(200, "at last"),
    });
    let origin = origin.await.unwrap();
    let rig = rig(&origin, "honours_key = true");
    let (node, _) = rig.start().await;
    assert_eq!(calls(&node, "caller/a", "post", "sys-http/out / body").await, "replied 200 at last");
    let seen = origin.seen();
    assert_eq!(seen.len(), 4);
    assert!(keys(&seen).windows(2).all(|pair| pair[0] == pair[1]), "{:?}", keys(&seen));
}

#[tokio::test]
async fn what_may_have_been_done_is_not_asked_again_without_the_key() {
    let origin = Origin::start(|_, _| Reply::Close).await.unwrap();
    let rig = rig(&origin, "attempts_max = 2");
    let (node, _) = rig.start().await;
    let ended = calls(&node, "caller/a", "post", "sys-http/out / body").await;
    assert!(ended.starts_with("failed unknown-outcome") && !ended.contains("127.0.0.1"), "{ended}");
    assert_eq!(origin.seen().len(), 1);
    assert!(calls(&node, "caller/b", "put", "sys-http/out / body").await.starts_with("failed no-answer"));
    assert_eq!(origin.seen().len(), 3);
    // What failed is kept for a human.
    assert_eq!(deadletter::list(&rig.backend, None, Seq(0), 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn nothing_outside_hangs_or_floods_a_host() {
    let origin = Origin::start(|seen, _| if seen.path == "/endless" { Reply::Endless } else { Reply::Silence });
    let origin = origin.await.unwrap();
    let mut rig = rig(&origin, "attempts_max = 1\nresponse_bytes_max = 100000");
    rig.config.endpoint[0].timeout_ms = 300;
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (nobody, encrypted) = (format!("http://{nobody}"), origin.url.replace("http", "https"));
    for (name, url) in [("far", nobody), ("nowhere", encrypted), ("lost", "http://nowhere.example".into())] {
        let far = config::Endpoint {
            name: name.into(),
            origin: config::Origin::parse(&url).unwrap(),
            ..rig.config.endpoint[0].clone()
        };
        rig.config.endpoint.push(far);
    }
    let (node, _) = rig.start().await;
    for (what, told) in [
        ("sys-http/out /endless", "failed response-too-large: endpoint out: its response is larger than 100000 bytes"),
        (
            "sys-http/out /silent",
            "failed no-answer: endpoint out: there is no telling what became of the request: no full answer within 300 ms",
        ),
        ("sys-http/far /", "failed unreachable: endpoint far: it cannot be reached"),
        ("sys-http/lost /", "failed unreachable: endpoint lost: it cannot be reached"),
        // A server without TLS never ends the handshake, or ends it at once.
        ("sys-http/nowhere /", "failed "),
    ] {
        let ended = calls(&node, "caller/a", "get", what).await;
        assert!(ended.starts_with(told) && !ended.contains("silent"), "{what}: {ended}");
    }
}

#[tokio::test]
async fn lanes_do_not_wait_for_each_other_and_calls_are_bounded() {
    let most = Arc::new(Mutex::new((0_usize, 0_usize)));
    let noted = most.clone();
    let origin = Origin::start(move |seen, _| {
        if seen.path == "/slow" {
            return Reply::Silence;
        }
        noted.lock().unwrap().0 += 1;
        answer(200, "quick")
    });
    let origin = origin.await.unwrap();
    let rig = rig(&origin, "calls_max = 2\nattempts_max = 1");
    let (node, _) = rig.start().await;
    ask(&node.client(), request("caller/slow", "get", "sys-http/out/1 /slow")).await;
    assert_eq!(calls(&node, "caller/quick", "get", "sys-http/out/2 /quick").await, "replied 200 quick");
    assert_eq!(reply_to(&node.client(), "caller/slow", "ended", "").await, "", "it still waits");
    // With both places taken others wait, and are served all the same.
    ask(&node.client(), request("caller/slower", "get", "sys-http/out/3 /slow")).await;
    assert_eq!(calls(&node, "caller/third", "get", "sys-http/out/4 /quick").await, "replied 200 quick");
    assert_eq!(most.lock().unwrap().0, 2);
}

#[tokio::test]
async fn an_endpoint_that_fails_is_left_in_peace_and_then_tried_once() {
    let well = Arc::new(Mutex::new(false));
    let is_well = well.clone();
    let origin =
        Origin::start(move |_, _| if *is_well.lock().unwrap() { answer(200, "back") } else { answer(500, "") });
    let origin = origin.await.unwrap();
    let rig = rig(&origin, "failures_max = 3\nrest_ms = 400");
    let (node, _) = rig.start().await;
    for id in 0..3 {
        assert_eq!(calls(&node, &format!("caller/{id}"), "get", &format!("sys-http/out/{id} /")).await, "replied 500 ");
    }
    ask(&node.client(), request("caller/late", "get", "sys-http/out/late /")).await;
    let waits = reply_to(&node.client(), "caller/late", "ended", "").await;
    assert_eq!((waits.as_str(), origin.seen().len()), ("", 3), "nothing is sent meanwhile");
    *well.lock().unwrap() = true;
    while reply_to(&node.client(), "caller/late", "ended", "").await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(reply_to(&node.client(), "caller/late", "ended", "").await, "replied 200 back");
    assert_eq!(origin.seen().len(), 4);
}

#[tokio::test]
async fn whoever_has_no_time_closes_no_endpoint_for_others() {
    let origin = Origin::start(|seen, _| if seen.path == "/slow" { Reply::Silence } else { answer(200, "well") });
    let origin = origin.await.unwrap();
    let rig = rig(&origin, "failures_max = 1\nrest_ms = 600000");
    let (node, _) = rig.start().await;
    // It waits a fifth of a second, the endpoint's settings give two.
    assert_eq!(calls(&node, "caller/hasty", "get", "sys-http/out/1 /slow").await, "TimedOut");
    assert_eq!(calls(&node, "caller/a", "get", "sys-http/out/2 /quick").await, "replied 200 well");
}
