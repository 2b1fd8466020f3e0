//! One trace from a call through log, turn and outbox to the next actor, as a collector sees it; and log lines beside it.
//! Logging is the process's: one start for all tests, each with traces of its own.

use std::sync::OnceLock;

use hydra::config::Telemetry;
use hydra::effects::{Fault, Outcome, StateChange};
use hydra::message::Problem;
use hydra::telemetry::{self, Exports};
use hydra::wasm::Handled;
use hydra_tests::collector::{Collector, Mood, attribute, span};
use hydra_tests::http::{Served, api};
use hydra_tests::scripted::{Rig, Scripted, actor, ok, reply, sending};
use opentelemetry_proto::tonic::trace::v1::Span;

type Result<T = ()> = anyhow::Result<T>;

/// The one collector of this process.
fn telling() -> &'static (Collector, Telemetry, Exports) {
    static TELLING: OnceLock<(Collector, Telemetry, Exports)> = OnceLock::new();
    TELLING.get_or_init(|| {
        let collector = Collector::start(Mood::Takes).expect("a collector");
        let settings = Telemetry { otlp: Some(collector.url.clone()), ..Telemetry::default() };
        let exports = telemetry::start(&settings, "test", false).expect("telemetry");
        (collector, settings, exports)
    })
}

/// A host where `first` passes on to `second`.
async fn served() -> Result<Served> {
    let first = Scripted::new(|input| match input.message.subject.as_str() {
        "pass" => {
            let sends = vec![sending(&actor("second/b"), "take", input.message.body.clone())];
            ok(Outcome::Done, StateChange::Set("state".into()), sends)
        }
        _ => Handled::fault(Fault::Suspend(Problem::new("why", "because"))),
    });
    let second = Scripted::new(|_| reply("taken", StateChange::Keep));
    let mut rig = Rig::new().with("first", first).with("second", second);
    rig.config.telemetry = telling().1.clone();
    Served::start(api(&rig).await.1).await
}

/// All spans of a trace, once the last actor's turn is among them, and no more are to come.
fn trace(collector: &Collector, id: &str) -> Result<Vec<Span>> {
    collector.wait(id, |collector| {
        let of_trace = |span: &Span| span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == id;
        let spans: Vec<Span> = collector.spans().into_iter().filter(of_trace).collect();
        let ended = |name: &str| spans.iter().filter(|span| span.name == name).count();
        (ended("turn") == 2 && ended("call") == 1).then_some(spans)
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_call_to_the_last_actor() -> Result {
    let (collector, ..) = telling();
    let served = served().await?;
    let (unkept, kept) = ("11111111111111111111111111111111", "22222222222222222222222222222222");
    for (id, flags) in [(unkept, "00"), (kept, "01")] {
        let parent = format!("00-{id}-00f067aa0ba902b7-{flags}");
        let call = served.request(reqwest::Method::POST, "/v1/actors/first/a/pass").header("traceparent", parent);
        let response = call.header("tracestate", "vendor=opaque").body("secret-body").send().await?;
        assert_eq!(response.status(), 204);
    }

    let spans = tokio::task::block_in_place(|| trace(collector, kept))?;
    let call = span(&spans, "call", "first")?;
    let (first, second) = (span(&spans, "turn", "first")?, span(&spans, "turn", "second")?);
    assert_eq!(hex(&call.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(first.parent_span_id, call.span_id);
    assert_eq!(second.parent_span_id, first.span_id);
    assert_eq!(attribute(&first.attributes, "outcome").as_deref(), Some("done"));
    assert_eq!(attribute(&second.attributes, "actor.id").as_deref(), Some("b"));
    assert_eq!(second.trace_state, "vendor=opaque");
    for (name, turn) in [("handle", first), ("commit", first), ("flush", first), ("handle", second), ("commit", second)]
    {
        let is_within = |span: &&Span| span.name == name && span.parent_span_id == turn.span_id;
        assert!(spans.iter().any(|span| is_within(&span)), "no {name} within {turn:?}");
    }
    // What came first and is not kept would have come before.
    assert!(!collector.spans().iter().any(|span| hex(&span.trace_id) == unkept));
    assert!(!collector.has_bytes(b"secret-body"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_arrive_and_no_body_does() -> Result {
    let (collector, ..) = telling();
    let served = served().await?;
    served.post("/v1/actors/first/a/stop?timeout=1m", "secret-body").await?;
    tokio::task::block_in_place(|| {
        let told = |collector: &Collector| collector.lines().iter().any(|line| line == "an actor is suspended");
        collector.wait("the line", |collector| told(collector).then_some(()))
    })?;
    assert!(!collector.has_bytes(b"secret-body"));
    Ok(())
}
