//! Callers: each asks, waits for the answer and asks again (closed loop), or asks at fixed times (open loop).
//! Latencies are kept as numbers and sorted out once, at the end: nothing is shared while the clock runs.
//! Never hides a slow answer: whoever was late because of it counts from when they should have asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::connection::Connection;

/// Answers of this first time are not counted: connections are new and caches are cold.
const WARM_UP: Duration = Duration::from_millis(500);
/// Longest latency that is told apart, in microseconds.
const LATENCY_MICROS_MAX: u64 = 60_000_000;
/// Callers of an open loop: more than a rate needs unless the host hangs.
const OPEN_CALLERS: usize = 64;

/// Where the load goes and what it asks.
pub(super) struct Load {
    /// `HOST:PORT`.
    pub(super) address: String,
    /// Whole requests, one per actor; at least one.
    pub(super) requests: Vec<Vec<u8>>,
}

/// What was measured.
pub(super) struct Measured {
    /// In microseconds, one entry per answer.
    pub(super) latencies: Histogram<u64>,
    /// Answers other than 2xx, and broken connections.
    pub(super) failed: u64,
    /// Answers per second.
    pub(super) per_second: f64,
}

/// What one caller saw.
#[derive(Default)]
struct Seen {
    micros: Vec<u32>,
    failed: u64,
}

impl Seen {
    fn add(&mut self, status: u16, latency: Duration) {
        if (200..300).contains(&status) {
            self.micros.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
        } else {
            self.failed += 1;
        }
    }
}

/// So many callers, each asking again as soon as it is answered.
///
/// # Errors
/// The host does not take so many connections.
pub(super) async fn closed(load: &Arc<Load>, callers: usize, time: Duration) -> Result<Measured> {
    let connections = connect(load, callers).await?;
    let begin = Instant::now() + WARM_UP;
    let mut running = JoinSet::new();
    for (number, connection) in connections.into_iter().enumerate() {
        running.spawn(call_closed(Arc::clone(load), connection, number, begin, begin + time));
    }
    collect(running, time).await
}

async fn call_closed(load: Arc<Load>, mut connection: Connection, number: usize, begin: Instant, end: Instant) -> Seen {
    let mut seen = Seen::default();
    // Callers begin at different actors and all visit all of them.
    for request in load.requests.iter().cycle().skip(number) {
        let asked = Instant::now();
        if asked >= end {
            break;
        }
        let answered = connection.exchange(request).await;
        let now = Instant::now();
        if asked < begin || now > end {
            continue;
        }
        match answered {
            Ok(status) => seen.add(status, now - asked),
            Err(_) => {
                seen.failed += 1;
                break;
            }
        }
    }
    seen
}

/// So many asks a second, whether or not earlier ones are answered.
///
/// # Errors
/// As [`closed`].
pub(super) async fn open(load: &Arc<Load>, rate: u32, time: Duration) -> Result<Measured> {
    let connections = connect(load, OPEN_CALLERS).await?;
    let begin = Instant::now() + WARM_UP;
    let next = Arc::new(AtomicU64::new(0));
    let mut running = JoinSet::new();
    for connection in connections {
        let schedule = Schedule { next: Arc::clone(&next), begin, end: begin + time, rate };
        running.spawn(call_open(Arc::clone(load), connection, schedule));
    }
    collect(running, time).await
}

/// When asks are due; shared by all callers.
struct Schedule {
    next: Arc<AtomicU64>,
    begin: Instant,
    end: Instant,
    rate: u32,
}

impl Schedule {
    /// The next ask that nobody has taken, and when it is due; none after the end.
    fn take(&self) -> Option<(u64, Instant)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let due = self.begin + Duration::from_nanos(number.saturating_mul(1_000_000_000) / u64::from(self.rate.max(1)));
        (due < self.end).then_some((number, due))
    }
}

async fn call_open(load: Arc<Load>, mut connection: Connection, schedule: Schedule) -> Seen {
    let mut seen = Seen::default();
    while let Some((number, due)) = schedule.take() {
        let waited = Instant::now() < due;
        tokio::time::sleep_until(due.into()).await;
        // A caller that was free begins when its timer fires: the timer's coarseness is not the host's.
        let asked = if waited { Instant::now() } else { due };
        let index = usize::try_from(number).unwrap_or(0) % load.requests.len().max(1);
        let Some(request) = load.requests.get(index) else { break };
        match connection.exchange(request).await {
            Ok(status) => seen.add(status, asked.elapsed()),
            Err(_) => {
                seen.failed += 1;
                break;
            }
        }
    }
    seen
}

async fn connect(load: &Load, callers: usize) -> Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(callers);
    for number in 0..callers {
        let connection = Connection::open(&load.address).await;
        connections.push(connection.with_context(|| {
            format!(
                "open connection {} of {callers} to {}: raise `ulimit -n` here and at the host",
                number + 1,
                load.address
            )
        })?);
    }
    Ok(connections)
}

async fn collect(mut running: JoinSet<Seen>, time: Duration) -> Result<Measured> {
    let mut latencies = Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, 3)?;
    let mut failed = 0;
    while let Some(seen) = running.join_next().await {
        let seen = seen?;
        failed += seen.failed;
        for micros in seen.micros {
            latencies.saturating_record(micros.max(1).into());
        }
    }
    if latencies.is_empty() {
        bail!("not one ask was answered ({failed} failed): try one with `hydra ask`");
    }
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let per_second = latencies.len() as f64 / time.as_secs_f64();
    Ok(Measured { latencies, failed, per_second })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_are_due_at_fixed_times_and_each_is_taken_once() {
        let begin = Instant::now();
        let schedule = Schedule { next: Arc::default(), begin, end: begin + Duration::from_millis(10), rate: 500 };
        let due: Vec<(u64, Duration)> =
            std::iter::from_fn(|| schedule.take()).map(|(number, due)| (number, due - begin)).collect();
        assert_eq!(due.len(), 5);
        assert_eq!(due.last(), Some(&(4, Duration::from_millis(8))));
    }

    #[test]
    fn only_good_answers_count() {
        let mut seen = Seen::default();
        seen.add(200, Duration::from_micros(7));
        seen.add(204, Duration::from_micros(8));
        seen.add(503, Duration::from_micros(9));
        assert_eq!((seen.micros, seen.failed), (vec![7, 8], 1));
    }
}
