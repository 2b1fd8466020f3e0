//! Workload: journals, whose state is everything they were told, in order. One client writes 0, 1, 2 … without waiting
//! for anything but acceptance: under keys, repeated until accepted, or without, each once; one is suspended and resumed
//! meanwhile. Shows that every accepted message is applied exactly once, in the order of sending, parked or not.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use hydra_tests::guest::{BODY, Guest};
use tokio_util::sync::CancellationToken;

use crate::caller::{Caller, Told};
use crate::tally::Tally;

/// Entries of one journal: then its writer begins another, so that states stay small.
const ENTRIES: usize = 500;
/// Of so many entries …
const ROUND: usize = 20;
/// … so many are written while the journal is suspended.
const SUSPENDED: usize = 8;
/// A journal that is suspended for so long has its messages parked: every second time it is.
const PARKED_AFTER: Duration = Duration::from_secs(7);

/// The journal's component: it appends a message's body to the state.
pub(crate) fn component() -> Bytes {
    let (body, len) = BODY;
    let handle = format!(
        "(local $old i32) (local $new i32)
         (call $state.get (i32.const 256))
         (if (i32.load8_u (i32.const 256)) (then (local.set $old (i32.load (i32.const 264)))))
         (local.set $new (call $alloc (i32.const 0) (i32.const 0) (i32.const 1)
           (i32.add (local.get $old) (i32.load offset={len} (local.get $msg)))))
         (if (local.get $old) (then
           (memory.copy (local.get $new) (i32.load (i32.const 260)) (local.get $old))))
         (memory.copy (i32.add (local.get $new) (local.get $old))
           (i32.load offset={body} (local.get $msg)) (i32.load offset={len} (local.get $msg)))
         (call $state.set (local.get $new) (i32.add (local.get $old) (i32.load offset={len} (local.get $msg))))
         (call $done)"
    );
    Guest::new(&handle).calls(&["state.get", "state.set"]).build()
}

/// How a client writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Each entry has a key and is repeated until it is accepted.
    Keyed,
    /// The same; of [`ROUND`] entries the first [`SUSPENDED`] find the journal suspended.
    Suspended,
    /// Each entry is sent once.
    Once,
}

/// What one client wrote.
pub(crate) struct Journal {
    caller: Arc<Caller>,
    name: &'static str,
    way: Way,
    /// For each journal, what was told of its entries.
    written: Mutex<Vec<Vec<Told>>>,
}

impl Journal {
    /// Journals of this name.
    pub(crate) fn new(caller: Arc<Caller>, name: &'static str, way: Way) -> Arc<Self> {
        Arc::new(Self { caller, name, way, written: Mutex::default() })
    }

    /// Writes until it is stopped.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        while !stop.is_cancelled() {
            let (journal, entry) = self.next();
            let actor = format!("journal/{}-{journal}", self.name);
            self.act(&actor, entry, &stop).await?;
            let path = format!("{actor}/write");
            let body = u32::try_from(entry)?.to_le_bytes().to_vec();
            let told = match self.way {
                Way::Keyed | Way::Suspended => {
                    self.caller.send(&path, body, &format!("{entry}")).await.map(|()| Told::Accepted)?
                }
                Way::Once => self.caller.send_once(&path, body).await,
            };
            self.written()[journal].push(told);
        }
        Ok(())
    }

    /// What an operator does before an entry.
    async fn act(&self, actor: &str, entry: usize, stop: &CancellationToken) -> Result<()> {
        match (self.way, entry % ROUND) {
            (Way::Suspended, 0) => self.caller.operate(actor, "suspend").await,
            (Way::Suspended, SUSPENDED) => {
                let is_long = entry % (2 * ROUND) > ROUND;
                if is_long {
                    let _ = tokio::time::timeout(PARKED_AFTER, stop.cancelled()).await;
                }
                self.caller.operate(actor, "resume").await
            }
            _ => Ok(()),
        }
    }

    fn next(&self) -> (usize, usize) {
        let mut written = self.written();
        if written.last().is_none_or(|last| last.len() == ENTRIES) {
            written.push(Vec::new());
        }
        let journal = written.len() - 1;
        (journal, written[journal].len())
    }

    fn written(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Told>>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is it all as it should be?
    pub(crate) async fn check(&self, tally: &mut Tally) -> Result<()> {
        let written = self.written().clone();
        for (journal, told) in written.iter().enumerate() {
            let name = format!("{}-{journal}", self.name);
            if self.way == Way::Suspended {
                self.caller.operate(&format!("journal/{name}"), "resume").await?;
            }
            // An empty entry leaves no trace; its answer comes when everything accepted before is handled.
            let outcome =
                self.caller.ask(&format!("journal/{name}/write"), "", &format!("check-{}", told.len())).await?;
            ensure!(outcome.status == 204, "journal {name} ended with {}", outcome.status);
            let state = self.caller.get(&format!("/v1/actors/journal/{name}/state")).await?.unwrap_or_default();
            judge(&name, told, &entries(&state), tally);
        }
        Ok(())
    }
}

fn entries(state: &[u8]) -> Vec<usize> {
    state.chunks(4).map(|bytes| bytes.try_into().map_or(usize::MAX, |four| u32::from_le_bytes(four) as usize)).collect()
}

/// Compares what was written with what is there. An entry of which nobody knows whether it was accepted may come late.
fn judge(name: &str, told: &[Told], found: &[usize], tally: &mut Tally) {
    let (mut seen, mut last) = (BTreeSet::new(), None);
    for entry in found {
        if !seen.insert(*entry) || *entry >= told.len() {
            tally.doubled += 1;
            tally.complaints.push(format!("journal {name}: entry {entry} is there again, or was never written"));
        } else if told[*entry] == Told::NotStored {
            tally.doubled += 1;
            tally
                .complaints
                .push(format!("journal {name}: entry {entry} is there, and its client was told that it is not"));
        } else if told[*entry] == Told::Accepted {
            if last > Some(*entry) {
                tally.misplaced += 1;
                tally.complaints.push(format!("journal {name}: entry {entry} stands behind a later one"));
            }
            last = last.max(Some(*entry));
        }
    }
    for (entry, told) in told.iter().enumerate() {
        match told {
            Told::Accepted => tally.accepted += 1,
            Told::NotStored => {}
            Told::Nothing => tally.unknown += 1,
        }
        if *told == Told::Accepted && !seen.contains(&entry) {
            tally.lost += 1;
            tally.complaints.push(format!("journal {name}: entry {entry} was accepted and is not there"));
        }
    }
    tally.turns += found.len() as u64;
}

#[test]
fn a_journal_that_is_not_as_written_is_noticed() {
    let judged = |found: &[usize]| {
        let mut tally = Tally::default();
        judge(
            "one",
            &[Told::Accepted, Told::Accepted, Told::Nothing, Told::Accepted, Told::NotStored],
            found,
            &mut tally,
        );
        (tally.lost, tally.doubled, tally.misplaced)
    };
    assert_eq!(judged(&[0, 1, 3]), (0, 0, 0));
    assert_eq!(judged(&[0, 1, 2, 3]), (0, 0, 0));
    assert_eq!(judged(&[0, 1, 3, 2]), (0, 0, 0));
    assert_eq!(judged(&[0, 3]), (1, 0, 0));
    assert_eq!(judged(&[0, 1, 1, 3]), (0, 1, 0));
    assert_eq!(judged(&[1, 0, 3]), (0, 0, 1));
    assert_eq!(judged(&[0, 1, 3, 4]), (0, 1, 0));
    assert_eq!(judged(&[0, 1, 3, 5]), (0, 1, 0));
}
