//! What the workloads have found: how much was accepted and handled, and everything that is not as promised.
//! Filled by the workloads, printed at the end of a run.

use std::fmt;

use anyhow::{Result, ensure};

/// Complaints that are told in full.
const TOLD: usize = 20;

/// The sum of what was found.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Messages whose outcome or acceptance a client was told.
    pub(crate) accepted: u64,
    /// Messages of which no client knows whether they were stored: each may have happened once or not at all.
    pub(crate) unknown: u64,
    /// Turns that are in the actors' states.
    pub(crate) turns: u64,
    /// Accepted and not applied.
    pub(crate) lost: u64,
    /// Applied more than once, or applied without having been sent.
    pub(crate) doubled: u64,
    /// Applied before something that was sent earlier.
    pub(crate) misplaced: u64,
    /// Sentences for people.
    pub(crate) complaints: Vec<String>,
}

impl Tally {
    /// Notes that something should be `expected` and is `found`: less is lost, more is doubled.
    pub(crate) fn compare(&mut self, what: impl fmt::Display, expected: u64, found: u64) {
        self.lost += expected.saturating_sub(found);
        self.doubled += found.saturating_sub(expected);
        if expected != found {
            self.complaints.push(format!("{what}: {found} instead of {expected}"));
        }
    }

    /// Another world's.
    pub(crate) fn add(&mut self, mut other: Self) {
        self.accepted += other.accepted;
        self.unknown += other.unknown;
        self.turns += other.turns;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.misplaced += other.misplaced;
        self.complaints.append(&mut other.complaints);
    }

    /// As promised?
    ///
    /// # Errors
    /// Everything that is not.
    pub(crate) fn check(&self) -> Result<()> {
        let told = self.complaints.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join("\n");
        ensure!(self.lost + self.doubled + self.misplaced == 0 && self.complaints.is_empty(), "{self}\n{told}");
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, unknown, turns, lost, doubled, misplaced, .. } = self;
        write!(f, "accepted {accepted} (and {unknown} of which no client knows), turns {turns}, ")?;
        write!(f, "lost {lost}, doubled {doubled}, misplaced {misplaced}")
    }
}
