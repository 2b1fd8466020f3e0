//! The turn of `sys-http`: may the sender call this endpoint, and what comes of the call? And how the ways out become kinds.
//! Handles the kind behind the same border as guests, but its call is out before the turn is committed: a crash repeats it.
//! Never logs a path, a header or a body.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::call::Call;
use super::endpoint::{Endpoint, Endpoints};
use super::exchange::{Received, Trouble, exchange};
use super::gate::{Gate, host, refused};
use super::sink::Nats;
use super::verdict::{Rest, decide, is_well};
use crate::backend::Log;
use crate::config;
use crate::digest::Digest;
use crate::effects::{Effects, Fault, Outcome, Payload, StateChange};
use crate::id::{self, ActorId, HTTP, Kind, NATS};
use crate::manifest::Manifest;
use crate::message::Message;
use crate::registry::Registry;
use crate::wasm::{Handled, Handler, Input, Instance};

/// How long a call waits for room with its message in memory; then it goes on waiting in the log.
const ROOM_WAIT: Duration = Duration::from_secs(2);

/// Makes the ways out kinds of this host's. One that is there already stays: a scenario plays the outside itself.
///
/// # Errors
/// A kind's name is none: a fault of this program.
pub(crate) fn install(
    endpoints: Endpoints,
    sinks: &[config::Sink],
    log: Arc<dyn Log>,
    registry: &Arc<Registry>,
    secret: &[u8; 32],
    ended: CancellationToken,
) -> Result<(), id::Error> {
    let gate = Arc::new(Gate::new(registry, secret));
    let nats = Nats::new(sinks, gate.clone(), log);
    let http = Http { shared: Arc::new(Shared { endpoints, gate, ended }), manifest: Manifest::default() };
    let ways: [(Kind, Arc<dyn Handler>); 2] = [(Kind::new(NATS)?, Arc::new(nats)), (Kind::new(HTTP)?, Arc::new(http))];
    for (kind, handler) in ways {
        if registry.handler(&kind).is_none() {
            registry.install_native(kind, handler);
        }
    }
    Ok(())
}

/// What all calls need.
struct Shared {
    endpoints: Endpoints,
    gate: Arc<Gate>,
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
        Digest::of(format!("{HTTP} {}", env!("CARGO_PKG_VERSION")).as_bytes())
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
        ended(self.0.call(&input).await)
    }
}

/// The end of a lane's turn. A lane keeps nothing: what is left of it goes with its last message.
pub(super) fn ended(done: Result<Payload, Fault>) -> Handled {
    let effects = Effects { state: StateChange::Delete, ..Effects::default() };
    Handled::native(done.map(|payload| (Outcome::Reply(payload), effects)))
}

impl Shared {
    async fn call(&self, input: &Input<'_>) -> Result<Payload, Fault> {
        let message = input.message;
        let endpoint = self.granted(message)?;
        let settings = &endpoint.settings;
        let call = Call::read(message, settings, &self.gate.key_of(message)).map_err(Fault::Refuse)?;
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
        let name = self.gate.pass(message, "http", |grants| &grants.http)?;
        self.endpoints.get(name).ok_or_else(|| {
            let text =
                format!("this host has no endpoint {name:?}: add it to the settings as [[endpoint]], on every host");
            refused("unknown-endpoint", text)
        })
    }
}

/// One try, once there is room for it. The outer error: it was not made.
async fn within(endpoint: &Endpoint, call: Call, until: Option<Instant>) -> Result<Result<Received, Trouble>, Fault> {
    let (name, timeout) = (&endpoint.settings.name, Duration::from_millis(endpoint.settings.timeout_ms));
    let left = || until.map_or(timeout, |until| timeout.min(until.saturating_duration_since(Instant::now())));
    let busy = || host("endpoint-busy", format!("endpoint {name} has as many calls as it takes (calls_max)"));
    let room = tokio::time::timeout(left().min(ROOM_WAIT), endpoint.room.acquire()).await;
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
    match tokio::time::timeout(limit, exchange(endpoint, call)).await {
        Ok(tried) => {
            endpoint.note(is_well(&tried));
            Ok(tried)
        }
        Err(_) => {
            // Whoever gives an endpoint less time than its settings do says nothing about it, and must not close it for others.
            if limit == timeout {
                endpoint.note(false);
            }
            Ok(Err(Trouble::NoAnswer { reason: format!("no full answer within {} ms", limit.as_millis()) }))
        }
    }
}
