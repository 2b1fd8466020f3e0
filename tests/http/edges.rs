//! What the HTTP API answers before any actor is asked.
//! Bad names, foreign pages, missing tokens, endless bodies, broken uploads, a store that is away, a host that stops.
//! Never reaches an actor: see `actors`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hydra::http::{Api, view};
use hydra_tests::http::{Served, away, problem};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Result<T = ()> = anyhow::Result<T>;

async fn served() -> Result<Served> {
    Served::start(away().await).await
}

/// Writes these bytes on a connection of their own and reads until the host closes it, however rudely.
async fn exchange(served: &Served, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(served.address).await?;
    // A host that refuses to read on closes its end: what it said before counts, not how it hung up.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn a_host_tells_that_it_lives_serves_and_what_it_is() -> Result {
    let ready = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ready);
    let probe = move || told.load(Ordering::Relaxed).then_some(()).ok_or_else(|| "bucket 3a is not owned".to_owned());
    let served = Served::start(Api { ready: Arc::new(probe), ..away().await }).await?;

    assert_eq!(served.get("/healthz").await?.status(), 200);
    let response = served.get("/readyz").await?;
    assert!(response.headers().contains_key("retry-after"));
    let told = problem(response).await?;
    assert_eq!((&*told.kind, &*told.detail), ("urn:hydra:not-ready", "bucket 3a is not owned"));
    ready.store(true, Ordering::Relaxed);
    assert_eq!(served.get("/readyz").await?.status(), 200);
    let about: view::About = served.get("/version").await?.json().await?;
    assert_eq!((&*about.name, &*about.api), ("hydra", "v1"));
    Ok(())
}

#[tokio::test]
async fn wrong_roads_are_problems() -> Result {
    let served = served().await?;
    for (method, path, status) in [
        (Method::GET, "/", 404),
        (Method::GET, "/v2/actors", 404),
        (Method::POST, "/v1/actors/counter/a/b/add", 404),
        (Method::GET, "/v1/actors/counter/a/add", 405),
        (Method::PUT, "/v1/actors/counter/a/add", 405),
        (Method::POST, "/v1/kinds", 405),
        (Method::OPTIONS, "/v1/actors", 405),
        (Method::GET, "/v1/dead-letters/1:2/replay", 405),
    ] {
        let response = served.request(method.clone(), path).send().await?;
        let allow = response.headers().contains_key("allow");
        let told = problem(response).await?;
        assert_eq!(told.status, status, "{method} {path}");
        assert_eq!(allow, status == 405, "{method} {path}");
    }
    Ok(())
}

#[tokio::test]
async fn names_outside_the_grammar_are_named() -> Result {
    let served = served().await?;
    let long = "x".repeat(257);
    for (path, mentions) in [
        ("/v1/actors/Counter/a/add", "Counter"),
        ("/v1/actors/c%20r/a/add", "c r"),
        ("/v1/actors/counter//add", "1 to 256 bytes"),
        ("/v1/actors/sys-topic/a/add", "sys-"),
        ("/v1/actors/own/a/add", "own"),
        (&*format!("/v1/actors/counter/{long}/add"), "256"),
        ("/v1/actors/counter/%FF/add", "UTF-8"),
        ("/v1/actors/counter/a/timer:x", "timer:x"),
        ("/v1/actors/counter/a/a..b", "a..b"),
        ("/v1/actors/counter/a/a%2Fb", "a/b"),
        ("/v1/admin/actors/sys-topic/a/suspend", "sys-"),
        ("/v1/kinds/own/rollback", "own"),
        ("/v1/kinds/sys-x/versions", "sys-"),
    ] {
        let told = problem(served.post(path, "1").await?).await?;
        assert_eq!(&*told.kind, "urn:hydra:bad-name", "{path}");
        assert!(told.detail.contains(mentions), "{path}: {}", told.detail);
    }
    Ok(())
}

#[tokio::test]
async fn queries_are_read_strictly() -> Result {
    let served = served().await?;
    for path in [
        "/v1/actors/counter/a/add?timeout=5",
        "/v1/actors/counter/a/add?timeout=6m",
        "/v1/actors/counter/a/add?timeout=0ms",
        "/v1/actors/counter/a/add?send=maybe",
        "/v1/actors/counter/a/add?tiemout=5s",
        "/v1/admin/actors/counter/a/suspend?timeout=x",
    ] {
        assert_eq!(&*problem(served.post(path, "1").await?).await?.kind, "urn:hydra:bad-request", "{path}");
    }
    for path in [
        "/v1/actors?limit=0",
        "/v1/actors?limit=1001",
        "/v1/actors?limit=x",
        "/v1/actors?kind=counter&after=other.a.state",
        "/v1/dead-letters?limit=0",
        "/v1/dead-letters?after=x",
        "/v1/events?actors=counter/a",
    ] {
        assert_eq!(&*problem(served.get(path).await?).await?.kind, "urn:hydra:bad-request", "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_foreign_web_page_cannot_drive_the_host() -> Result {
    let served = served().await?;
    for (name, value) in [("origin", "https://evil.example"), ("origin", "null"), ("host", "rebound.evil.example")] {
        let request = served.request(Method::POST, "/v1/actors/counter/a/add").header(name, value).body("1");
        assert_eq!(problem(request.send().await?).await?.status, 403, "{name}: {value}");
    }
    let ours = served.request(Method::GET, "/v1/kinds").header("origin", "http://localhost:3000");
    let response = ours.send().await?;
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("access-control-allow-origin"));
    Ok(())
}

#[tokio::test]
async fn with_a_token_only_health_is_open() -> Result {
    let mut api = away().await;
    api.config.token = Some("a secret of some length".into());
    let served = Served::start(api).await?;
    for open in ["/healthz", "/readyz", "/version"] {
        assert_eq!(served.get(open).await?.status(), 200, "{open}");
    }
    for path in ["/v1/kinds", "/nowhere"] {
        let response = served.get(path).await?;
        assert!(response.headers().contains_key("www-authenticate"), "{path}");
        assert_eq!(&*problem(response).await?.kind, "urn:hydra:unauthorized", "{path}");
    }
    let request = |token: &str| served.request(Method::GET, "/v1/kinds").bearer_auth(token).send();
    assert_eq!(request("a secret of some lengtH").await?.status(), 401);
    assert_eq!(request("a secret of some length").await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_too_large_is_told_its_size_and_the_limit() -> Result {
    let served = served().await?;
    let told = problem(served.post("/v1/actors/counter/a/add", vec![0; 262_145]).await?).await?;
    assert_eq!((&*told.kind, told.size, told.limit), ("urn:hydra:too-large", Some(262_145), Some(262_144)));
    let request = served.request(Method::PUT, "/v1/admin/actors/counter/a/state").body(vec![0; 524_289]);
    let told = problem(request.send().await?).await?;
    assert_eq!((told.status, told.limit), (413, Some(524_288)));
    assert!(told.setting.is_some_and(|setting| setting.contains("state_bytes_max")));
    Ok(())
}

#[tokio::test]
async fn a_huge_body_is_refused_before_it_is_read() -> Result {
    let served = served().await?;
    for path in ["/v1/actors/counter/a/add", "/v1/kinds/counter/versions"] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10000000000\r\n");
        let text = exchange(&served, &format!("{head}content-type: multipart/form-data; boundary=x\r\n\r\n")).await?;
        assert!(text.starts_with("HTTP/1.1 413") && text.contains("10000000000"), "{path}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn broken_uploads_are_explained() -> Result {
    let mut api = away().await;
    api.config.component_bytes_max = 1_000;
    let served = Served::start(api).await?;
    let component = |bytes: usize| Form::new().part("component", Part::bytes(vec![0; bytes]));
    let manifest = |text: &'static str| component(10).text("manifest", text);
    for (form, kind, mentions) in [
        (Form::new(), "bad-request", ""),
        (Form::new().text("manifest", ""), "bad-request", "component"),
        (component(10).text("colour", "red"), "bad-request", "colour"),
        (component(10).part("component", Part::bytes(vec![0])), "bad-request", "repeated"),
        (component(1_001), "too-large", "http.component_bytes_max"),
        (component(1_000_000), "too-large", "http.component_bytes_max"),
        (manifest("colour = 1"), "deploy-refused", "colour"),
        (manifest("[limits]\ncpu_ms_max = 0"), "deploy-refused", "limits.cpu_ms_max"),
    ] {
        let request = served.request(Method::POST, "/v1/kinds/counter/versions").multipart(form);
        let told = problem(request.send().await?).await?;
        assert_eq!(told.kind, format!("urn:hydra:{kind}"), "{}", told.detail);
        assert!(told.detail.contains(mentions), "{mentions}: {}", told.detail);
    }
    let told = problem(served.post("/v1/kinds/counter/versions", "no form").await?).await?;
    assert!(told.detail.contains("multipart/form-data"), "{}", told.detail);
    let told = problem(served.post("/v1/kinds/counter/rollback", "{\"digset\":1}").await?).await?;
    assert!(told.status == 400 && told.detail.contains("digset"), "{}", told.detail);
    Ok(())
}

#[tokio::test]
async fn a_store_that_is_away_is_said_to_be() -> Result {
    let served = served().await?;
    for path in ["/v1/actors", "/v1/actors/counter/a", "/v1/actors/counter/a/state"] {
        let response = served.get(path).await?;
        assert!(response.headers().contains_key("retry-after"), "{path}");
        assert_eq!(&*problem(response).await?.kind, "urn:hydra:store-unavailable", "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn whoever_follows_events_hears_a_heartbeat_and_the_end() -> Result {
    let mut served = served().await?;
    let mut response = served.get("/v1/events?kind=counter").await?;
    assert_eq!(response.headers().get("content-type").map(|kind| kind.as_bytes()), Some(&b"application/x-ndjson"[..]));
    assert_eq!(response.chunk().await?.as_deref(), Some(&b"\n"[..]));
    served.shutdown.cancel();
    assert_eq!(response.chunk().await?, None);
    (&mut served.ended).await??;
    Ok(())
}

#[tokio::test]
async fn nonsense_is_refused_and_does_no_harm() -> Result {
    let served = served().await?;
    let long = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx-a: {}\r\n\r\n", "y".repeat(300_000));
    for (request, status) in
        [("\0\r\n\r\n", "400"), ("GET / HTTP/9.9\r\n\r\n", "400"), ("GET / HTTP/1.1\r\n\r\n", "403"), (&*long, "431")]
    {
        let close = request.replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1);
        let text = exchange(&served, &close).await?;
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "expected {status}: {text}");
    }
    assert_eq!(served.get("/healthz").await?.status(), 200);
    Ok(())
}
