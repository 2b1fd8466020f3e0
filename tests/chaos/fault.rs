//! Faults as data, and the lists of them that tests go through: all choices come from one seed.

use std::time::Duration;

use fastrand::Rng;
use hydra::crash::Step;

/// Longest wait before a host that is starting is killed.
const STARTING: Duration = Duration::from_millis(60);
/// Most claims that a start makes: one for each bucket.
const BUCKETS: u64 = 16;

/// What happens to a host.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// `kill -9` at a random moment.
    Kill,
    /// The same, and again while it starts, this much later.
    KillTwice { after: Duration },
    /// It ends itself, as `kill -9` would, when it comes to a step for the n-th time.
    CrashAt { step: Step, nth: u64 },
}

impl Fault {
    /// Faults of the same name stand in one line of the report.
    pub(crate) fn kind(self) -> String {
        match self {
            Self::Kill => "kill -9 of the host".into(),
            Self::KillTwice { .. } => "kill -9, and again while it starts".into(),
            Self::CrashAt { step, .. } => format!("crash at {}", step.name()),
        }
    }

    /// Whether it happens only to a host that was asked to end.
    pub(crate) fn needs_a_drain(self) -> bool {
        matches!(self, Self::CrashAt { step: Step::DrainBegun | Step::Drained, .. })
    }
}

/// So many kills at random moments.
pub(crate) fn kills(count: u64, random: &mut Rng) -> Vec<Fault> {
    let after = |random: &mut Rng| STARTING.mul_f64(random.f64());
    let kill = |random: &mut Rng| match random.u8(..5) {
        0 => Fault::KillTwice { after: after(random) },
        _ => Fault::Kill,
    };
    (0..count).map(|_| kill(random)).collect()
}

/// A step for the first time, and for so many others.
pub(crate) fn crashes(step: Step, count: u64, random: &mut Rng) -> Vec<Fault> {
    let nth = |which: u64, random: &mut Rng| match (which, step) {
        (0, _) | (_, Step::HandedOverAgain | Step::DrainBegun | Step::Drained) => 1,
        (_, Step::ClaimWritten | Step::InboxOpened | Step::ClaimReadAgain | Step::InboxSettled) => {
            random.u64(2..=BUCKETS)
        }
        _ => random.u64(2..=40),
    };
    (0..count).map(|which| Fault::CrashAt { step, nth: nth(which, random) }).collect()
}

/// Steps that come once something has waited for seconds, or for more than a minute: each list has a host of its own.
pub(crate) const LATE: [&[Step]; 4] = [
    &[Step::BeforePark, Step::Parked],
    &[Step::BeforeParkedTrim, Step::BeforeUnpark],
    &[Step::BeforeTrim],
    &[Step::Trimmed],
];

/// Steps that a host comes to only for actors with timers: this load has none, the simulation has.
const OF_TIMERS: [Step; 3] = [Step::TimerMarked, Step::BeforeTick, Step::TickStored];

/// Steps that a host comes to at once, whatever it does.
pub(crate) fn soon() -> impl Iterator<Item = Step> {
    let is_late = |step: &Step| LATE.iter().any(|late| late.contains(step));
    Step::ALL.iter().copied().filter(move |step| !is_late(step) && !OF_TIMERS.contains(step))
}
