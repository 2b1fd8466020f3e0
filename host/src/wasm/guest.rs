//! What the host keeps for one instance while it lives: the turn under way, its log lines, its budgets.
//! The data of wasmtime's store: `instance` begins and ends turns on it, `imports` and `wasi` fill it.
//! Never outlives its activation.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;

use crate::clock::Time;
use crate::effects::{Effects, LogLine, StateChange};
use crate::guard::lock;
use crate::id::{ActorId, Cursor};
use crate::manifest::Manifest;
use crate::timer::Waits;
use crate::wasm::budget;
use crate::wasm::fault::Stop;
use crate::wasm::handler::Input;
use crate::wasm::lines::Lines;

/// What the random stream is derived for; part of its key's use, so that no other use yields the same bytes.
const RANDOM_DOMAIN: &[u8] = b"hydra turn random v1";

/// The data of one store.
pub(super) struct Guest {
    pub(super) manifest: Arc<Manifest>,
    pub(super) actor: ActorId,
    pub(super) time: budget::Time,
    pub(super) space: budget::Space,
    pub(super) turn: Turn,
    /// Made when the guest first calls WASI; most never do.
    pub(super) wasi: Option<(WasiCtx, ResourceTable)>,
    /// Shared with the guest's standard output and error.
    lines: Arc<Mutex<Lines>>,
}

/// The turn under way.
pub(super) struct Turn {
    /// Whether the guest may ask for effects: not while it starts and not while it describes itself.
    open: bool,
    /// While the guest rewrites its state: the version that it comes from.
    pub(super) migrating: Option<u32>,
    /// The guest's time of day.
    pub(super) now: Time,
    pub(super) random_key: [u8; 32],
    /// Begun by the first call that wants random bytes.
    random: Option<blake3::OutputReader>,
    /// The state as the guest sees it: what it last set.
    state: Option<Bytes>,
    /// Where the message stands, once the turn is open.
    pub(super) origin: Option<Cursor>,
    /// When whoever asked for this turn waits no longer.
    pub(super) deadline: Option<Time>,
    /// Timers and pending requests as the guest has left them.
    pub(super) waits: Waits,
    pub(super) waits_changed: bool,
    pub(super) effects: Effects,
    sends_bytes: u64,
}

impl Turn {
    /// Before the first turn: the guest may look at the clock and log, but has no state and no effects.
    fn closed(now: Time, random_key: [u8; 32]) -> Self {
        Self {
            open: false,
            migrating: None,
            now,
            random_key,
            random: None,
            state: None,
            origin: None,
            deadline: None,
            waits: Waits::default(),
            waits_changed: false,
            effects: Effects::default(),
            sends_bytes: 0,
        }
    }
}

impl Guest {
    /// For a new instance of this actor.
    pub(super) fn new(manifest: Arc<Manifest>, actor: ActorId) -> Self {
        let lines = Arc::new(Mutex::new(Lines::new(&manifest.limits)));
        let space = budget::Space::new(&manifest.limits);
        let time = budget::Time::new(Duration::ZERO, Duration::ZERO);
        let turn = Turn::closed(Time::default(), [0; 32]);
        Self { manifest, actor, time, space, turn, wasi: None, lines }
    }

    /// Gives the guest the turn's clock and randomness, but not yet its state: it starts.
    pub(super) fn prepare(&mut self, now: Time, random_key: [u8; 32]) {
        self.turn = Turn::closed(now, random_key);
        self.space.refused = None;
    }

    /// Opens the turn that was prepared.
    pub(super) fn open(&mut self, input: &Input<'_>) {
        self.turn.state.clone_from(&input.state);
        self.turn.waits = input.waits.clone();
        self.turn.origin = Some(input.origin);
        self.turn.deadline = input.message.deadline;
        self.turn.open = true;
    }

    /// A new time budget for the call that follows.
    pub(super) fn allow(&mut self, cpu_max: Duration, wall_max: Duration) {
        self.time = budget::Time::new(cpu_max, wall_max);
    }

    /// Ends the turn: what it asked for, and nothing stays behind.
    pub(super) fn close(&mut self) -> Effects {
        self.turn.open = false;
        self.turn.state = None;
        let waits = std::mem::take(&mut self.turn.waits);
        let waits = std::mem::take(&mut self.turn.waits_changed).then_some(waits);
        Effects { waits, ..std::mem::take(&mut self.turn.effects) }
    }

    /// The log of this instance.
    pub(super) fn lines(&self) -> MutexGuard<'_, Lines> {
        lock(&self.lines)
    }

    /// The same log, to be held by a stream.
    pub(super) fn shared_lines(&self) -> Arc<Mutex<Lines>> {
        Arc::clone(&self.lines)
    }

    /// What it said of a panic, which comes out of it as a mere trap.
    pub(super) fn panic_message(&self) -> Option<String> {
        self.lines().panic_message()
    }

    /// What was logged since the last call of this, and how many lines were too many.
    pub(super) fn take_lines(&mut self) -> (Vec<LogLine>, u32) {
        self.lines().take()
    }

    /// The next bytes of the turn's random stream.
    pub(super) fn random(&mut self, bytes: &mut [u8]) {
        let key = &self.turn.random_key;
        let begin = || blake3::Hasher::new_keyed(key).update(RANDOM_DOMAIN).finalize_xof();
        self.turn.random.get_or_insert_with(begin).fill(bytes);
    }

    /// The state as the guest left it.
    pub(super) fn state(&self) -> Result<Option<&Bytes>, Stop> {
        self.check_open("state.get")?;
        Ok(self.turn.state.as_ref())
    }

    /// Replaces the state.
    pub(super) fn set_state(&mut self, bytes: Bytes) -> Result<(), Stop> {
        self.check_open("state.set")?;
        let limit = self.manifest.limits.state_bytes_max;
        if over(bytes.len(), limit) {
            return Err(Stop::denied(
                "state-too-large",
                format!("state of {} bytes, limit {limit} (limits.state_bytes_max in actor.toml)", bytes.len()),
            ));
        }
        self.turn.state = Some(bytes.clone());
        self.turn.effects.state = StateChange::Set(bytes);
        Ok(())
    }

    /// Forgets the actor, and all that it waits for.
    pub(super) fn delete_state(&mut self) -> Result<(), Stop> {
        self.check_open("state.delete")?;
        self.turn.state = None;
        self.turn.effects.state = StateChange::Delete;
        self.turn.waits = Waits::default();
        self.turn.waits_changed = true;
        Ok(())
    }

    /// Adds a message to what the turn sends, within its limits.
    pub(super) fn push_send(&mut self, send: crate::effects::Send) -> Result<(), Stop> {
        self.count(send.body.len() + send.headers.bytes() + send.subject.as_str().len() + send.to.id().len())?;
        self.turn.effects.sends.push(send);
        Ok(())
    }

    /// Counts one more message or late answer of so many bytes.
    pub(super) fn count(&mut self, bytes: usize) -> Result<(), Stop> {
        let (limits, effects) = (&self.manifest.limits, &self.turn.effects);
        let sum = self.turn.sends_bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if over(effects.sends.len() + effects.answers.len() + 1, limits.sends_max.into()) {
            let text = format!("more than {} messages in one turn (limits.sends_max in actor.toml)", limits.sends_max);
            return Err(Stop::denied("too-many-sends", text));
        }
        if sum > limits.sends_bytes_max {
            let limit = limits.sends_bytes_max;
            let text =
                format!("messages of {sum} bytes in one turn, limit {limit} (limits.sends_bytes_max in actor.toml)");
            return Err(Stop::denied("sends-too-large", text));
        }
        self.turn.sends_bytes = sum;
        Ok(())
    }

    /// Fails outside a turn.
    pub(super) fn check_open(&self, call: &str) -> Result<(), Stop> {
        if self.turn.open { Ok(()) } else { Err(Self::outside(call)) }
    }

    /// The denial of a call that only a turn may make.
    pub(super) fn outside(call: &str) -> Stop {
        let text = format!("{call} was called outside a turn: only handle, activated and migrate may");
        Stop::denied("outside-a-turn", text)
    }

    /// Fails when a body is longer than the kind may send.
    pub(super) fn check_body(&self, body: &[u8]) -> Result<(), Stop> {
        let limit = self.manifest.limits.body_bytes_max;
        if over(body.len(), limit) {
            let text = format!("body of {} bytes, limit {limit} (limits.body_bytes_max in actor.toml)", body.len());
            return Err(Stop::denied("body-too-large", text));
        }
        Ok(())
    }
}

fn over(size: usize, limit: u64) -> bool {
    u64::try_from(size).map_or(true, |size| size > limit)
}
