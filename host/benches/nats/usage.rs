//! The CPU time that a process has used: from the kernel's account, in its ticks of usually 10 ms.

use std::time::Duration;

/// A process's CPU time since its start, in and outside the kernel.
#[derive(Clone, Copy)]
pub(crate) struct Usage(u64);

/// Ticks per second, as Linux counts for every program.
const TICKS: f64 = 100.0;

impl Usage {
    /// Of this process; nothing where there is no such account.
    pub(crate) fn of(process: u32) -> Self {
        let account = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // Behind the name, which may hold blanks: state is the first field, user and system time are the 12th and 13th.
        let fields = account.rsplit(')').next().unwrap_or_default().split_whitespace();
        Self(fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum())
    }

    /// What was used between two looks.
    pub(crate) fn until(self, later: &Self) -> Duration {
        Duration::from_secs_f64((later.0 - self.0) as f64 / TICKS)
    }
}
