//! Runs an actor natively, without sandbox and host: `cargo test` is enough.
//! Calls `turn` as the sandbox does, and applies effects as the host does: all of a turn's, or none.
//! Never delivers anything by itself: what an actor sends is in the turn, for the test to look at or to deliver.
//! Not checked here, because the host does it: grants and limits of `actor.toml`, the grammar of names and headers.

mod waits;

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::{Change, Host, Settings};
use crate::{Actor, ActorId, Context, Headers, Level, Message, Outcome, Payload, Success, turn};
use waits::Waits;

/// One actor under test. Time stands still until the test moves it; randomness is the same in every run.
#[derive(Debug)]
pub struct Harness<A> {
    settings: Settings,
    /// Messages so far: numbers their ids.
    messages: u64,
    /// The next turn is the first since the actor slept.
    asleep: bool,
    waits: Waits,
    actor: PhantomData<fn() -> A>,
}

/// A message from the test.
#[derive(Debug, Clone)]
pub struct Incoming(Message);

/// What one turn did. Sends are empty when it failed; logs are not.
#[derive(Debug)]
pub struct Turn {
    /// How it ended.
    pub outcome: Outcome,
    /// What it sent, in order.
    pub sends: Vec<Sent>,
    /// Answers to messages of earlier turns, each with its reply token.
    pub answers: Vec<(String, Payload)>,
    /// What it logged, in order.
    pub logs: Vec<(Level, String)>,
    /// Whether it wrote or deleted the state.
    pub state_changed: bool,
}

/// A message that a turn sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The receiver.
    pub to: ActorId,
    /// What it is.
    pub subject: String,
    /// The actor's headers.
    pub headers: Headers,
    /// The bytes.
    pub body: Vec<u8>,
    /// It is a request: its token, for `Harness::end_request`.
    pub request: Option<String>,
}

impl<A: Actor> Harness<A> {
    /// A new actor `KIND/ID`, at a fixed time.
    #[must_use]
    pub fn new(actor: &str) -> Self {
        let (kind, id) = actor.split_once('/').unwrap_or((actor, ""));
        let actor = ActorId::new(kind, id);
        let settings =
            Settings { actor, state: None, now_ms: 1_700_000_000_000, random_seed: 0, config: BTreeMap::new() };
        Self { settings, messages: 0, asleep: false, waits: Waits::default(), actor: PhantomData }
    }

    /// Sends a JSON body from outside, and runs the turn.
    pub fn send(&mut self, subject: &str, value: &impl Serialize) -> Turn {
        self.deliver(Incoming::new(subject).json(value))
    }

    /// Runs the turn of this message.
    pub fn deliver(&mut self, message: Incoming) -> Turn {
        let (turn, changes) = self.run(message);
        self.waits.apply(changes, self.settings.now_ms);
        turn
    }

    fn run(&mut self, message: Incoming) -> (Turn, Vec<Change>) {
        self.messages += 1;
        let mut message = message.0;
        message.accepted_at_ms = self.settings.now_ms;
        if message.id.is_empty() {
            message.id = format!("test:{}", self.messages);
        }
        let mut settings = self.settings.clone();
        settings.random_seed = settings.random_seed.wrapping_mul(31).wrapping_add(self.messages);
        let activated = self.asleep || settings.state.is_none();
        let context = Context::new(Host::new(settings));
        let outcome = turn::run::<A>(&context, &message, activated);
        let effects = context.host.into_effects();
        if outcome.is_err() {
            let (sends, answers) = (Vec::new(), Vec::new());
            return (Turn { outcome, sends, answers, logs: effects.logs, state_changed: false }, Vec::new());
        }
        self.asleep = false;
        let state_changed = effects.state.is_some();
        if let Some(state) = effects.state {
            self.settings.state = state;
        }
        let (sends, answers) = (effects.sends, effects.answers);
        (Turn { outcome, sends, answers, logs: effects.logs, state_changed }, effects.changes)
    }

    /// The stored bytes; none for an actor that is new or deleted.
    #[must_use]
    pub fn state(&self) -> Option<&[u8]> {
        self.settings.state.as_deref()
    }

    /// Stores these bytes, as another version or an operator might have done.
    pub fn set_state(&mut self, bytes: Option<&[u8]>) {
        self.settings.state = bytes.map(Into::into);
    }

    /// Migrates the stored bytes as the host does after `state_version` in `actor.toml` was raised.
    ///
    /// # Errors
    /// The actor's own fault; the stored bytes stay.
    pub fn migrate(&mut self, from_version: u32) -> Result<(), crate::Fault> {
        if let Some(state) = self.settings.state.clone() {
            self.settings.state = Some(A::migrate(from_version, state)?);
        }
        Ok(())
    }

    /// Puts the actor to sleep: its next turn begins with `activated`.
    pub fn sleep(&mut self) {
        self.asleep = true;
    }

    /// Moves the clock, in Unix milliseconds.
    pub fn set_now_ms(&mut self, now_ms: u64) {
        self.settings.now_ms = now_ms;
    }

    /// Chooses another run of randomness.
    pub fn set_random(&mut self, seed: u64) {
        self.settings.random_seed = seed;
    }

    /// Sets a key of `[config]`.
    pub fn set_config(&mut self, key: &str, value: &str) {
        self.settings.config.insert(key.into(), value.into());
    }
}

impl Incoming {
    /// A message from outside, with an empty body.
    #[must_use]
    pub fn new(subject: &str) -> Self {
        Self(Message {
            id: String::new(),
            sender: None,
            subject: subject.into(),
            headers: Headers::default(),
            body: Vec::new(),
            accepted_at_ms: 0,
            attempt: 1,
            reply_token: None,
            answer: None,
        })
    }

    /// Somebody waits for the outcome: with this reply token a later turn answers.
    #[must_use]
    pub fn reply_token(mut self, token: &str) -> Self {
        self.0.reply_token = Some(token.into());
        self
    }

    /// What `sender` sent, on its way to the receiver.
    #[must_use]
    pub fn of(sent: &Sent, sender: &str) -> Self {
        let mut message = Self::new(&sent.subject).body(sent.body.as_slice()).sender(sender);
        message.0.headers = sent.headers.clone();
        message
    }

    /// A JSON body.
    #[must_use]
    #[expect(clippy::expect_used, reason = "only in tests: the test's own value must be JSON")]
    pub fn json(self, value: &impl Serialize) -> Self {
        self.body(serde_json::to_vec(value).expect("the test's body is JSON"))
    }

    /// These bytes as body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.push(name, value);
        self
    }

    /// Sent by the actor `KIND/ID`.
    #[must_use]
    pub fn sender(mut self, sender: &str) -> Self {
        let (kind, id) = sender.split_once('/').unwrap_or((sender, ""));
        self.0.sender = Some(ActorId::new(kind, id));
        self
    }

    /// Its id, instead of a running number.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.0.id = id.into();
        self
    }

    /// Which try this is.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.0.attempt = attempt;
        self
    }
}

impl Turn {
    /// The reply, read as JSON. Fails the test when there is none, or another.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "only in tests: it is the test that fails")]
    pub fn reply<T: DeserializeOwned>(&self) -> T {
        match &self.outcome {
            Ok(Success::Reply(payload)) => match serde_json::from_slice(&payload.body) {
                Ok(value) => value,
                Err(error) => panic!("the reply is not what the test expects: {error}"),
            },
            other => panic!("no reply: {other:?}"),
        }
    }

    /// The code of the fault; none when the turn ended well.
    #[must_use]
    pub fn fault_code(&self) -> Option<&str> {
        self.outcome.as_ref().err().map(|failure| failure.fault().code.as_str())
    }
}

impl Sent {
    /// The body, read as JSON. Fails the test when it is not.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "only in tests: it is the test that fails")]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{} is not what the test expects: {error}", self.subject),
        }
    }
}
