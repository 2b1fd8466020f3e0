//! Every metric that a host tells: its name, unit, labels and meaning. `docs/reference/metrics.md` shows the same table, and
//! a test keeps both the same. Names are settled: boards and alerts rely on them. Pure data; `metrics` makes instruments of it.
//! Never a label with an actor's id: labels are kinds, at most those that are deployed, and words of the host's own.

/// How a metric's values are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Only grows, from 0 at the host's start.
    Counter,
    /// How it is now.
    Gauge,
    /// How often which time was taken, in seconds.
    Histogram,
}

impl Sort {
    /// As Prometheus calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric. Its name is the same on `/metrics` and over OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Begins with `hydra_`; counters end with `_total`, times with `_seconds`.
    pub name: &'static str,
    /// How its values are to be read.
    pub sort: Sort,
    /// The names of its labels, in order.
    pub labels: &'static [&'static str],
    /// What is counted or measured.
    pub means: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], means: &'static str) -> Row {
    Row { name, sort: Sort::Counter, labels, means }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], means: &'static str) -> Row {
    Row { name, sort: Sort::Gauge, labels, means }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], means: &'static str) -> Row {
    Row { name, sort: Sort::Histogram, labels, means }
}

/// Turns that ended.
pub const TURNS: Row = counter("hydra_turns_total", &["kind", "outcome"], "turns that ended, each try for itself");
/// Turns after which the same message is tried again.
pub const RETRIES: Row = counter("hydra_retries_total", &["kind"], "turns after which the same message is tried again");
/// Wall time of a turn.
pub const TURN: Row = histogram("hydra_turn_seconds", &["kind"], "wall time of a turn in its handler, waits included");
/// Running time of a turn.
pub const WASM: Row = histogram("hydra_wasm_seconds", &["kind"], "time of a turn for which its handler ran");
/// Age of messages.
pub const QUEUE: Row =
    histogram("hydra_queue_seconds", &["kind"], "from a message's time in the log to the start of its first turn");
/// Writes of records.
pub const COMMIT: Row =
    histogram("hydra_commit_seconds", &["outcome"], "one write of a record, waits for the store included");
/// Handing over.
pub const FLUSH: Row = histogram("hydra_flush_seconds", &[], "handing over the outbox of one commit");
/// Messages from outside.
pub const ACCEPTED: Row = counter(
    "hydra_messages_accepted_total",
    &["kind"],
    "messages from outside that were stored for actors of this kind",
);
/// Messages of actors.
pub const SENT: Row =
    counter("hydra_messages_sent_total", &["kind"], "messages that commits of this kind's actors handed over");
/// Messages without effect.
pub const DROPPED: Row = counter("hydra_messages_dropped_total", &["reason"], "messages that came and had no effect");
/// Messages that could not be handled.
pub const DEAD_LETTERS: Row = counter("hydra_dead_letters_total", &["kind"], "messages that became dead letters");
/// Timers.
pub const TIMERS_FIRED: Row = counter("hydra_timers_fired_total", &["kind"], "ticks that actors of this kind heard");
/// Actors that woke up.
pub const BEGUN: Row = counter("hydra_activations_begun_total", &[], "activations that began");
/// Actors that are awake.
pub const ALIVE: Row = gauge("hydra_activations", &[], "actors that are awake");
/// Memory of mailboxes.
pub const MAILBOX_BYTES: Row =
    gauge("hydra_mailbox_bytes", &[], "memory of messages that wait or are in work, in bytes");
/// Its bound.
pub const MAILBOX_BYTES_MAX: Row =
    gauge("hydra_mailbox_bytes_max", &[], "as much as there may be: node.mailbox_bytes_max");
/// The sandbox's pool.
pub const SLOTS: Row = gauge("hydra_instance_slots", &[], "places of the sandbox's pool that instances take");
/// Its size.
pub const SLOTS_MAX: Row =
    gauge("hydra_instance_slots_max", &[], "as many as there are: sandbox.instances_max or fewer");
/// Readiness.
pub const READY: Row = gauge("hydra_ready", &[], "1 while messages are handled, as /readyz says, else 0");
/// The store's health.
pub const STORE_WAITS: Row = gauge("hydra_store_waits", &[], "calls that wait for the store to serve again");
/// Ownership.
pub const BUCKETS: Row = gauge("hydra_buckets", &[], "buckets that this host serves");
/// The build.
pub const BUILD: Row = gauge("hydra_build_info", &["version"], "always 1; the version is the label");
/// What onlookers lost.
pub const TELEMETRY_DROPPED: Row =
    counter("hydra_telemetry_dropped_total", &["signal"], "spans and log lines that did not reach the OTLP collector");

/// All of them, in the order of the page.
pub const ALL: [Row; 23] = [
    TURNS,
    RETRIES,
    TURN,
    WASM,
    QUEUE,
    COMMIT,
    FLUSH,
    ACCEPTED,
    SENT,
    DROPPED,
    DEAD_LETTERS,
    TIMERS_FIRED,
    BEGUN,
    ALIVE,
    MAILBOX_BYTES,
    MAILBOX_BYTES_MAX,
    SLOTS,
    SLOTS_MAX,
    READY,
    STORE_WAITS,
    BUCKETS,
    BUILD,
    TELEMETRY_DROPPED,
];

#[cfg(test)]
mod tests {
    use super::*;

    const BOARD: &str = include_str!("../../../docs/grafana/hydra.json");
    const ALERTS: &str = include_str!("../../../docs/grafana/alerts.yaml");
    const PAGE: &str = include_str!("../../../docs/reference/metrics.md");

    #[test]
    fn the_page_shows_every_metric_as_it_is() {
        let labels = |row: &Row| row.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let line = |row: &Row| format!("| `{}` | {} | {} | {} |", row.name, row.sort.as_str(), labels(row), row.means);
        let expected: Vec<String> = ALL.iter().map(line).collect();
        let shown: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| `hydra_")).collect();
        assert_eq!(shown, expected);
    }

    /// The names of metrics in a text, without what a histogram's series add.
    fn named(text: &str) -> Vec<&str> {
        let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        let ends = ["_bucket", "_sum", "_count"];
        words
            .filter(|word| word.starts_with("hydra_"))
            .map(|word| ends.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word))
            .collect()
    }

    #[test]
    fn boards_and_alerts_ask_for_what_there_is() {
        let board: serde_json::Value = serde_json::from_str(BOARD).unwrap();
        let panels = board["panels"].as_array().unwrap();
        let queries = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
        let queries: Vec<&str> = queries.map(|query| query["expr"].as_str().unwrap()).collect();
        let asked: Vec<&str> = queries.iter().copied().chain([ALERTS]).flat_map(named).collect();
        assert!(queries.len() > 20 && asked.len() > queries.len());
        for name in asked {
            assert!(ALL.iter().any(|row| row.name == name), "{name} is no metric");
        }
    }

    #[test]
    fn names_say_what_they_count() {
        for Row { name, sort, .. } in ALL {
            assert!(name.starts_with("hydra_"), "{name}");
            assert_eq!(name.ends_with("_total"), sort == Sort::Counter, "{name}");
            assert_eq!(name.ends_with("_seconds"), sort == Sort::Histogram, "{name}");
        }
    }
}
