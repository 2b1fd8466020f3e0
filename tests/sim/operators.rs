//! What people do to actors in a simulation, and what they were told. Called by the driver and when everything settles.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hydra::backend::Backend;
use hydra::client::{Asked, Client, Operation};
use hydra::deadletter::{self, DeadLetter};
use hydra::id::{ActorId, Seq};
use hydra::message::Status;
use hydra::record::{self, Record};
use hydra_tests::faults::Faults;
use hydra_tests::scripted::actor;
use tokio_util::task::TaskTracker;

use super::guests::{ACCOUNTS, COUNTERS, HOPS, Told};
use super::waiters::{ANSWERERS, ASKERS, CLOCKS};
use super::world::Running;

/// Dead letters from which an operator chooses.
const LETTERS_MAX: usize = 10_000;
/// An operator waits for the answer this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// An operation that was answered: whose, the message's id, and how.
pub(crate) type Operated = (ActorId, String, Status);

/// All actors that operators act on.
pub(crate) fn actors() -> Vec<ActorId> {
    let named = |kind: &'static str, count: usize| (0..count).map(move |id| actor(&format!("{kind}/{id}")));
    named("counter", COUNTERS).chain(named("hop", HOPS)).chain(named("account", ACCOUNTS)).collect()
}

/// Those that wait for times and answers: nobody deletes them or skips what they are told.
pub(crate) fn waiters() -> Vec<ActorId> {
    let named = |kind: &'static str, count: usize| (0..count).map(move |id| actor(&format!("{kind}/{id}")));
    named("clock", CLOCKS).chain(named("asker", ASKERS)).chain(named("answerer", ANSWERERS)).collect()
}

/// An actor's record.
pub(crate) async fn record(store: &Backend, of: &ActorId) -> Record {
    let row = store.actors.get(&record::key(of)).await.expect("a row");
    row.map_or_else(Record::default, |row| Record::decode(&row).expect("a record"))
}

/// The actors that wait for a human.
pub(crate) async fn suspended(store: &Backend) -> Vec<ActorId> {
    let mut suspended = Vec::new();
    for of in actors().into_iter().chain(waiters()) {
        if matches!(record(store, &of).await.status, record::Status::Suspended(_)) {
            suspended.push(of);
        }
    }
    suspended
}

/// What an operator may do to this actor: nothing that would lose what the oracles need.
pub(crate) fn operation(of: &ActorId, choice: u32) -> Operation {
    let told = serde_json::to_vec(&Told::default()).expect("a state");
    match (of.kind().as_str(), choice) {
        ("counter", 0..15) => Operation::Delete,
        ("counter", 15..30) => Operation::SetState(told.into()),
        ("counter" | "hop", 30..50) => Operation::Skip,
        (_, 0..65) => Operation::Suspend,
        _ => Operation::Resume,
    }
}

/// What an operator may do to an actor that is suspended.
pub(crate) fn of_suspended(of: &ActorId, choice: u32) -> Operation {
    let may_skip = ["counter", "hop"].contains(&of.kind().as_str()) && choice < 40;
    if may_skip { Operation::Skip } else { Operation::Resume }
}

/// Acts on an actor through one of the hosts.
pub(crate) async fn operate(client: Client, to: ActorId, operation: Operation) -> Option<Operated> {
    match client.operate(to.clone(), operation, PATIENCE).await {
        Ok(Asked::Answered(answer)) => Some((to, answer.id.to_string(), answer.status)),
        Ok(Asked::TimedOut(_)) | Err(_) => None,
    }
}

/// A dead letter that an operator took.
#[derive(Clone)]
pub(crate) struct Taken {
    pub(crate) letter: DeadLetter,
    /// Its message was put into the mailbox again; else it was dropped.
    pub(crate) is_replayed: bool,
}

/// The dead letters of a simulation, as an operator sees them.
#[derive(Clone)]
pub(crate) struct Letters {
    store: Backend,
    faults: Arc<Faults>,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Letters {
    /// None is taken yet.
    pub(crate) fn new(store: &Backend, faults: &Arc<Faults>) -> Self {
        Self { store: store.clone(), faults: faults.clone(), taken: Arc::default() }
    }

    /// Those that an operator took.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().expect("dead letters").clone()
    }

    /// Those that a human may take: the commit that made them is through, so they must never come again.
    async fn free(&self) -> Vec<DeadLetter> {
        let mut letters = deadletter::list(&self.store, None, Seq(0), LETTERS_MAX).await.expect("dead letters");
        let taken: BTreeSet<String> = self.taken().into_iter().map(|taken| taken.letter.id).collect();
        let witness = self.faults.witness();
        letters.retain(|letter| !taken.contains(&letter.id) && witness.has_handed_over(&letter.actor));
        letters
    }

    fn take(&self, letter: &DeadLetter, is_replayed: bool) {
        self.taken.lock().expect("dead letters").push(Taken { letter: letter.clone(), is_replayed });
    }

    /// Drops one of them.
    pub(crate) async fn drop(&self, which: usize) {
        let letters = self.free().await;
        let Some(letter) = letters.get(which % letters.len().max(1)) else { return };
        self.faults.note(&format!("an operator: drops dead letter {}", letter.id));
        assert!(deadletter::drop(&self.store, &letter.id).await.expect("a dead letter"), "it was there");
        self.take(letter, false);
    }

    /// Drops what an actor was stuck at, and was skipped.
    pub(crate) async fn drop_skipped(&self, of: &ActorId) {
        let letters = self.free().await;
        let is_skipped = |letter: &DeadLetter| letter.actor == *of && letter.reason == "skipped";
        if let Some(which) = letters.iter().rposition(is_skipped) {
            self.drop(which).await;
        }
    }

    /// Has a message handled again, through one of the hosts, sometimes twice at once.
    pub(crate) async fn replay(&self, which: usize, through: &Running, tasks: &TaskTracker) {
        let mut letters = self.free().await;
        // Whether a doubtful one was handled before is what a human finds out: here nobody does.
        letters.retain(|letter| letter.reason != "doubtful");
        let Some(letter) = letters.get(which % letters.len().max(1)) else { return };
        let times = self.faults.draw(|random| random.usize(1..=2));
        through.link.note(&format!("an operator: replays dead letter {}, {times} times", letter.id));
        for _ in 0..times {
            let (backend, client, id) = (through.link.backend(), through.node.client(), letter.id.clone());
            tasks.spawn(async move { deadletter::replay(&backend, &client, &id).await });
        }
        self.take(letter, true);
    }
}
