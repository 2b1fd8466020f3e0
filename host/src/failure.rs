//! What follows when a turn fails: the table of the protocol's section 6 with its default policies.
//! Asked by `activation`. PURE: a fault and its history in, a decision out.

use std::time::Duration;

use crate::clock::Time;
use crate::effects::Fault;
use crate::message::{Problem, Status};

/// Tries and waiting times for one class of faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Tries until the message becomes a dead letter.
    pub attempts_max: u32,
    /// Time since the first try until the message becomes a dead letter.
    pub trying_max: Duration,
    /// Wait behind the first try; doubles with each.
    pub backoff_min: Duration,
    /// Longest wait.
    pub backoff_max: Duration,
}

/// A guest that says `retry`.
pub const RETRY: Policy = Policy {
    attempts_max: 15,
    trying_max: Duration::from_secs(300),
    backoff_min: Duration::from_millis(200),
    backoff_max: Duration::from_secs(30),
};

/// A guest that breaks: traps, runs out of memory or time.
pub const BROKEN: Policy = Policy { attempts_max: 3, ..RETRY };

/// How long a message waits for a kind that nobody deployed.
pub const UNKNOWN_KIND_MAX: Duration = Duration::from_secs(600);

/// What was tried with a message so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// Failed tries that were the guest's doing, the last one included.
    pub attempts: u32,
    /// Tries for which the host had no guest to run: they cost the message nothing.
    pub waits: u32,
    /// When the first try that counts began.
    pub first: Time,
    /// When the message was stored.
    pub accepted: Time,
}

/// What becomes of a message whose turn failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is done: whoever waits is told, and it may become a dead letter.
    Settle {
        /// For whoever waits.
        status: Status,
        /// What went wrong.
        problem: Problem,
        /// It becomes a dead letter.
        dead_letter: bool,
        /// The guest's stack, if it broke.
        backtrace: String,
    },
    /// The same message again, after this long.
    Retry(Duration),
    /// The actor waits for a human, and the message with it.
    Suspend(Problem),
}

/// Decides. `is_awaited`: somebody waits for the outcome. `seed` spreads the waiting times: a hash of the message's id.
#[must_use]
pub fn decide(fault: Fault, history: History, now: Time, is_awaited: bool, seed: u64) -> Decision {
    let settle =
        |status, problem, dead_letter| Decision::Settle { status, problem, dead_letter, backtrace: String::new() };
    match fault {
        Fault::Refuse(problem) => settle(Status::Refused, problem, !is_awaited),
        Fault::Fail(problem) => settle(Status::Failed, problem, true),
        Fault::Denied(problem) => settle(Status::HandlerFailed, problem, true),
        Fault::Suspend(problem) => Decision::Suspend(problem),
        Fault::Retry { problem, after } => match wait(&RETRY, history, now, seed) {
            Some(backoff) => Decision::Retry(after.unwrap_or(backoff).min(RETRY.trying_max)),
            None => settle(Status::HandlerFailed, tired(problem, history), true),
        },
        Fault::Broken { problem, backtrace } => match wait(&BROKEN, history, now, seed) {
            Some(backoff) => Decision::Retry(backoff),
            None => Decision::Settle {
                status: Status::HandlerFailed,
                problem: tired(problem, history),
                dead_letter: true,
                backtrace,
            },
        },
        Fault::Host(problem) if problem.code == "unknown-kind" && now.minus(UNKNOWN_KIND_MAX) >= history.accepted => {
            settle(Status::HandlerFailed, problem, true)
        }
        Fault::Host(_) => Decision::Retry(exponential(&RETRY, history.waits)),
    }
}

/// How long to wait before the next try; none when there is to be none.
fn wait(policy: &Policy, history: History, now: Time, seed: u64) -> Option<Duration> {
    let goes_on = history.attempts < policy.attempts_max && now.minus(policy.trying_max) < history.first;
    goes_on.then(|| jitter(exponential(policy, history.attempts), seed, history.attempts))
}

fn exponential(policy: &Policy, attempts: u32) -> Duration {
    let doubled = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    policy.backoff_min.saturating_mul(doubled).min(policy.backoff_max)
}

/// Full jitter: anything up to the whole wait, so that actors that failed together do not come back together.
fn jitter(longest: Duration, seed: u64, attempts: u32) -> Duration {
    let hash = xxhash_rust::xxh3::xxh3_64_with_seed(&attempts.to_le_bytes(), seed);
    let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX).max(1);
    Duration::from_nanos(hash % nanos)
}

fn tired(problem: Problem, history: History) -> Problem {
    let tries = if history.attempts == 1 { "try" } else { "tries" };
    Problem { text: format!("{} (after {} {tries})", problem.text, history.attempts), ..problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(attempts: u32) -> History {
        History { attempts, waits: attempts, first: Time(1_000_000), accepted: Time(1_000_000) }
    }

    fn after(fault: Fault, attempts: u32) -> Decision {
        decide(fault, history(attempts), Time(1_000_001), true, 7)
    }

    fn broken() -> Fault {
        Fault::Broken { problem: Problem::new("trap", "unreachable"), backtrace: "at f".into() }
    }

    fn retry() -> Fault {
        Fault::Retry { problem: Problem::new("busy", "later"), after: None }
    }

    #[test]
    fn a_broken_turn_is_tried_three_times_and_keeps_its_stack() {
        assert!(matches!(after(broken(), 1), Decision::Retry(_)));
        assert!(matches!(after(broken(), 2), Decision::Retry(_)));
        let Decision::Settle { status, dead_letter: true, backtrace, .. } = after(broken(), 3) else {
            panic!("settled")
        };
        assert_eq!((status, backtrace.as_str()), (Status::HandlerFailed, "at f"));
    }

    #[test]
    fn a_retry_ends_after_fifteen_tries_or_five_minutes() {
        assert!(matches!(after(retry(), 14), Decision::Retry(_)));
        assert!(matches!(after(retry(), 15), Decision::Settle { dead_letter: true, .. }));
        let late = decide(retry(), history(2), Time(1_300_000), true, 7);
        assert!(matches!(late, Decision::Settle { status: Status::HandlerFailed, .. }));
    }

    #[test]
    fn waits_double_up_to_the_longest_with_full_jitter() {
        let waits: Vec<Duration> = (1..15).map(|attempts| exponential(&RETRY, attempts)).collect();
        assert_eq!(waits.first(), Some(&Duration::from_millis(200)));
        assert_eq!(waits.get(1), Some(&Duration::from_millis(400)));
        assert_eq!(waits.last(), Some(&Duration::from_secs(30)));
        for (attempts, longest) in (1..15).zip(waits) {
            assert!(jitter(longest, 99, attempts) < longest);
        }
    }

    #[test]
    fn a_refused_plain_send_becomes_a_dead_letter_and_an_awaited_one_does_not() {
        let refuse = || Fault::Refuse(Problem::new("no", "no"));
        let letter = |awaited| match decide(refuse(), history(1), Time(1), awaited, 7) {
            Decision::Settle { dead_letter, status: Status::Refused, .. } => dead_letter,
            other => panic!("{other:?}"),
        };
        assert!(letter(false) && !letter(true));
    }

    #[test]
    fn an_unknown_kind_waits_ten_minutes() {
        let unknown = || Fault::Host(Problem::new("unknown-kind", "not deployed"));
        assert!(matches!(after(unknown(), 90), Decision::Retry(wait) if wait == RETRY.backoff_max));
        let late = decide(unknown(), history(90), Time(1_600_000), true, 7);
        assert!(matches!(late, Decision::Settle { dead_letter: true, .. }));
        let other = decide(Fault::Host(Problem::new("memory", "full")), history(9), Time(9_999_999), true, 7);
        assert!(matches!(other, Decision::Retry(_)), "the host's own trouble never costs a message");
    }
}
