//! The turn of `sys-http`: may the sender call this endpoint, and what comes of the call?
//! Handles the kind behind the same border as guests, but its call is out before the turn is committed: a crash repeats it.
//! Never logs a path, a header or a body, and never trusts who a message says it is from but for the host's own word.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::call::Call;
use super::endpoint::{Endpoint, Endpoints};
use super::exchange::{Received, Trouble, exchange};
use super::verdict::{Rest, decide, is_well};
use crate::digest::Digest;
use crate::effects::{Effects, Fault, Outcome, Payload, StateChange};
use crate::id::{self, ActorId, HTTP, Kind};
use crate::manifest::Manifest;
use crate::message::{Message, Problem};
use crate::registry::Registry;
use crate::wasm::{Handled, Handler, Input, Instance};

/// What the key of keys is made for: no other use of the system's secret yields the same bytes.
const KEYS: &str = "hydra 2026 idempotency key v1";
/// Bytes of an idempotency key, before it is written in hexadecimal digits.
const KEY_BYTES: usize = 16;

/// Makes the way out a kind of this host's.
///
/// # Errors
/// The kind's name is none: a fault of this program.
pub(crate) fn install(
    endpoints: Endpoints,
    registry: &Arc<Registry>,
    secret: &[u8; 32],
    ended: CancellationToken,
) -> Result<(), id::Error> {
    let shared = Shared { endpoints, registry: Arc::downgrade(registry), key: blake3::derive_key(KEYS, secret), ended };
    registry
        .install_native(Kind::new(HTTP)?, Arc::new(Http { shared: Arc::new(shared), manifest: Manifest::default() }));
    Ok(())
}

/// What all calls need.
struct Shared {
    endpoints: Endpoints,
    /// Asked for grants. Weak: the registry holds this handler.
    registry: Weak<Registry>,
    /// Keys the idempotency keys: those of two systems never meet, whatever their actors are called.
    key: [u8; 32],
    ended: CancellationToken,
}

/// The code of the kind.
struct Http {
    shared: Arc<Shared>,
    manifest: Manifest,
}

#[async_trait]
impl Handler for Http {
    fn version(&self) -> Digest {
        Digest::of(concat!("sys-http ", env!("CARGO_PKG_VERSION")).as_bytes())
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    async fn instance(&self, _: &ActorId) -> Result<Box<dyn Instance>, Fault> {
        Ok(Box::new(Lane(self.shared.clone())))
    }
}

/// One lane for one activation.
struct Lane(Arc<Shared>);

#[async_trait]
impl Instance for Lane {
    async fn handle(&mut self, input: Input<'_>) -> Handled {
        match self.0.call(&input).await {
            Ok(payload) => Handled {
                result: Ok(Outcome::Reply(payload)),
                // A lane keeps nothing: what is left of it goes with its last message.
                effects: Effects { state: StateChange::Delete, ..Effects::default() },
                reusable: true,
                ..Handled::fault(idle())
            },
            Err(fault) => Handled { reusable: true, ..Handled::fault(fault) },
        }
    }
}

/// All of a turn but what it was about.
fn idle() -> Fault {
    host("idle", "")
}

/// What this host cannot do now, and will later: it costs the message no try.
fn host(code: &str, text: impl Into<String>) -> Fault {
    Fault::Host(Problem::new(code, text))
}

fn refused(code: &str, text: impl Into<String>) -> Fault {
    Fault::Refuse(Problem::new(code, text))
}

impl Shared {
    async fn call(&self, input: &Input<'_>) -> Result<Payload, Fault> {
        let message = input.message;
        let endpoint = self.granted(message)?;
        let settings = &endpoint.settings;
        let call = Call::read(message, settings, &self.key_of(message)).map_err(Fault::Refuse)?;
        let left = message.deadline.map(|deadline| Duration::from_millis(deadline.0.saturating_sub(input.now.0)));
        let until = left.map(|left| Instant::now() + left);
        let rest = Rest {
            is_last: input.attempt >= settings.attempts_max,
            is_repeatable: call.is_repeatable(settings),
            now: input.now,
            deadline: message.deadline,
        };
        // Dropping the call is safe, whoever ends it: it is as if the host had crashed, and it is made again.
        let tried = self.ended.run_until_cancelled(within(endpoint, call, until)).await;
        let tried = tried.ok_or_else(|| host("ending", "this host ends: the call is made again by the next"))??;
        decide(tried, rest, settings)
    }

    /// The endpoint, if the sender's kind may call it.
    fn granted(&self, message: &Message) -> Result<&Endpoint, Fault> {
        let id = message.to.id();
        let name = id.split_once('/').map_or(id, |(name, _)| name);
        let sender = message.sender.as_ref().ok_or_else(|| refused("not-granted", "only actors call endpoints"))?;
        let kind = sender.kind();
        let registry = self.registry.upgrade().ok_or_else(|| host("ending", "this host ends"))?;
        let handler = registry.handler(kind);
        let handler = handler.ok_or_else(|| host("kind-not-loaded", format!("kind {kind} is not loaded here")))?;
        if !handler.manifest().may_call(name) {
            let mut grants = handler.manifest().grants.http.clone();
            grants.push(name.into());
            let text =
                format!("{kind} may not call {name}: write `http = {grants:?}` under [grants] in {kind}'s actor.toml");
            return Err(refused("not-granted", text));
        }
        self.endpoints.get(name).ok_or_else(|| {
            let text =
                format!("this host has no endpoint {name:?}: add it to the settings as [[endpoint]], on every host");
            refused("unknown-endpoint", text)
        })
    }

    /// The same for every try and every copy of a message, and for no other message of any system.
    fn key_of(&self, message: &Message) -> String {
        let mut key = [0; KEY_BYTES];
        blake3::Hasher::new_keyed(&self.key).update(message.id.as_str().as_bytes()).finalize_xof().fill(&mut key);
        data_encoding::HEXLOWER.encode(&key)
    }
}

/// One try, once there is room for it. The outer error: it was not made.
async fn within(endpoint: &Endpoint, call: Call, until: Option<Instant>) -> Result<Result<Received, Trouble>, Fault> {
    let (name, timeout) = (&endpoint.settings.name, Duration::from_millis(endpoint.settings.timeout_ms));
    let left = || until.map_or(timeout, |until| timeout.min(until.saturating_duration_since(Instant::now())));
    let busy = || host("endpoint-busy", format!("endpoint {name} has as many calls as it takes (calls_max)"));
    let room = tokio::time::timeout(left(), endpoint.room.acquire()).await;
    let _room = room.map_err(|_| busy())?.map_err(|_| busy())?;
    let limit = left();
    if limit.is_zero() {
        return Err(refused("too-late", "whoever asked for this call waits no longer: it is not made"));
    }
    endpoint.admit().map_err(|wait| {
        let wait_ms = wait.as_millis();
        host(
            "endpoint-rests",
            format!("endpoint {name} fails again and again: it is left in peace for {wait_ms} ms more"),
        )
    })?;
    let tried = tokio::time::timeout(limit, exchange(endpoint, call)).await;
    let late = || Trouble::NoAnswer { reason: format!("no full answer within {} ms", limit.as_millis()) };
    let tried = tried.unwrap_or_else(|_| Err(late()));
    endpoint.note(is_well(&tried));
    Ok(tried)
}
