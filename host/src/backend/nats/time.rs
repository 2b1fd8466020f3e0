//! The servers' time, estimated: what a server told last, plus what this machine's clock went on since it was heard.
//! The clock counts a suspended machine's sleep, so an estimate never survives one unnoticed.
//! Errs to older: by what the answer took. Never goes back, and fails rather than be wrong by more than 10 s.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::api::{Nothing, StreamInfo, ask};
use super::names::TableName;
use super::session::Session;
use crate::backend::Error;
use crate::clock::Time;
use crate::guard::lock;

/// How often a server is asked.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// An answer that took longer says too little.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// An estimate that old is none: the clock of a machine drifts, and a server's may have been set.
const ESTIMATE_AGE_MAX: Duration = Duration::from_secs(10);
/// Further behind what was told before, the server's clock was set back, and standing still would be wrong.
const BEHIND_MAX: Duration = Duration::from_secs(5);

/// The servers' time as this host knows it. Cheap to clone.
#[derive(Clone)]
pub(super) struct ServerTime(Arc<Mutex<Estimate>>);

#[derive(Debug, Default)]
struct Estimate {
    /// What the server said, and where this machine's clock stood when it was heard.
    heard: Option<(Time, Duration)>,
    /// The latest moment told.
    told: Time,
}

impl Estimate {
    /// Takes an answer that was asked for at `asked` and heard at `heard`.
    fn hear(&mut self, server: Time, asked: Duration, heard: Duration) {
        if heard.saturating_sub(asked) <= ANSWER_MAX {
            self.heard = Some((server, heard));
        }
    }

    fn tell(&mut self, clock: Duration) -> Result<Time, Error> {
        let (server, heard) = self.heard.ok_or_else(|| unavailable("it has not told it yet"))?;
        let age = clock.saturating_sub(heard);
        if age > ESTIMATE_AGE_MAX {
            return Err(unavailable("it has not answered for 10 s"));
        }
        let now = server.plus(age);
        if now.plus(BEHIND_MAX) < self.told {
            return Err(unavailable("its clock was set back by more than 5 s: correct it, or start this host again"));
        }
        self.told = self.told.max(now);
        Ok(self.told)
    }
}

fn unavailable(reason: &str) -> Error {
    Error::Unavailable { reason: format!("the time of the NATS server is not known: {reason}") }
}

impl ServerTime {
    /// Asks for the time once, and goes on asking until the store closes.
    ///
    /// # Errors
    /// The server does not answer: try again.
    pub(super) async fn start(session: &Session) -> Result<Self, Error> {
        let time = Self(Arc::default());
        time.ask(session).await?;
        session.tasks.spawn(time.clone().keep(session.clone()));
        Ok(time)
    }

    /// Now.
    ///
    /// # Errors
    /// `Unavailable`: it is not known; ask again later.
    pub(super) fn now(&self) -> Result<Time, Error> {
        lock(&self.0).tell(boot_time())
    }

    async fn keep(self, session: Session) {
        let mut tick = tokio::time::interval(ASK_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                // Dropping either branch is safe: a token and a tick are looked at again.
                () = session.ended.cancelled() => return,
                _ = tick.tick() => {}
            }
            if let Err(error) = self.ask(&session).await {
                tracing::debug!(%error, "the NATS server did not tell the time");
            }
        }
    }

    /// Any answer of the API carries the time; a table in memory with few rows is the cheapest to ask about.
    async fn ask(&self, session: &Session) -> Result<(), Error> {
        let asked = boot_time();
        let what = format!("STREAM.INFO.{}", session.names.table_stream(TableName::Liveness));
        let info: StreamInfo = ask(&session.jetstream, what, &Nothing {}).await?;
        let heard = boot_time();
        let told = info.ts.and_then(|text| read(&text)).ok_or_else(|| unavailable("its answer carries none"))?;
        lock(&self.0).hear(told, asked, heard);
        Ok(())
    }
}

/// Reads a moment as servers write it.
pub(super) fn read(text: &str) -> Option<Time> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(moment.as_millisecond()).ok().map(Time)
}

/// Time since this machine was started, its sleep included.
fn boot_time() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0));
    Duration::new(seconds, nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn heard(server: u64, at: Duration) -> Estimate {
        let mut estimate = Estimate::default();
        estimate.hear(Time(server), at, at);
        estimate
    }

    #[test]
    fn time_goes_on_from_what_was_heard() {
        let mut estimate = heard(1_000_000, 5 * SECOND);
        assert_eq!(estimate.tell(7 * SECOND).unwrap(), Time(1_002_000));
    }

    #[test]
    fn an_old_estimate_is_none() {
        let mut estimate = heard(1_000_000, SECOND);
        assert!(estimate.tell(11 * SECOND).is_ok());
        assert!(matches!(estimate.tell(11 * SECOND + Duration::from_millis(1)), Err(Error::Unavailable { .. })));
        assert!(Estimate::default().tell(SECOND).is_err(), "nothing was heard yet");
    }

    #[test]
    fn time_stands_still_rather_than_go_back_and_fails_rather_than_stand_still_for_long() {
        let mut estimate = heard(1_000_000, SECOND);
        assert_eq!(estimate.tell(SECOND).unwrap(), Time(1_000_000));
        estimate.hear(Time(997_000), 2 * SECOND, 2 * SECOND);
        assert_eq!(estimate.tell(2 * SECOND).unwrap(), Time(1_000_000));
        estimate.hear(Time(900_000), 3 * SECOND, 3 * SECOND);
        assert!(estimate.tell(3 * SECOND).is_err());
    }

    #[test]
    fn a_slow_answer_is_not_believed() {
        let mut estimate = heard(1_000_000, SECOND);
        estimate.hear(Time(5_000_000), SECOND, 5 * SECOND);
        assert_eq!(estimate.tell(5 * SECOND).unwrap(), Time(1_004_000));
    }

    #[test]
    fn the_machines_clock_goes_on() {
        let before = boot_time();
        assert!(before > Duration::ZERO && boot_time() >= before);
    }
}
