//! What is shown of a host: made of two looks at it, so that counters become rates.
//! Pure. `draw` lays it out for people, `--json` prints it for programs.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use hydra::history::Summary;
use hydra::http::view::{Buckets, Ranking};
use serde::Serialize;

use super::metrics::Metrics;

/// One look.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// When, since the first one.
    pub(super) at: Duration,
    pub(super) metrics: Metrics,
    pub(super) buckets: Buckets,
    pub(super) slowest: Ranking,
    pub(super) failing: Ranking,
}

/// A host between two looks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Picture {
    /// The host's name.
    pub(super) node: String,
    /// Whether it handles messages.
    pub(super) ready: bool,
    /// Between the looks, in seconds.
    pub(super) seconds: f64,
    pub(super) turns_per_second: f64,
    pub(super) accepted_per_second: f64,
    /// Messages that became dead letters since the host started.
    pub(super) dead_letters: f64,
    /// Actors that are awake.
    pub(super) awake: f64,
    /// Buckets that this host serves, of all.
    pub(super) buckets_served: usize,
    pub(super) buckets: usize,
    /// How long the oldest message that is not done has waited, in seconds.
    pub(super) oldest_seconds: Option<f64>,
    /// Actors whose messages are parked.
    pub(super) parked: usize,
    pub(super) kinds: Vec<KindRow>,
    pub(super) slowest: Vec<Summary>,
    pub(super) failing: Vec<Summary>,
}

/// One kind between two looks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct KindRow {
    pub(super) kind: String,
    pub(super) turns_per_second: f64,
    /// Those that neither succeeded nor were refused.
    pub(super) failed_per_second: f64,
    /// Turns since the host started.
    pub(super) outcomes: BTreeMap<String, f64>,
    /// Wall time of turns, in milliseconds; none: there was no turn between the looks.
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    /// How long messages waited for their turn, in milliseconds.
    pub(super) queue_p99_ms: Option<f64>,
    /// Messages that became dead letters since the host started.
    pub(super) dead_letters: f64,
}

/// By what kinds are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Turns,
    Failed,
    Slow,
    Name,
}

impl Sort {
    /// The next one.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Turns => Self::Failed,
            Self::Failed => Self::Slow,
            Self::Slow => Self::Name,
            Self::Name => Self::Turns,
        }
    }

    /// For people.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Turns => "turns",
            Self::Failed => "failed",
            Self::Slow => "p99",
            Self::Name => "name",
        }
    }

    fn compare(self, one: &KindRow, other: &KindRow) -> Ordering {
        let by = |value: fn(&KindRow) -> f64| value(other).total_cmp(&value(one));
        let first = match self {
            Self::Turns => by(|row| row.turns_per_second),
            Self::Failed => by(|row| row.failed_per_second),
            Self::Slow => by(|row| row.p99_ms.unwrap_or(-1.0)),
            Self::Name => Ordering::Equal,
        };
        first.then_with(|| one.kind.cmp(&other.kind))
    }
}

impl Picture {
    /// What happened between two looks at one host.
    pub(super) fn between(before: &Look, now: &Look) -> Self {
        let seconds = now.at.saturating_sub(before.at).as_secs_f64().max(0.001);
        let rate = |name: &str, labels: &[(&str, &str)]| grown(before, now, name, labels) / seconds;
        let total = |name: &str, labels: &[(&str, &str)]| now.metrics.sum(name, labels).unwrap_or(0.0);
        let Look { buckets, metrics, .. } = now;
        let kinds = metrics.by("hydra_turns_total", &[], "kind").into_keys();
        let oldest = buckets.buckets.iter().filter_map(|bucket| bucket.waiting_since).min();
        Self {
            node: buckets.node.clone(),
            ready: metrics.sum("hydra_ready", &[]) == Some(1.0),
            seconds,
            turns_per_second: rate("hydra_turns_total", &[]),
            accepted_per_second: rate("hydra_messages_accepted_total", &[]),
            dead_letters: total("hydra_dead_letters_total", &[]),
            awake: total("hydra_activations", &[]),
            buckets_served: buckets.buckets.iter().filter(|one| one.node.as_ref() == Some(&buckets.node)).count(),
            buckets: buckets.buckets.len(),
            oldest_seconds: oldest.map(|since| buckets.time.distance(since).as_secs_f64()),
            parked: buckets.buckets.iter().map(|bucket| bucket.parked).sum(),
            kinds: kinds.map(|kind| row(before, now, seconds, kind)).collect(),
            slowest: now.slowest.actors.clone(),
            failing: now.failing.actors.clone(),
        }
    }

    /// The kinds in this order.
    pub(super) fn sorted(&self, sort: Sort) -> Vec<&KindRow> {
        let mut kinds: Vec<&KindRow> = self.kinds.iter().collect();
        kinds.sort_by(|one, other| sort.compare(one, other));
        kinds
    }
}

fn row(before: &Look, now: &Look, seconds: f64, kind: String) -> KindRow {
    let of_kind = [("kind", kind.as_str())];
    let grown_of = |outcome: &str| grown(before, now, "hydra_turns_total", &[("kind", &kind), ("outcome", outcome)]);
    let outcomes = now.metrics.by("hydra_turns_total", &of_kind, "outcome");
    // Not `sum`: of nothing it is -0.
    let failed =
        outcomes.keys().filter(|outcome| is_failure(outcome)).fold(0.0, |sum, outcome| sum + grown_of(outcome));
    let quantile = |name: &str, part: f64| {
        now.metrics.grown(&before.metrics, name, &of_kind).quantile(part).map(|seconds| seconds * 1_000.0)
    };
    KindRow {
        turns_per_second: grown(before, now, "hydra_turns_total", &of_kind) / seconds,
        failed_per_second: failed / seconds,
        p50_ms: quantile("hydra_turn_seconds", 0.5),
        p99_ms: quantile("hydra_turn_seconds", 0.99),
        queue_p99_ms: quantile("hydra_queue_seconds", 0.99),
        dead_letters: now.metrics.sum("hydra_dead_letters_total", &of_kind).unwrap_or(0.0),
        outcomes,
        kind,
    }
}

/// Whether an outcome is neither a success nor the caller's mistake.
pub(super) fn is_failure(outcome: &str) -> bool {
    !matches!(outcome, "replied" | "done" | "later" | "refused")
}

/// By how much a counter grew. One that is smaller than before began anew.
fn grown(before: &Look, now: &Look, name: &str, labels: &[(&str, &str)]) -> f64 {
    let (earlier, later) =
        (before.metrics.sum(name, labels).unwrap_or(0.0), now.metrics.sum(name, labels).unwrap_or(0.0));
    if later < earlier { later } else { later - earlier }
}

#[cfg(test)]
pub(super) mod tests {
    use hydra::clock::Time;
    use hydra::http::view::Bucket;
    use hydra::id::{ActorId, Seq};

    use super::*;

    fn look(at: u64, done: u64, failed: u64) -> Look {
        let text = format!(
            "hydra_turns_total{{kind=\"counter\",outcome=\"done\"}} {done}\n\
             hydra_turns_total{{kind=\"picky\",outcome=\"broken\"}} {failed}\n\
             hydra_turns_total{{kind=\"picky\",outcome=\"refused\"}} 9\n\
             hydra_turn_seconds_bucket{{kind=\"counter\",le=\"0.002\"}} {done}\n\
             hydra_turn_seconds_bucket{{kind=\"counter\",le=\"+Inf\"}} {done}\n\
             hydra_dead_letters_total{{kind=\"picky\"}} 3\nhydra_ready 1\nhydra_activations 12\n"
        );
        let bucket = |node: Option<&str>, since: Option<u64>| Bucket {
            bucket: "00.1".into(),
            node: node.map(Into::into),
            floor: Seq(1),
            waiting_since: since.map(Time),
            parked: 1,
        };
        let buckets = vec![bucket(Some("n1"), Some(95_000)), bucket(Some("n2"), None)];
        let summary = |id: &str| Summary {
            actor: ActorId::parse(id).unwrap(),
            turns: 16,
            failed: 4,
            slowest_micros: 1_250,
            last: Time(1),
            outcome: "broken".into(),
        };
        let ranking = |id: &str| Ranking { node: "n1".into(), since: Time(0), actors: vec![summary(id)] };
        Look {
            at: Duration::from_secs(at),
            metrics: Metrics::parse(&text),
            buckets: Buckets { node: "n1".into(), time: Time(100_000), buckets, parked: Vec::new() },
            slowest: ranking("counter/slow\u{1b}[2J"),
            failing: ranking("picky/bad"),
        }
    }

    /// For the tests of the layout, too.
    pub(in super::super) fn picture() -> Picture {
        Picture::between(&look(10, 100, 5), &look(12, 500, 7))
    }

    #[test]
    fn counters_become_rates_between_two_looks() {
        let picture = picture();
        assert_eq!((picture.turns_per_second, picture.seconds, picture.ready), (201.0, 2.0, true));
        assert_eq!((picture.buckets_served, picture.buckets, picture.parked), (1, 2, 2));
        assert_eq!(picture.oldest_seconds, Some(5.0));
        let counter = picture.kinds.first().unwrap();
        assert_eq!((counter.turns_per_second, counter.failed_per_second), (200.0, 0.0));
        assert_eq!((counter.p50_ms, counter.queue_p99_ms), (Some(1.0), None));
        let picky = picture.kinds.last().unwrap();
        assert_eq!((picky.failed_per_second, picky.dead_letters), (1.0, 3.0));
    }

    #[test]
    fn a_host_that_started_again_counts_from_nothing() {
        let picture = Picture::between(&look(10, 100, 5), &look(12, 4, 0));
        assert_eq!(picture.kinds.first().unwrap().turns_per_second, 2.0);
    }

    #[test]
    fn kinds_are_sorted_as_wished() {
        let picture = picture();
        let order = |sort| -> Vec<String> { picture.sorted(sort).iter().map(|row| row.kind.clone()).collect() };
        assert_eq!(order(Sort::Turns), ["counter", "picky"]);
        assert_eq!(order(Sort::Failed), ["picky", "counter"]);
        assert_eq!(order(Sort::Slow), ["counter", "picky"]);
        assert_eq!(order(Sort::Name), ["counter", "picky"]);
    }
}
