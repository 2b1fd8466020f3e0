//! Wall time as the log sees it: Unix milliseconds that never go back.
//! Ground floor. The only place that asks the system for the time of day.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970, as the log's server tells them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// How far apart two moments are, whichever is the later.
    #[must_use]
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }

    /// This long before, at the earliest 1970.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// This long after.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match i64::try_from(self.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()) {
            Some(stamp) => stamp.fmt(f),
            None => self.0.fmt(f),
        }
    }
}

/// Tells the time; shared by everything that serves one log.
#[derive(Debug)]
pub struct Clock {
    /// The latest moment told so far: the system's clock may be set back, a log's never.
    latest: AtomicU64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    System,
    /// Tokio's clock, which tests can pause and advance.
    Runtime {
        start: Time,
        since: tokio::time::Instant,
    },
    /// Nothing but `latest`: stands still until it is moved on.
    Hand,
}

impl Clock {
    /// The machine's time of day, never earlier than `not_before`.
    #[must_use]
    pub fn system(not_before: Time) -> Self {
        Self { latest: AtomicU64::new(not_before.0), source: Source::System }
    }

    /// Tokio's clock counted from `start`: in a paused runtime, time is the test's.
    #[must_use]
    pub fn of_runtime(start: Time) -> Self {
        Self { latest: AtomicU64::new(start.0), source: Source::Runtime { start, since: tokio::time::Instant::now() } }
    }

    /// Stands at `start` until [`Clock::not_before`] moves it: for tests of stores that work on threads of their own.
    #[must_use]
    pub fn by_hand(start: Time) -> Self {
        Self { latest: AtomicU64::new(start.0), source: Source::Hand }
    }

    /// Moves the clock on to `time`, if it is not there yet: a log that was opened again never goes back.
    pub fn not_before(&self, time: Time) {
        self.latest.fetch_max(time.0, Ordering::Relaxed);
    }

    /// Now; never earlier than what was told before.
    #[must_use]
    pub fn now(&self) -> Time {
        let told = match &self.source {
            Source::System => system_now(),
            Source::Runtime { start, since } => start.plus(since.elapsed()),
            Source::Hand => Time::default(),
        };
        Time(self.latest.fetch_max(told.0, Ordering::Relaxed).max(told.0))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system's clock")]
fn system_now() -> Time {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Time(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_never_goes_back_behind_its_log() {
        let clock = Clock::system(Time(u64::MAX - 1));
        assert_eq!(clock.now(), Time(u64::MAX - 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_runtime_clock_moves_with_paused_time() {
        let clock = Clock::of_runtime(Time(1_000));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), Time(6_000));
    }
}
