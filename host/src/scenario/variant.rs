//! The runs of one scenario: plainly, and with one mishap each that must change nothing.
//! Planned from what the plain run did. Pure; what a mishap does is `link`'s and `run`'s business.

use std::fmt;
use std::str::FromStr;

use crate::scenario::script::{Action, Step};

/// Runs of one scenario. A longer one has its crashes spread evenly.
pub(super) const RUNS_MAX: usize = 600;

/// One way to run a scenario. Its text names it on the command line; numbers begin at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Nothing goes wrong.
    Plain,
    /// The host dies just before this commit is stored: the turn is lost and done again.
    CrashBeforeCommit(usize),
    /// The host dies just after this commit was stored: nothing of it was handed over, nobody was answered.
    CrashAfterCommit(usize),
    /// The host is started again once all that follows from this step is done.
    RestartAfterStep(usize),
    /// Every message is stored twice, and comes again when the log has forgotten it.
    Duplicates,
    /// Every message takes its time to be stored, each for itself.
    Delays,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain"),
            Self::CrashBeforeCommit(number) => write!(f, "crash-before-commit-{number}"),
            Self::CrashAfterCommit(number) => write!(f, "crash-after-commit-{number}"),
            Self::RestartAfterStep(number) => write!(f, "restart-after-step-{number}"),
            Self::Duplicates => f.write_str("duplicates"),
            Self::Delays => f.write_str("delays"),
        }
    }
}

impl FromStr for Variant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "plain" => return Ok(Self::Plain),
            "duplicates" => return Ok(Self::Duplicates),
            "delays" => return Ok(Self::Delays),
            _ => {}
        }
        let numbered = text.rsplit_once('-').and_then(|(name, number)| Some((name, number.parse().ok()?)));
        match numbered.filter(|(_, number)| *number > 0) {
            Some(("crash-before-commit", number)) => Ok(Self::CrashBeforeCommit(number)),
            Some(("crash-after-commit", number)) => Ok(Self::CrashAfterCommit(number)),
            Some(("restart-after-step", number)) => Ok(Self::RestartAfterStep(number)),
            _ => Err(
                "write plain, crash-before-commit-N, crash-after-commit-N, restart-after-step-N, duplicates or delays"
                    .into(),
            ),
        }
    }
}

/// All variants of a scenario whose plain run made so many commits, and how many crashes were left out.
pub(super) fn plan(steps: &[Step], commits: usize) -> (Vec<Variant>, usize) {
    let around = |number| [Variant::CrashBeforeCommit(number), Variant::CrashAfterCommit(number)];
    let mut crashes: Vec<Variant> = (1..=commits).flat_map(around).collect();
    // A restart behind the last step could only be seen by a step behind it, and one behind a crash would be a second one.
    let restarts = steps.iter().zip(1..steps.len()).filter(|(step, _)| !matches!(step.action, Action::Crash));
    crashes.extend(restarts.map(|(_, number)| Variant::RestartAfterStep(number)));
    let all = crashes.len();
    let stride = all.div_ceil(RUNS_MAX).max(1);
    let mut variants: Vec<Variant> = crashes.into_iter().step_by(stride).collect();
    let left_out = all - variants.len();
    variants.extend([Variant::Duplicates, Variant::Delays]);
    (variants, left_out)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn steps(count: usize) -> Vec<Step> {
        let action = Action::Advance(Duration::from_secs(1));
        (0..count).map(|line| Step { line, action: action.clone() }).collect()
    }

    #[test]
    fn every_variant_is_named_and_found_by_its_name() {
        let (variants, _) = plan(&steps(3), 2);
        assert_eq!(variants.len(), 2 * 2 + 2 + 2);
        for variant in variants.into_iter().chain([Variant::Plain]) {
            assert_eq!(variant.to_string().parse(), Ok(variant));
        }
        for wrong in ["", "crash", "crash-before-commit-0", "restart-after-step-x", "Plain"] {
            assert!(wrong.parse::<Variant>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn there_is_no_restart_behind_the_last_step_or_a_crash() {
        let mut steps = steps(3);
        steps.first_mut().unwrap().action = Action::Crash;
        let (variants, _) = plan(&steps, 0);
        assert_eq!(variants, [Variant::RestartAfterStep(2), Variant::Duplicates, Variant::Delays]);
    }

    #[test]
    fn a_long_scenario_has_its_crashes_spread() {
        let (variants, left_out) = plan(&steps(1), 5_000);
        assert!(variants.len() <= RUNS_MAX + 2 && left_out > 9_000);
        assert!(variants.contains(&Variant::CrashBeforeCommit(1)));
        let late = |variant: &Variant| matches!(variant, Variant::CrashBeforeCommit(number) | Variant::CrashAfterCommit(number) if *number > 4_900);
        assert!(variants.iter().any(late));
    }
}
