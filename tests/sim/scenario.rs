//! What may happen in a simulation, and how often.

use std::str::FromStr;

use hydra_tests::faults::Rates;

/// A kind of bad day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Hosts are killed at any moment; the next goes on.
    Crashes,
    /// Hosts take up buckets that others still believe they own.
    Takeovers,
    /// Answers are lost, calls fail, appends are cut short.
    LostAnswers,
    /// Hosts stand still for up to a minute and go on.
    Pauses,
    /// Copies come long after the log forgot their ids.
    LateCopies,
    /// History is trimmed away below late copies.
    Trimming,
    /// All of it.
    Everything,
}

/// All of them, in the order in which seeds choose.
pub(crate) const ALL: [Scenario; 7] = [
    Scenario::Crashes,
    Scenario::Takeovers,
    Scenario::LostAnswers,
    Scenario::Pauses,
    Scenario::LateCopies,
    Scenario::Trimming,
    Scenario::Everything,
];

/// How often what happens: thousandths of the calls for `rates`, of the driver's steps for the rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rates: Rates,
    /// A host is killed, and another started.
    pub(crate) crash: u32,
    /// Another host is started beside.
    pub(crate) takeover: u32,
    /// A host stands still.
    pub(crate) pause: u32,
    /// Time jumps beyond the duplicate window.
    pub(crate) jump: u32,
    /// Time passes beyond the retention.
    pub(crate) retention: u32,
    /// Hosts estimate the log's time wrong by up to this much, in milliseconds.
    pub(crate) offset_ms: i64,
}

impl Scenario {
    /// What happens in it.
    pub(crate) fn plan(self) -> Plan {
        let calm = Plan {
            rates: Rates { slow: 200, ..Rates::default() },
            crash: 0,
            takeover: 0,
            pause: 0,
            jump: 0,
            retention: 0,
            offset_ms: 0,
        };
        let rates = calm.rates;
        match self {
            Self::Crashes => Plan { crash: 60, jump: 15, rates: Rates { lost: 5, ..rates }, ..calm },
            Self::Takeovers => Plan { takeover: 60, crash: 10, pause: 20, offset_ms: 4_000, ..calm },
            Self::LostAnswers => {
                Plan { rates: Rates { unavailable: 40, lost: 60, partial: 60, late: 20, ..rates }, crash: 10, ..calm }
            }
            Self::Pauses => Plan { pause: 50, takeover: 30, rates: Rates { stale: 50, lost: 20, ..rates }, ..calm },
            Self::LateCopies => {
                let rates = Rates { copies: 150, late: 40, lost: 20, ..rates };
                Plan { rates, jump: 40, crash: 10, offset_ms: 4_000, ..calm }
            }
            Self::Trimming => {
                let rates = Rates { copies: 100, late: 20, ..rates };
                Plan { rates, retention: 25, takeover: 10, pause: 10, ..calm }
            }
            Self::Everything => Plan {
                rates: Rates { unavailable: 20, lost: 20, late: 10, partial: 30, slow: 200, stale: 30, copies: 40 },
                crash: 20,
                takeover: 20,
                pause: 20,
                jump: 10,
                retention: 5,
                offset_ms: 4_000,
            },
        }
    }

    /// The name that `FromStr` reads.
    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
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
