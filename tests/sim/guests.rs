//! The handlers of the simulation. Each keeps a journal of what it was told, so that a loss, a double or a change of order
//! shows in its state; what it does is a function of the message, so that the oracle can foretell it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use hydra::digest::Digest;
use hydra::effects::{Fault, Outcome, Payload, StateChange};
use hydra::id::ActorId;
use hydra::manifest::Manifest;
use hydra::message::{Headers, Problem};
use hydra::wasm::{Handled, Handler, Input, Instance};
use hydra_tests::faults::pass;
use hydra_tests::scripted::{actor, broken, ok, sending};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::waiters::{self, Asked, Clock};

/// Actors that pass chains of messages on, and delete themselves now and then.
pub(crate) const HOPS: usize = 7;
/// Actors that send each other money.
pub(crate) const ACCOUNTS: usize = 5;
/// Actors that are told what may fail.
pub(crate) const COUNTERS: usize = 3;
/// What every account has at first.
pub(crate) const OPENED: i64 = 100;

/// The reason with which a message may become a dead letter by what its receiver does.
pub(crate) fn foreseen_end(subject: &str) -> Option<&'static str> {
    match subject {
        "transfer" => Some("insufficient"),
        "refuse" => Some("refused"),
        "fail" => Some("failed"),
        "break" => Some("trap"),
        _ => None,
    }
}

/// The state of every actor here.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Told {
    /// What it was told since it was created, in order.
    pub(crate) journal: Vec<String>,
    /// A ledger's: what another actor was told before it deleted itself.
    pub(crate) archive: Vec<String>,
    /// Money that came, less money that went.
    pub(crate) balance: i64,
    /// Credits by the account that they went to.
    pub(crate) sent: BTreeMap<String, u64>,
    /// Credits by the account that they came from.
    pub(crate) received: BTreeMap<String, u64>,
    /// Credits that did not have the next number of their sender.
    pub(crate) misnumbered: u64,
    /// A clock's timers, by name.
    pub(crate) clocks: BTreeMap<String, Clock>,
    /// An asker's requests, by name.
    pub(crate) asked: BTreeMap<String, Asked>,
    /// An answerer's debts: reply tokens, and what they are for.
    pub(crate) owed: Vec<(String, String)>,
}

impl Told {
    /// Reads a state.
    pub(crate) fn read(state: Option<&[u8]>) -> Self {
        state.map_or_else(Self::default, |state| serde_json::from_slice(state).expect("a state of ours"))
    }
}

/// A message to be sent: receiver, subject, body. The body's first word names it and is never used twice.
pub(crate) type Outgoing = (ActorId, String, String);

/// What a chain's message sends on: the same on every try, and what the oracle expects.
pub(crate) fn passes_on(body: &str) -> Vec<Outgoing> {
    let mut words = body.split(' ');
    let (Some(uid), Some(depth)) = (words.next(), words.next().and_then(|depth| depth.parse::<u32>().ok())) else {
        return Vec::new();
    };
    let mut random = Rng::with_seed(uid.bytes().fold(7, |seed, byte| seed * 31 % 1_000_003 + u64::from(byte)));
    let count = if depth == 0 { 0 } else { [0, 1, 1, 2, 3][random.usize(..5)] };
    let next = |index: usize| {
        let to = actor(&format!("hop/{}", random.usize(..HOPS)));
        let subject = ["hop", "hop", "hop", "hop", "slow", "retry", "trap", "forget"][random.usize(..8)];
        (to, subject.to_owned(), format!("{uid}.{index} {}", depth - 1))
    };
    (0..count).map(next).collect()
}

/// The code of all kinds.
pub(crate) struct Guests {
    /// Turns that were run.
    pub(crate) turns: AtomicUsize,
    /// Some messages take seconds.
    is_slow: bool,
    outages: Mutex<Vec<Outage>>,
    manifest: Manifest,
}

/// For some time, certain actors can handle nothing.
#[derive(Debug, Clone)]
pub(crate) struct Outage {
    /// Whose: an actor's name, or the beginning of several.
    pub(crate) whose: String,
    /// How each try ends.
    pub(crate) how: How,
    /// When it is over.
    pub(crate) until: Instant,
}

/// How a turn ends that cannot be handled now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// The host has no code for it.
    Host,
    /// The guest asks to try again.
    Retry,
    /// The guest asks for a human.
    Suspend,
}

impl Guests {
    /// Code that handles everything.
    pub(crate) fn new(is_slow: bool) -> Arc<Self> {
        let (turns, outages) = (AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { turns, is_slow, outages, manifest: Manifest::default() })
    }

    /// Has some actors handle nothing for a while.
    pub(crate) fn fail(&self, outage: Outage) {
        let mut outages = self.outages.lock().expect("outages");
        outages.retain(|outage| outage.until > Instant::now());
        outages.push(outage);
    }

    /// Everything can be handled again.
    pub(crate) fn mend(&self) {
        self.outages.lock().expect("outages").clear();
    }

    fn outage(&self, of: &ActorId) -> Option<Fault> {
        let (name, outages) = (of.to_string(), self.outages.lock().expect("outages"));
        let outage = outages.iter().find(|one| one.until > Instant::now() && name.starts_with(&one.whose))?;
        let problem = Problem::new("out", "not now");
        Some(match outage.how {
            How::Host => Fault::Host(problem),
            How::Retry => Fault::Retry { problem, after: Some(Duration::from_secs(2)) },
            How::Suspend => Fault::Suspend(problem),
        })
    }

    /// Takes as long as this message takes.
    async fn work(&self, input: &Input<'_>) {
        // A real guest takes time: others get their turn meanwhile.
        tokio::task::yield_now().await;
        if self.is_slow && input.message.subject.as_str() == "slow" {
            let longest = [10, 100, 1_000, 7_000][input.message.body.len() % 4];
            pass(Duration::from_millis(longest)).await;
        }
    }
}

/// The guests as a kind's handler.
#[derive(Clone)]
pub(crate) struct Code(pub(crate) Arc<Guests>);

#[async_trait]
impl Handler for Code {
    fn version(&self) -> Digest {
        Digest::of(b"simulated")
    }

    fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    async fn instance(&self, _: &ActorId) -> Result<Box<dyn Instance>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Instance for Code {
    async fn handle(&mut self, input: Input<'_>) -> Handled {
        self.0.turns.fetch_add(1, Ordering::Relaxed);
        self.0.work(&input).await;
        self.0.outage(&input.message.to).map_or_else(|| handle(&input), Handled::fault)
    }
}

fn handle(input: &Input<'_>) -> Handled {
    let body = String::from_utf8_lossy(&input.message.body).into_owned();
    let words: Vec<&str> = body.split(' ').collect();
    let (mut told, own) = (Told::read(input.state.as_deref()), input.message.to.id().to_owned());
    if let Some(handled) = waiters::handle(input, &mut told) {
        return handled;
    }
    let mut outgoing = Vec::new();
    let fault = |code: &str| Handled::fault(Fault::Refuse(Problem::new(code, "as the script says")));
    match input.message.subject.as_str() {
        "hop" | "add" | "slow" => outgoing = passes_on(&body),
        "retry" if input.attempt <= 3 => {
            return Handled::fault(Fault::Retry { problem: Problem::new("busy", "not yet"), after: None });
        }
        "trap" if input.attempt <= 2 => return Handled::fault(broken()),
        "retry" | "trap" => outgoing = passes_on(&body),
        "forget" => {
            told.journal.push(words[0].to_owned());
            let ledger = format!("{}-{own}", input.message.to.kind());
            let text = format!("{}.j {}", words[0], told.journal.join(","));
            return finish(StateChange::Delete, vec![(actor(&format!("ledger/{ledger}")), "archive".into(), text)], 0);
        }
        "archive" => told.archive.extend(words[1].split(',').map(str::to_owned)),
        "refuse" => return fault("refused"),
        "fail" => return Handled::fault(Fault::Fail(Problem::new("failed", "as the script says"))),
        "break" => return Handled::fault(broken()),
        "transfer" => {
            let amount: i64 = words[2].parse().expect("an amount");
            if told.balance + OPENED < amount {
                return fault("insufficient");
            }
            told.balance -= amount;
            let number = told.sent.entry(words[1].into()).or_default();
            *number += 1;
            let text = format!("{}.c {amount} {number}", words[0]);
            outgoing.push((actor(&format!("account/{}", words[1])), "credit".into(), text));
        }
        "credit" => {
            let sender = input.message.sender.as_ref().map(|sender| sender.id().to_owned()).unwrap_or_default();
            let number = told.received.entry(sender).or_default();
            *number += 1;
            told.misnumbered += u64::from(words[2] != number.to_string());
            told.balance += words[1].parse::<i64>().expect("an amount");
        }
        other => return fault(other),
    }
    told.journal.push(words[0].to_owned());
    let count = told.journal.len();
    finish(StateChange::Set(serde_json::to_vec(&told).expect("a state").into()), outgoing, count)
}

fn finish(state: StateChange, outgoing: Vec<Outgoing>, count: usize) -> Handled {
    let sends = outgoing.into_iter().map(|(to, subject, body)| sending(&to, &subject, body)).collect();
    ok(Outcome::Reply(Payload { headers: Headers::default(), body: count.to_string().into() }), state, sends)
}
