//! What a row measures: from the first turn to the last, in wall time and in the CPU time of this process and the server.
//! What comes before is another measure: a host that starts, claims its buckets and opens them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::usage::Usage;

/// One moment, and what both processes had used by then.
struct Mark {
    at: Instant,
    used: [Usage; 2],
}

/// Turns that are counted.
pub(crate) struct Course {
    turns: u64,
    left: AtomicU64,
    /// This process and the server.
    processes: [u32; 2],
    began: OnceLock<Mark>,
    ended: OnceLock<Mark>,
    /// The last turn is done.
    pub(crate) reached: CancellationToken,
}

/// Turns per second, and the CPU microseconds of this process and of the server that each took.
pub(crate) struct Row {
    pub(crate) rate: f64,
    pub(crate) own: f64,
    pub(crate) server: f64,
}

impl Course {
    /// Of so many turns, with this server.
    pub(crate) fn new(turns: u64, server: u32) -> Self {
        let (left, processes) = (AtomicU64::new(turns), [std::process::id(), server]);
        let (began, ended, reached) = (OnceLock::new(), OnceLock::new(), CancellationToken::new());
        Self { turns, left, processes, began, ended, reached }
    }

    /// A turn begins: the first one starts the clock.
    pub(crate) fn begin(&self) {
        self.began.get_or_init(|| self.mark());
    }

    /// So many turns are done: the last one stops it.
    pub(crate) fn done(&self, turns: usize) {
        if self.left.fetch_sub(turns as u64, Ordering::Relaxed) == turns as u64 {
            self.ended.get_or_init(|| self.mark());
            self.reached.cancel();
        }
    }

    /// What was measured, once the last turn is done.
    pub(crate) fn row(&self) -> Row {
        let (began, ended) = (self.began.get().unwrap(), self.ended.get().unwrap());
        let turns = self.turns as f64;
        let used = |process: usize| began.used[process].until(&ended.used[process]).as_secs_f64() * 1e6 / turns;
        Row { rate: turns / (ended.at - began.at).as_secs_f64(), own: used(0), server: used(1) }
    }

    fn mark(&self) -> Mark {
        Mark { at: Instant::now(), used: self.processes.map(Usage::of) }
    }
}
