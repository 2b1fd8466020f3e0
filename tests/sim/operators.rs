//! What people do to actors in a simulation, and what they were told. Called by the driver and when everything settles.

use std::time::Duration;

use hydra::backend::Backend;
use hydra::client::{Asked, Client, Operation};
use hydra::deadletter::{self, DeadLetter};
use hydra::id::{ActorId, Seq};
use hydra::message::Status;
use hydra::record::{self, Record};
use hydra_tests::scripted::actor;

use super::guests::{ACCOUNTS, COUNTERS, HOPS, Told};
use super::waiters::{ANSWERERS, ASKERS, CLOCKS};
use super::world::{Running, World};

/// Dead letters from which an operator chooses.
const LETTERS_MAX: usize = 100;
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
pub(crate) struct Taken {
    pub(crate) letter: DeadLetter,
    /// Its message was put into the mailbox again; else it was dropped.
    pub(crate) is_replayed: bool,
}

impl World {
    /// A dead letter that a human may take: the commit that made it is through, so it must never come again.
    async fn letter(&self, which: usize) -> Option<DeadLetter> {
        let letters = deadletter::list(&self.store, None, Seq(0), LETTERS_MAX).await.expect("dead letters");
        // Mostly of one that is stuck: nobody looks at the others.
        let suspended = suspended(&self.store).await;
        let stuck: Vec<&DeadLetter> = letters.iter().filter(|letter| suspended.contains(&letter.actor)).collect();
        let any = || letters.get(which % letters.len().max(1));
        let letter = stuck.get(which % stuck.len().max(1)).copied().or_else(any)?;
        let is_taken = self.taken.iter().any(|taken| taken.letter.id == letter.id);
        let is_free = !is_taken && self.faults.witness().has_handed_over(&letter.actor);
        is_free.then(|| letter.clone())
    }

    /// Drops a dead letter.
    pub(crate) async fn drop_letter(&mut self, which: usize) {
        let Some(letter) = self.letter(which).await else { return };
        self.faults.note(&format!("an operator: drops dead letter {}", letter.id));
        assert!(deadletter::drop(&self.store, &letter.id).await.expect("a dead letter"), "it was there");
        self.taken.push(Taken { letter, is_replayed: false });
    }

    /// Has a dead letter's message handled again, through one of the hosts, sometimes twice at once.
    pub(crate) async fn replay_letter(&mut self, which: usize, through: usize) {
        // Whether a doubtful one was handled before is what a human finds out: here nobody does.
        let Some(letter) = self.letter(which).await.filter(|letter| letter.reason != "doubtful") else { return };
        let Running { node, link } = &self.nodes[through];
        let times = self.faults.draw(|random| random.usize(1..=2));
        link.note(&format!("an operator: replays dead letter {}, {times} times", letter.id));
        for _ in 0..times {
            let (backend, client, id) = (link.backend(), node.client(), letter.id.clone());
            self.senders.spawn(async move { deadletter::replay(&backend, &client, &id).await });
        }
        self.taken.push(Taken { letter, is_replayed: true });
    }
}
