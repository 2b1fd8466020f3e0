//! What a run did: for each kind of fault how often, and how long it took until clients were answered again.
//! Printed while a long run goes on, and as a table at its end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::tally::Tally;

/// Progress is told after this many faults.
const TELL_EVERY: u64 = 25;

/// How far the worlds of one test have come together.
#[derive(Debug)]
pub(crate) struct Progress {
    test: String,
    total: u64,
    survived: AtomicU64,
    began: Instant,
}

impl Progress {
    /// Of so many faults none is survived yet.
    pub(crate) fn new(test: &str, total: usize) -> Self {
        Self { test: test.into(), total: total as u64, survived: AtomicU64::new(0), began: Instant::now() }
    }

    /// One more is.
    pub(crate) fn survived(&self) {
        let survived = self.survived.fetch_add(1, Ordering::Relaxed) + 1;
        if survived.is_multiple_of(TELL_EVERY) {
            let Self { test, total, .. } = self;
            let passed = self.began.elapsed();
            let left = passed.mul_f64(total.saturating_sub(survived) as f64 / survived as f64);
            eprintln!("{test}: {survived} of {total} faults survived after {passed:.0?}, {left:.0?} to go");
        }
    }
}

/// Everything that was done to the hosts.
#[derive(Debug, Default)]
pub(crate) struct Report {
    kinds: BTreeMap<String, Kind>,
    pub(crate) tally: Tally,
}

#[derive(Debug, Default)]
struct Kind {
    count: u64,
    slowest: Duration,
    sum: Duration,
}

impl Report {
    /// A fault was survived: clients were answered again after this long.
    pub(crate) fn note(&mut self, kind: impl Into<String>, recovery: Duration) {
        let kind = self.kinds.entry(kind.into()).or_default();
        kind.count += 1;
        kind.sum += recovery;
        kind.slowest = kind.slowest.max(recovery);
    }

    /// Another world's.
    pub(crate) fn add(&mut self, other: Self) {
        for (name, Kind { count, slowest, sum }) in other.kinds {
            let kind = self.kinds.entry(name).or_default();
            kind.count += count;
            kind.sum += sum;
            kind.slowest = kind.slowest.max(slowest);
        }
        self.tally.add(other.tally);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| fault | times | answered again after, mean | slowest |\n|---|---|---|---|")?;
        for (name, Kind { count, slowest, sum }) in &self.kinds {
            let mean = u32::try_from(*count).ok().and_then(|count| sum.checked_div(count)).unwrap_or_default();
            writeln!(f, "| {name} | {count} | {} ms | {} ms |", mean.as_millis(), slowest.as_millis())?;
        }
        write!(f, "{}", self.tally)
    }
}
