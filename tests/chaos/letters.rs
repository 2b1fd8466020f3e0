//! Workload: messages that can never be handled (`sample-actors/poison`), between others that can.
//! Shows that each becomes exactly one dead letter, the one that its sender was told of, that no other message does, and
//! that a failed turn leaves nothing behind.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use hydra::http::view::{DeadLetters, Problem};
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;
use crate::tally::Tally;

/// Between two messages that fail, so many that do not.
const GOOD: u64 = 3;

/// What one client sent to one actor.
pub(crate) struct Letters {
    caller: Arc<Caller>,
    name: &'static str,
    messages: AtomicU64,
    good: AtomicU64,
    /// The dead letters that the client was told of.
    told: Mutex<BTreeSet<String>>,
    complaints: Mutex<Vec<String>>,
}

impl Letters {
    /// The actor of this name.
    pub(crate) fn new(caller: Arc<Caller>, name: &'static str) -> Arc<Self> {
        let [messages, good] = [const { AtomicU64::new(0) }; 2];
        Arc::new(Self { caller, name, messages, good, told: Mutex::default(), complaints: Mutex::default() })
    }

    /// Sends until it is stopped.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        while !stop.is_cancelled() {
            let number = self.messages.fetch_add(1, Ordering::Relaxed);
            let is_good = number % (GOOD + 1) != GOOD;
            let path = format!("poison/{}/{}", self.name, if is_good { "ok" } else { "fail" });
            let outcome = self.caller.ask(&path, "", &format!("{}-{number}", self.name)).await?;
            if is_good {
                ensure!(outcome.status == 200, "{path} ended with {}", outcome.status);
                let (count, expected): (u64, u64) =
                    (serde_json::from_slice(&outcome.body)?, self.good.fetch_add(1, Ordering::Relaxed) + 1);
                if count != expected {
                    self.complain(format!("{path} counts {count} instead of {expected}"));
                }
            } else {
                ensure!(outcome.status == 422, "{path} ended with {}", outcome.status);
                let problem: Problem = serde_json::from_slice(&outcome.body)?;
                let id = problem.dead_letter.context("the dead letter's id")?;
                if !self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone()) {
                    self.complain(format!("two messages became the dead letter {id}"));
                }
            }
        }
        Ok(())
    }

    fn complain(&self, sentence: String) {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).push(sentence);
    }

    /// Is it all as it should be? Nobody else's messages become dead letters.
    pub(crate) async fn check(&self, tally: &mut Tally) -> Result<()> {
        let messages = self.messages.load(Ordering::Relaxed);
        tally.accepted += messages;
        tally.turns += messages;
        tally.complaints.append(&mut self.complaints.lock().unwrap_or_else(PoisonError::into_inner));
        let path = format!("poison/{}/counts", self.name);
        let counts = self.caller.ask(&path, "", &format!("check-{messages}")).await?;
        let (good, leaked): (u64, u64) = serde_json::from_slice(&counts.body)?;
        tally.compare(format!("{}: messages that can be handled", self.name), self.good.load(Ordering::Relaxed), good);
        tally.compare(format!("{}: traces of failed turns", self.name), 0, leaked);

        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for letter in self.stored().await? {
            if !told.remove(&letter) {
                tally.doubled += 1;
                tally.complaints.push(format!("dead letter {letter} is there twice, or should not be"));
            }
        }
        for letter in told {
            tally.lost += 1;
            tally.complaints.push(format!("dead letter {letter} is not there"));
        }
        Ok(())
    }

    /// The ids of all dead letters.
    async fn stored(&self) -> Result<Vec<String>> {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let path = after.map_or("/v1/dead-letters".to_owned(), |after| format!("/v1/dead-letters?after={after}"));
            let page: DeadLetters = serde_json::from_slice(&self.caller.get(&path).await?.context("a page")?)?;
            ids.extend(page.dead_letters.into_iter().map(|letter| letter.id));
            match page.next {
                Some(next) => after = Some(next.0),
                None => return Ok(ids),
            }
        }
    }
}
