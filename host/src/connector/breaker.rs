//! Whether an endpoint is left in peace: after so many failed tries in a row, for a while. Pure.
//! Asked by `handler` before a call and told how it went. Knows no clock: every question brings its time.
//! Never needs a probe to report back: one that is lost costs another while, nothing more.

use std::time::Duration;

use tokio::time::Instant;

/// What a breaker does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Lets them through.
    Closed,
    /// Keeps them back.
    Open,
    /// Lets the next one through, to see whether the endpoint is back.
    HalfOpen,
}

/// One endpoint's.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_max: u32,
    rest: Duration,
    /// In a row, until now.
    failures: u32,
    /// When the next call may try, once there were too many.
    open_until: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(failures_max: u32, rest: Duration) -> Self {
        Self { failures_max, rest, failures: 0, open_until: None }
    }

    /// Lets a call through, or says when to ask again. Of an endpoint that rested long enough one call tries whether it is
    /// back; the others wait for as long again, unless it is.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Instant> {
        match self.open_until {
            Some(until) if now < until => Err(until),
            Some(_) => {
                self.open_until = Some(now + self.rest);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A call has failed. True: the breaker opens with it.
    pub(super) fn fail(&mut self, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.failures < self.failures_max {
            return false;
        }
        self.open_until.replace(now + self.rest).is_none()
    }

    /// A call has succeeded. True: the breaker closes with it.
    pub(super) fn succeed(&mut self) -> bool {
        self.failures = 0;
        self.open_until.take().is_some()
    }

    pub(super) fn state(&self, now: Instant) -> State {
        match self.open_until {
            None => State::Closed,
            Some(until) if now < until => State::Open,
            Some(_) => State::HalfOpen,
        }
    }

    /// Failed calls in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(30);

    fn opened(at: Instant) -> Breaker {
        let mut breaker = Breaker::new(3, REST);
        assert!(!breaker.fail(at) && !breaker.fail(at));
        assert_eq!(breaker.state(at), State::Closed);
        assert!(breaker.fail(at));
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let now = Instant::now();
        let mut breaker = Breaker::new(2, REST);
        assert!(!breaker.fail(now) && !breaker.succeed() && !breaker.fail(now));
        assert_eq!((breaker.admit(now), breaker.failures()), (Ok(()), 1));
        let mut breaker = opened(now);
        assert_eq!((breaker.admit(now), breaker.state(now)), (Err(now + REST), State::Open));
    }

    #[test]
    fn one_call_tries_whether_the_endpoint_is_back() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + REST;
        assert_eq!(breaker.state(later), State::HalfOpen);
        assert_eq!((breaker.admit(later), breaker.admit(later)), (Ok(()), Err(later + REST)));
        assert!(!breaker.fail(later), "it was open already");
        assert_eq!(breaker.state(later), State::Open);
        let even_later = later + REST;
        assert_eq!(breaker.admit(even_later), Ok(()));
        assert!(breaker.succeed());
        assert_eq!((breaker.admit(even_later), breaker.state(even_later)), (Ok(()), State::Closed));
    }

    #[test]
    fn a_probe_that_never_reports_back_is_followed_by_another() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert_eq!(breaker.admit(now + REST), Ok(()));
        assert_eq!(breaker.admit(now + 2 * REST), Ok(()));
    }
}
