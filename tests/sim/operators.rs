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

/// An operator waits for the answer this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// An operation that was answered: whose, the message's id, and how.
pub(crate) type Operated = (ActorId, String, Status);

/// All actors that operators act on.
pub(crate) fn actors() -> Vec<ActorId> {
    let named = |kind: &'static str, count: usize| (0..count).map(move |id| actor(&format!("{kind}/{id}")));
    named("counter", COUNTERS).chain(named("hop", HOPS)).chain(named("account", ACCOUNTS)).collect()
}

/// An actor's record.
pub(crate) async fn record(store: &Backend, of: &ActorId) -> Record {
    let row = store.actors.get(&record::key(of)).await.expect("a row");
    row.map_or_else(Record::default, |row| Record::decode(&row).expect("a record"))
}

/// The actors that wait for a human.
pub(crate) async fn suspended(store: &Backend) -> Vec<ActorId> {
    let mut suspended = Vec::new();
    for of in actors() {
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

/// Acts on an actor through one of the hosts.
pub(crate) async fn operate(client: Client, to: ActorId, operation: Operation) -> Option<Operated> {
    match client.operate(to.clone(), operation, PATIENCE).await {
        Ok(Asked::Answered(answer)) => Some((to, answer.id.to_string(), answer.status)),
        Ok(Asked::TimedOut(_)) | Err(_) => None,
    }
}

/// Drops a dead letter whose message's commit is through: it must never come again.
pub(crate) async fn drop_letter(store: &Backend, which: usize) -> Option<DeadLetter> {
    let letters = deadletter::list(store, None, Seq(0), 100).await.expect("dead letters");
    let letter = letters.get(which % letters.len().max(1))?;
    if !record(store, &letter.actor).await.outbox.is_empty() {
        return None;
    }
    deadletter::drop(store, &letter.id).await.expect("a dead letter").then(|| letter.clone())
}
