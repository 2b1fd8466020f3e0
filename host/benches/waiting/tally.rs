//! What handlers note: how often something happened, from when to when, and how long after its time.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use hdrhistogram::Histogram;
use tokio::sync::Semaphore;

/// Longest delay that is told apart, in microseconds.
const MICROS_MAX: u64 = 600_000_000;

/// One count.
pub(crate) struct Tally {
    noted: Mutex<Noted>,
    /// A permit for each.
    count: Semaphore,
}

struct Noted {
    span: Option<(Instant, Instant)>,
    late: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let late = Histogram::new_with_max(MICROS_MAX, 3).unwrap();
        Self { noted: Mutex::new(Noted { span: None, late }), count: Semaphore::new(0) }
    }

    /// It happened, so long after its time.
    pub(crate) fn note(&self, late: Duration) {
        let now = Instant::now();
        let mut noted = self.noted.lock().unwrap();
        noted.span = Some((noted.span.map_or(now, |(first, _)| first), now));
        noted.late.saturating_record(u64::try_from(late.as_micros()).unwrap());
        self.count.add_permits(1);
    }

    /// Waits until it has happened so often since it was last waited for.
    pub(crate) async fn reached(&self, count: u32) {
        self.count.acquire_many(count).await.unwrap().forget();
    }

    /// The delays that were noted, and how often a second; the next round begins with nothing.
    pub(crate) fn take(&self) -> (Histogram<u64>, f64) {
        let mut noted = self.noted.lock().unwrap();
        let (first, last) = noted.span.take().unwrap();
        let late = noted.late.clone();
        noted.late.reset();
        let rate = late.len() as f64 / (last - first).as_secs_f64();
        (late, rate)
    }
}

/// Microseconds since 1970.
pub(crate) fn micros() -> u64 {
    u64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap()
}
