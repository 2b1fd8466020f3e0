//! The handlers of the simulation. Each keeps a journal of what it was told, so that a loss, a double or a change of order
//! shows in its state; what it does is a function of the message, so that the oracle can foretell it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fastrand::Rng;
use hydra::effects::{Fault, Outcome, Payload, StateChange};
use hydra::id::ActorId;
use hydra::message::{Headers, Problem};
use hydra::wasm::{Handled, Input};
use hydra_tests::scripted::{Scripted, actor, broken, ok, sending};
use serde::{Deserialize, Serialize};

/// Actors that pass chains of messages on, and delete themselves now and then.
pub(crate) const HOPS: usize = 7;
/// Actors that send each other money.
pub(crate) const ACCOUNTS: usize = 5;
/// Actors that are told what may fail.
pub(crate) const COUNTERS: usize = 3;
/// What every account has at first.
pub(crate) const OPENED: i64 = 100;
/// Codes of the problems that guests end messages with: the only ones, but for `doubtful`, that may be found.
pub(crate) const EXPECTED_ENDS: [&str; 4] = ["insufficient", "refused", "failed", "trap"];

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
        let subject = ["hop", "hop", "hop", "hop", "retry", "trap", "forget"][random.usize(..7)];
        (to, subject.to_owned(), format!("{uid}.{index} {}", depth - 1))
    };
    (0..count).map(next).collect()
}

/// The handler of all kinds. `turns` counts.
pub(crate) fn handler(turns: Arc<AtomicUsize>) -> Arc<Scripted> {
    Scripted::new(move |input| {
        turns.fetch_add(1, Ordering::Relaxed);
        handle(input)
    })
}

fn handle(input: &Input<'_>) -> Handled {
    let body = String::from_utf8_lossy(&input.message.body).into_owned();
    let words: Vec<&str> = body.split(' ').collect();
    let (mut told, own) = (Told::read(input.state.as_deref()), input.message.to.id().to_owned());
    let mut outgoing = Vec::new();
    let fault = |code: &str| Handled::fault(Fault::Refuse(Problem::new(code, "as the script says")));
    match input.message.subject.as_str() {
        "hop" | "add" => outgoing = passes_on(&body),
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
