//! Runs single turns against a handler, without a store: one message in, what came out.
//! Used by the sandbox's tests and the turn benchmark.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up says so and stops")]

use std::sync::Arc;

use bytes::Bytes;
use hydra::clock::Time;
use hydra::config;
use hydra::effects::{Fault, Outcome, StateChange};
use hydra::id::{ActorId, BucketId, Cursor, Seq};
use hydra::manifest::Manifest;
use hydra::message::{Headers, Message, Problem};
use hydra::names::{MessageId, Subject};
use hydra::timer::Waits;
use hydra::wasm::{Handled, Handler, Input, Loaded, Refusal, Sandbox};

/// The actor whose turns are run.
pub const ACTOR: &str = "counter/alice";
/// The moment at which all turns happen.
pub const NOW: Time = Time(1_700_000_000_123);

/// A small sandbox without a cache.
///
/// # Panics
/// When the system does not give it.
#[must_use]
pub fn sandbox() -> Sandbox {
    let settings = config::Sandbox { instances_max: 4, ..config::Sandbox::default() };
    Sandbox::new(&settings, None, 1 << 20).expect("a sandbox")
}

/// A manifest from the text of an `actor.toml`.
///
/// # Panics
/// When it is not valid.
#[must_use]
pub fn manifest(text: &str) -> Arc<Manifest> {
    Arc::new(Manifest::parse(text).expect("a manifest"))
}

/// Loads a component.
///
/// # Errors
/// The sandbox's refusal.
pub async fn try_load(component: Bytes, manifest_text: &str) -> Result<Loaded, Refusal> {
    sandbox().load(component, manifest(manifest_text)).await
}

/// Loads a component that is known to be good.
///
/// # Panics
/// When it is refused.
pub async fn load(component: Bytes, manifest_text: &str) -> Arc<dyn Handler> {
    try_load(component, manifest_text).await.unwrap_or_else(|refusal| panic!("{}: {refusal}", refusal.code)).handler
}

/// A message from outside.
///
/// # Panics
/// Never.
#[must_use]
pub fn message(subject: &str, body: &[u8]) -> Message {
    Message {
        id: MessageId::stored("in:counter/alice:1"),
        to: ActorId::parse(ACTOR).expect("an actor"),
        sender: None,
        subject: Subject::new(subject).expect("a subject"),
        headers: Headers::default(),
        body: Bytes::copy_from_slice(body),
        reply: None,
        deadline: None,
        key: None,
        trace: None,
    }
}

/// What a turn with this message may know: no state, first try.
#[must_use]
pub fn input(message: &Message) -> Input<'_> {
    static NOTHING: Waits = Waits { timers: Vec::new(), requests: Vec::new() };
    Input {
        message,
        origin: Cursor { bucket: BucketId { number: 0, incarnation: 1 }, seq: Seq(1) },
        answer: None,
        reply_token: None,
        waits: &NOTHING,
        accepted: NOW,
        attempt: 1,
        now: NOW,
        state: None,
        state_version: 0,
        activated: false,
        random_key: [7; 32],
    }
}

/// Runs one turn on an instance of its own.
///
/// # Panics
/// When the host cannot make an instance.
pub async fn turn(handler: &dyn Handler, input: Input<'_>) -> Handled {
    let mut instance = handler.instance(&input.message.to).await.expect("an instance");
    instance.handle(input).await
}

/// Loads a guest and runs one turn: for guests whose first turn tells all.
pub async fn run(component: Bytes, manifest_text: &str) -> Handled {
    let handler = load(component, manifest_text).await;
    turn(&*handler, input(&message("go", b"body"))).await
}

/// The problem of a fault, whatever kind of fault it is.
///
/// # Panics
/// When the turn succeeded.
#[must_use]
pub fn problem(handled: &Handled) -> &Problem {
    match handled.result.as_ref().expect_err("a fault") {
        Fault::Refuse(problem)
        | Fault::Fail(problem)
        | Fault::Suspend(problem)
        | Fault::Denied(problem)
        | Fault::Host(problem)
        | Fault::Retry { problem, .. }
        | Fault::Broken { problem, .. } => problem,
    }
}

/// The bytes of a reply.
///
/// # Panics
/// When the turn ended in another way.
#[must_use]
pub fn reply(handled: &Handled) -> &[u8] {
    match &handled.result {
        Ok(Outcome::Reply(payload)) => &payload.body,
        _ => panic!("no reply: {handled:?}"),
    }
}

/// The state after a turn.
#[must_use]
pub fn state_after(before: Option<Bytes>, handled: &Handled) -> Option<Bytes> {
    match &handled.effects.state {
        StateChange::Keep => before,
        StateChange::Set(bytes) => Some(bytes.clone()),
        StateChange::Delete => None,
    }
}
