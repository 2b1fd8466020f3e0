//! One instance of a component, alive for one activation: runs its turns one after the other.
//! The `Instance` that `turn` calls; what happens inside a call is `imports`, what it costs is `budget`.
//! Never goes on after a call that failed: the store is dropped, and with it everything the guest had.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use wasmtime::Store;

use crate::effects::{Effects, Ending, Fault, Outcome, Payload};
use crate::id::ActorId;
use crate::message::Problem;
use crate::wasm::bindings::exports::hydra::actor::{handler, lifecycle};
use crate::wasm::bindings::hydra::actor::types;
use crate::wasm::component::Linked;
use crate::wasm::engine::Slots;
use crate::wasm::fault::{self, Stop};
use crate::wasm::guest::Guest;
use crate::wasm::handler::{Handled, Input, Instance};
use crate::wasm::imports::checked_headers;

/// Host memory that one call may make the host allocate, in bytes.
const HOSTCALL_BYTES_MAX: usize = 8 << 20;
/// Running time and wall time that starting an instance gets at least, whatever a turn gets.
const START_MIN: Duration = Duration::from_secs(1);

/// An instance; until its first turn only the memory for one.
pub(super) struct ComponentInstance {
    linked: Arc<Linked>,
    /// None while a call is under way and for good after one that failed.
    store: Option<Store<Guest>>,
    exports: Option<Exports>,
    /// Dropped last: the pool has room again when the store is gone.
    _slots: Slots,
}

/// The guest's functions, found when it started.
pub(super) struct Exports {
    handler: handler::Guest,
    pub(super) lifecycle: Option<lifecycle::Guest>,
}

impl ComponentInstance {
    /// Nothing of the guest runs yet: it starts in its first turn, with that turn's clock, randomness and log.
    pub(super) fn new(linked: Arc<Linked>, actor: ActorId, slots: Slots) -> Self {
        let mut store = Store::new(&linked.engine.wasmtime, Guest::new(Arc::clone(&linked.manifest), actor));
        store.limiter(|guest| &mut guest.space);
        store.set_hostcall_fuel(HOSTCALL_BYTES_MAX);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().time.tick()?));
        Self { linked, store: Some(store), exports: None, _slots: slots }
    }

    /// Starts the guest: its modules' start functions run under their own, generous budget.
    pub(super) async fn start(linked: &Linked, store: &mut Store<Guest>) -> Result<Exports, wasmtime::Error> {
        let (cpu_max, wall_max) = budget(linked);
        within(store, cpu_max.max(START_MIN), wall_max.max(START_MIN), async |store| {
            let instance = linked.pre.instantiate_async(&mut *store).await?;
            let handler = linked.handler.load(&mut *store, &instance)?;
            let lifecycle = linked.lifecycle.as_ref().map(|found| found.load(&mut *store, &instance)).transpose()?;
            Ok(Exports { handler, lifecycle })
        })
        .await
    }

    /// The store, for a try.
    pub(super) fn store(&mut self) -> Option<&mut Store<Guest>> {
        self.store.as_mut()
    }

    /// One turn. The inner result is the guest's word, the outer one says that the call failed.
    async fn turn(&mut self, store: &mut Store<Guest>, input: &Input<'_>) -> wasmtime::Result<Result<Outcome, Fault>> {
        let exports = match self.exports.take() {
            Some(exports) => exports,
            None => Self::start(&self.linked, store).await?,
        };
        let exports = self.exports.insert(exports);
        let (cpu_max, wall_max) = budget(&self.linked);
        let state_version = self.linked.manifest.state_version;
        within(store, cpu_max, wall_max, async |store| {
            store.data_mut().open(input);
            if let Some(lifecycle) = &exports.lifecycle {
                if let Some(state) = input.state.as_ref().filter(|_| input.state_version != state_version)
                    && let Err(fault) = migrate(lifecycle, store, input, state).await?
                {
                    return Ok(Err(fault));
                }
                if input.activated {
                    lifecycle.call_activated(&mut *store).await?;
                }
            }
            let answer = exports.handler.call_handle(&mut *store, &message(input)).await?;
            Ok(answer.map_err(failed).and_then(|outcome| ended(store.data(), outcome)))
        })
        .await
    }
}

#[async_trait]
impl Instance for ComponentInstance {
    async fn handle(&mut self, input: Input<'_>) -> Handled {
        // Taken out, so that a call that is dropped half-way leaves nothing that could be called again.
        let Some(mut store) = self.store.take() else {
            return Handled::fault(Fault::Host(Problem::new("instance-ended", "this instance has failed before")));
        };
        store.data_mut().prepare(input.now, input.random_key);
        let linked = Arc::clone(&self.linked);
        let running = linked.engine.ticker.running();
        let (answer, cpu) = measured(self.turn(&mut store, &input)).await;
        drop(running);
        let (result, healthy) = match answer {
            Ok(result) => (result, true),
            Err(error) => (Err(fault::of(error, store.data())), false),
        };
        let effects = store.data_mut().close();
        let effects = if result.is_ok() { effects } else { Effects::default() };
        let (logs, log_lines_dropped) = store.data_mut().take_lines();
        self.store = healthy.then_some(store);
        Handled { result, effects, logs, log_lines_dropped, cpu, reusable: healthy }
    }
}

/// The time that one turn gets.
fn budget(linked: &Linked) -> (Duration, Duration) {
    let limits = &linked.manifest.limits;
    (Duration::from_millis(limits.cpu_ms_max), Duration::from_millis(limits.wall_ms_max))
}

/// Calls a guest within a budget. The ticks end one that runs, the timer one that waits.
pub(super) async fn within<T>(
    store: &mut Store<Guest>,
    cpu_max: Duration,
    wall_max: Duration,
    call: impl AsyncFnOnce(&mut Store<Guest>) -> wasmtime::Result<T>,
) -> wasmtime::Result<T> {
    store.data_mut().allow(cpu_max, wall_max);
    store.set_epoch_deadline(1);
    match tokio::time::timeout(wall_max, call(store)).await {
        Ok(result) => result,
        Err(_) => Err(Stop::Wall(wall_max).into()),
    }
}

/// Runs a future to its end and counts the time that it runs itself, not that of its neighbours.
async fn measured<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let mut work = pin!(work);
    let mut spent = Duration::ZERO;
    let answer = poll_fn(|context| {
        let start = Instant::now();
        let polled = work.as_mut().poll(context);
        spent += start.elapsed();
        polled
    })
    .await;
    (answer, spent)
}

/// Lets the guest rewrite state of another version. Its refusal is the inner result; a call that breaks is recognised by
/// `fault` as a migration's.
async fn migrate(
    lifecycle: &lifecycle::Guest,
    store: &mut Store<Guest>,
    input: &Input<'_>,
    state: &[u8],
) -> wasmtime::Result<Result<(), Fault>> {
    store.data_mut().turn.migrating = Some(input.state_version);
    let answer = lifecycle.call_migrate(&mut *store, input.state_version, state).await?;
    let state = match answer {
        Ok(state) => state,
        Err(said) => {
            return Ok(Err(fault::not_migrated(input.state_version, &format!("{}: {}", said.code, said.text))));
        }
    };
    store.data_mut().set_state(state.into())?;
    store.data_mut().turn.migrating = None;
    Ok(Ok(()))
}

fn message(input: &Input<'_>) -> types::Message {
    let message = input.message;
    types::Message {
        id: message.id.as_str().into(),
        sender: message
            .sender
            .as_ref()
            .map(|sender| types::ActorId { kind: sender.kind().to_string(), id: sender.id().into() }),
        subject: message.subject.as_str().into(),
        headers: message.headers.0.clone(),
        body: message.body.to_vec(),
        accepted_at_ms: input.accepted.0,
        attempt: input.attempt,
        reply_token: input.reply_token.clone(),
        answer: input.answer.map(|answer| types::Answer {
            token: answer.token.clone(),
            memo: answer.memo.to_vec(),
            ending: match &answer.ending {
                Ending::Replied => types::Ending::Replied,
                Ending::Done => types::Ending::Done,
                Ending::Refused(problem) => types::Ending::Refused(of_problem(problem)),
                Ending::Failed(problem) => types::Ending::Failed(of_problem(problem)),
                Ending::TimedOut => types::Ending::TimedOut,
            },
        }),
    }
}

fn of_problem(problem: &Problem) -> types::Fault {
    types::Fault { code: problem.code.clone(), text: problem.text.clone() }
}

fn ended(guest: &Guest, outcome: types::Outcome) -> Result<Outcome, Fault> {
    let checked = |payload: types::Payload| {
        guest.check_body(&payload.body)?;
        Ok(Outcome::Reply(Payload { headers: checked_headers(payload.headers)?, body: payload.body.into() }))
    };
    match outcome {
        types::Outcome::Done => Ok(Outcome::Done),
        types::Outcome::Later => Ok(Outcome::Later),
        types::Outcome::Reply(payload) => checked(payload).map_err(Stop::into_fault),
    }
}

fn failed(failure: types::Failure) -> Fault {
    let problem = |fault: types::Fault| fault::guests(&fault.code, &fault.text);
    match failure {
        types::Failure::Refuse(fault) => Fault::Refuse(problem(fault)),
        types::Failure::Fail(fault) => Fault::Fail(problem(fault)),
        types::Failure::Suspend(fault) => Fault::Suspend(problem(fault)),
        types::Failure::Retry(retry) => {
            Fault::Retry { problem: problem(retry.fault), after: retry.after_ms.map(Duration::from_millis) }
        }
    }
}
