//! What a run did: for each kind of fault how often, and how long it took until clients were answered again.
//! Printed while a long run goes on, and as a table at its end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::tally::Tally;

/// Progress is told after this many faults.
const TELL_EVERY: u64 = 100;

/// Everything that was done to the hosts.
#[derive(Debug, Default)]
pub(crate) struct Report {
    kinds: BTreeMap<String, Kind>,
    total: u64,
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
        self.total += 1;
        if self.total.is_multiple_of(TELL_EVERY) {
            eprintln!("{} faults survived", self.total);
        }
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
