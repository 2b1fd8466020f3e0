//! The end of a simulation: the faults stop, and everything must come to rest with every bucket served by exactly one node
//! and nothing waiting but what a suspended actor holds. Then all hosts are started anew, and nothing at all is left.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hydra::backend::Queue;
use hydra::client::Operation;
use hydra::id::{ActorId, BucketId, Cursor, Seq};
use hydra_tests::faults::{Rates, pass};

use super::operators::{actors, operate, record, suspended, waiters};
use super::oracle;
use super::world::{Outcome, World, stopped};

/// Once the faults have stopped, everything must be done within this much of the simulation's time.
const SETTLES_WITHIN: Duration = Duration::from_secs(1_200);
/// It must stay so for this many seconds.
const QUIET_FOR: u32 = 3;
/// More messages than any actor of a simulation has parked.
const PARKED_MAX: usize = 100_000;

impl World {
    /// The faults stop, and everything must come to an end.
    pub(crate) async fn settle(mut self) -> Outcome {
        let turns = self.guests.turns.load(Ordering::Relaxed);
        self.faults.note("the faults stop");
        self.faults.set(Rates::default());
        self.guests.mend();
        self.faults.surfacing.close();
        let mut complaints = Vec::new();
        if tokio::time::timeout(SETTLES_WITHIN, self.faults.surfacing.wait()).await.is_err() {
            complaints.push("what was on its way never arrives".to_owned());
        }
        self.faults.surfacing.reopen();
        // One actor stays suspended for a while: what waits for it must hold up nobody.
        let kept: BTreeSet<ActorId> = suspended(&self.store).await.into_iter().take(1).collect();
        self.rest("with one suspended actor", &kept, &mut complaints).await;
        self.rest("with all actors at work", &BTreeSet::new(), &mut complaints).await;
        while !self.nodes.is_empty() {
            self.kill(0);
        }
        self.start().await;
        self.rest("started anew", &BTreeSet::new(), &mut complaints).await;
        for of in actors().into_iter().chain(waiters()) {
            let left = self.store.log.read(Queue::Parked, Some(&of), Seq(0), PARKED_MAX).await.expect("a queue");
            if !left.is_empty() {
                complaints.push(format!("does not settle: {} copies of {of}'s messages stay parked", left.len()));
            }
        }
        complaints.append(&mut self.stopped);
        complaints.extend(self.nodes.iter().flat_map(|one| stopped(&one.node)));
        let seen = std::mem::take(&mut *self.faults.witness());
        complaints.extend(oracle::check(&self, &seen).await);
        Outcome { events: seen.events, turns, parkings: seen.parkings, complaints }
    }

    /// Resumes everybody but these.
    async fn resume(&self, kept: &BTreeSet<ActorId>) {
        let Some(one) = self.nodes.first() else { return };
        for of in suspended(&self.store).await.into_iter().filter(|of| !kept.contains(of)) {
            operate(one.node.client(), of, Operation::Resume).await;
        }
    }

    /// Waits until all is done and stays so.
    async fn rest(&self, when: &str, kept: &BTreeSet<ActorId>, complaints: &mut Vec<String>) {
        self.faults.note(&format!("to be at rest {when}"));
        let mut quiet = 0;
        let mut why = Vec::new();
        let at_rest = async {
            while quiet < QUIET_FOR {
                pass(Duration::from_secs(1)).await;
                // Again and again: an operator's message that was on its way may have suspended one since.
                self.resume(kept).await;
                why = self.unrest(kept).await;
                quiet = if why.is_empty() { quiet + 1 } else { 0 };
            }
        };
        if tokio::time::timeout(SETTLES_WITHIN, at_rest).await.is_err() {
            complaints.push(format!("does not settle {when}: {}", why.join("; ")));
        }
    }

    /// What is not done.
    async fn unrest(&self, kept: &BTreeSet<ActorId>) -> Vec<String> {
        let mut why = Vec::new();
        for bucket in self.store.log.buckets() {
            why.extend(self.unserved(bucket));
        }
        why.extend(
            self.nodes.iter().filter_map(|one| Some(format!("node {}: {}", one.link.name, one.node.ready().err()?))),
        );
        if !why.is_empty() {
            return why;
        }
        for of in waiters().into_iter().filter(|of| !kept.contains(of)) {
            let waits = record(&self.store, &of).await.waits;
            why.extend((!waits.is_empty()).then(|| format!("{of} waits: {waits:?}")));
        }
        for of in actors().into_iter().chain(waiters()) {
            why.extend(self.unhandled(&of, kept.contains(&of)).await);
        }
        why
    }

    /// Why a bucket is not done, or not one node's.
    fn unserved(&self, bucket: BucketId) -> Option<String> {
        let owners: Vec<u32> =
            self.nodes.iter().filter(|one| one.node.serves().contains(&bucket)).map(|one| one.link.name).collect();
        if owners.len() != 1 {
            return Some(format!("bucket {bucket} is served by {owners:?}"));
        }
        let witness = self.faults.witness();
        let (last, done) = (witness.last.get(&bucket)?, witness.acknowledged.get(&bucket));
        (done < Some(last)).then(|| format!("bucket {bucket} is done up to {done:?} of {last:?}"))
    }

    /// Why an actor is not done: it is parked, though it could work; or what it says of its parked messages is wrong.
    async fn unhandled(&self, of: &ActorId, may_wait: bool) -> Option<String> {
        let parked = record(&self.store, of).await.parked?;
        if !may_wait {
            return Some(format!("{of} is still parked: {parked}"));
        }
        let queue = self.store.log.read(Queue::Parked, Some(of), Seq(0), PARKED_MAX).await.expect("a queue");
        let origins = queue.iter().map(|copy| copy.id.as_str().parse::<Cursor>().expect("a place"));
        let waiting: BTreeSet<Seq> =
            origins.map(|origin| origin.seq).filter(|seq| *seq > parked.position.seq).collect();
        let count = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
        (count != parked.count).then(|| format!("{of} counts {parked}, but {waiting:?} wait"))
    }
}
