//! What may happen in a simulation, and how often.

use std::str::FromStr;

use hydra_tests::faults::Rates;

/// A kind of bad day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Hosts are killed at any call, one at a time or all at once; the next goes on.
    Crashes,
    /// Hosts that live are taken for gone, and others take up their buckets.
    Takeovers,
    /// Hosts are cut off from the store for up to two minutes, and come back with what they had sent.
    Cuts,
    /// Answers are lost, calls fail, appends are cut short.
    LostAnswers,
    /// Hosts stand still for up to a minute and go on.
    Pauses,
    /// Copies come long after the log forgot their ids.
    LateCopies,
    /// History is trimmed away below late copies.
    Trimming,
    /// Actors cannot handle anything for a while, are slow or suspended: their messages are parked.
    Parking,
    /// Actors wait for times and for each other while hosts die, take over, stand still.
    Timers,
    /// All of it.
    Everything,
}

/// All of them.
pub(crate) const ALL: [Scenario; 10] = [
    Scenario::Crashes,
    Scenario::Takeovers,
    Scenario::Cuts,
    Scenario::LostAnswers,
    Scenario::Pauses,
    Scenario::LateCopies,
    Scenario::Trimming,
    Scenario::Parking,
    Scenario::Timers,
    Scenario::Everything,
];

/// One thing that the driver does to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A host is killed, mostly at one of its next calls, or drained; and another started.
    Crash,
    /// All hosts are killed, and one is started seconds or minutes later.
    Blackout,
    /// Another host is started beside.
    Join,
    /// A host stands still.
    Pause,
    /// A host is cut off from everything.
    Cut,
    /// Hosts that live are not seen: their rows end early, are forgotten, cannot be written or read.
    Unseen,
    /// Time jumps beyond the duplicate window.
    Jump,
    /// Time passes beyond the retention.
    Retention,
    /// Some actors cannot handle anything for a while.
    Outage,
    /// An operator acts on actors.
    Operate,
}

/// How often what happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// In thousandths of the calls.
    pub(crate) rates: Rates,
    /// In thousandths of the driver's steps; the rest sends messages.
    pub(crate) steps: &'static [(Step, u32)],
    /// Hosts estimate the log's time wrong by up to this much, in milliseconds.
    pub(crate) offset_ms: i64,
    /// Some messages take seconds to handle.
    pub(crate) is_slow: bool,
    /// Actors set timers and make requests.
    pub(crate) waits: bool,
}

impl Plan {
    /// Whether copies may come so late that nobody can tell whether they are.
    pub(crate) fn has_late_copies(&self) -> bool {
        let surfaces = [Step::Pause, Step::Cut];
        self.rates.late + self.rates.copies > 0 || self.steps.iter().any(|(step, _)| surfaces.contains(step))
    }
}

/// Nothing happens but that calls take their time.
const CALM: Plan = {
    let (unavailable, lost, late, partial) = (0, 0, 0, 0);
    let rates = Rates { unavailable, lost, late, partial, slow: 200, stale: 0, copies: 0, late_news: 0 };
    Plan { rates, steps: &[], offset_ms: 0, is_slow: false, waits: false }
};

impl Scenario {
    /// What happens in it.
    pub(crate) fn plan(self) -> Plan {
        use Step::{Blackout, Crash, Cut, Join, Jump, Operate, Outage, Pause, Retention, Unseen};
        let (rates, calm) = (CALM.rates, CALM);
        match self {
            Self::Crashes => {
                let steps = &[(Crash, 60), (Blackout, 8), (Join, 10), (Jump, 15)];
                Plan { rates: Rates { lost: 5, ..rates }, steps, ..calm }
            }
            Self::Takeovers => {
                let rates = Rates { lost: 5, late_news: 500, ..rates };
                Plan { rates, steps: &[(Unseen, 60), (Join, 40), (Crash, 10), (Pause, 10)], offset_ms: 4_000, ..calm }
            }
            Self::Cuts => {
                let rates = Rates { lost: 5, late_news: 300, ..rates };
                Plan { rates, steps: &[(Cut, 50), (Join, 30), (Unseen, 10), (Crash, 5)], ..calm }
            }
            Self::LostAnswers => {
                let rates = Rates { unavailable: 40, lost: 60, partial: 60, late: 20, ..rates };
                Plan { rates, steps: &[(Crash, 10), (Join, 10)], ..calm }
            }
            Self::Pauses => {
                let rates = Rates { stale: 50, lost: 20, late_news: 300, ..rates };
                Plan { rates, steps: &[(Pause, 50), (Join, 30), (Crash, 5), (Unseen, 5)], ..calm }
            }
            Self::LateCopies => {
                let rates = Rates { copies: 150, late: 40, lost: 20, ..rates };
                Plan { rates, steps: &[(Jump, 40), (Crash, 10), (Join, 5)], offset_ms: 4_000, ..calm }
            }
            Self::Trimming => {
                let rates = Rates { copies: 100, late: 20, ..rates };
                Plan { rates, steps: &[(Retention, 25), (Blackout, 6), (Join, 10), (Pause, 10), (Unseen, 5)], ..calm }
            }
            Self::Parking => {
                let steps = &[
                    (Outage, 50),
                    (Operate, 60),
                    (Crash, 25),
                    (Join, 10),
                    (Blackout, 12),
                    (Unseen, 5),
                    (Retention, 8),
                ];
                Plan { rates: Rates { lost: 5, partial: 10, ..rates }, steps, is_slow: true, ..calm }
            }
            Self::Timers => timers(),
            Self::Everything => everything(),
        }
    }

    /// The name that `FromStr` reads.
    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

fn timers() -> Plan {
    use Step::{Blackout, Crash, Cut, Join, Jump, Operate, Outage, Pause, Unseen};
    Plan {
        rates: Rates { lost: 10, late: 5, partial: 10, copies: 40, late_news: 200, ..CALM.rates },
        steps: &[
            (Crash, 30),
            (Blackout, 5),
            (Join, 15),
            (Pause, 10),
            (Cut, 5),
            (Unseen, 10),
            (Jump, 10),
            (Outage, 15),
            (Operate, 15),
        ],
        offset_ms: 4_000,
        waits: true,
        ..CALM
    }
}

fn everything() -> Plan {
    use Step::{Blackout, Crash, Cut, Join, Jump, Operate, Outage, Pause, Retention, Unseen};
    Plan {
        rates: Rates {
            unavailable: 20,
            lost: 20,
            late: 10,
            partial: 30,
            slow: 200,
            stale: 30,
            copies: 40,
            late_news: 200,
        },
        steps: &[
            (Crash, 20),
            (Blackout, 3),
            (Join, 15),
            (Pause, 10),
            (Cut, 10),
            (Unseen, 10),
            (Jump, 10),
            (Retention, 5),
            (Outage, 20),
            (Operate, 20),
        ],
        offset_ms: 4_000,
        is_slow: true,
        ..CALM
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names: Vec<String> = ALL.iter().map(|scenario| scenario.name()).collect();
        let wanted = name.to_lowercase().replace(['-', '_'], "");
        let found = ALL.into_iter().find(|scenario| scenario.name() == wanted);
        found.ok_or_else(|| format!("{name:?} is no scenario: {}", names.join(", ")))
    }
}
