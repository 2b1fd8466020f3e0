//! The host in a native test: settings go in, effects come out, nothing happens by itself.
//! Called by `context` and `turn`; `test` makes one for each turn and applies the effects if the turn ended well.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::test::Sent;
use crate::{ActorId, Headers, Level, Payload, Timer};

/// What the simulated host answers.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) actor: ActorId,
    pub(crate) state: Option<Vec<u8>>,
    pub(crate) now_ms: u64,
    pub(crate) random_seed: u64,
    pub(crate) config: BTreeMap<String, String>,
}

/// What the turn asked for.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// The new state; `Some(None)`: forget the actor.
    pub(crate) state: Option<Option<Vec<u8>>>,
    pub(crate) sends: Vec<Sent>,
    pub(crate) answers: Vec<(String, Payload)>,
    /// Timers and requests, in the order of asking.
    pub(crate) changes: Vec<Change>,
    pub(crate) logs: Vec<(Level, String)>,
    /// How often random bytes were drawn, in groups of eight.
    draws: u64,
}

/// A change of what the actor waits for.
#[derive(Debug)]
pub(crate) enum Change {
    Set(String, Timer),
    Cancel(String),
    Expect {
        token: String,
        memo: Vec<u8>,
        due_ms: u64,
    },
    /// The actor is forgotten.
    Forget,
}

/// One turn's host.
pub(crate) struct Host {
    settings: Settings,
    effects: RefCell<Effects>,
}

impl Host {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, effects: RefCell::default() }
    }

    pub(crate) fn into_effects(self) -> Effects {
        self.effects.into_inner()
    }

    pub(crate) fn actor(&self) -> ActorId {
        self.settings.actor.clone()
    }

    pub(crate) fn log(&self, level: Level, text: &str) {
        self.effects.borrow_mut().logs.push((level, text.to_owned()));
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.settings.now_ms
    }

    pub(crate) fn random(&self, len: u32) -> Vec<u8> {
        let mut effects = self.effects.borrow_mut();
        let groups = u64::from(len.div_ceil(8));
        let from = effects.draws;
        effects.draws += groups;
        let bytes = (from..effects.draws).flat_map(|draw| scramble(self.settings.random_seed, draw).to_le_bytes());
        bytes.take(len as usize).collect()
    }

    pub(crate) fn config(&self, key: &str) -> Option<String> {
        self.settings.config.get(key).cloned()
    }

    pub(crate) fn state(&self) -> Option<Vec<u8>> {
        self.settings.state.clone()
    }

    pub(crate) fn set_state(&self, bytes: &[u8]) {
        self.effects.borrow_mut().state = Some(Some(bytes.to_vec()));
    }

    pub(crate) fn delete_state(&self) {
        let mut effects = self.effects.borrow_mut();
        effects.state = Some(None);
        effects.changes.push(Change::Forget);
    }

    pub(crate) fn send(&self, to: ActorId, subject: &str, headers: Headers, body: Vec<u8>) {
        let subject = subject.to_owned();
        self.effects.borrow_mut().sends.push(Sent { to, subject, headers, body, request: None });
    }

    pub(crate) fn request(
        &self,
        to: ActorId,
        subject: &str,
        headers: Headers,
        body: Vec<u8>,
        timeout_ms: u64,
        memo: Vec<u8>,
    ) -> String {
        let mut effects = self.effects.borrow_mut();
        let number = u64::try_from(effects.sends.len()).unwrap_or(u64::MAX);
        let token = format!("test-{:016x}", scramble(!self.settings.random_seed, number));
        let (subject, request) = (subject.to_owned(), Some(token.clone()));
        effects.sends.push(Sent { to, subject, headers, body, request });
        let due_ms = self.settings.now_ms.saturating_add(timeout_ms);
        effects.changes.push(Change::Expect { token: token.clone(), memo, due_ms });
        token
    }

    pub(crate) fn answer(&self, reply_token: &str, headers: Headers, body: Vec<u8>) {
        self.effects.borrow_mut().answers.push((reply_token.to_owned(), Payload { headers, body }));
    }

    pub(crate) fn set_timer(&self, name: &str, timer: Timer) {
        self.effects.borrow_mut().changes.push(Change::Set(name.to_owned(), timer));
    }

    pub(crate) fn cancel_timer(&self, name: &str) {
        self.effects.borrow_mut().changes.push(Change::Cancel(name.to_owned()));
    }
}

/// The `draw`-th number of a seed (splitmix64): equal in every run, different for every draw.
fn scramble(seed: u64, draw: u64) -> u64 {
    let mixed = seed.wrapping_add(draw.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
