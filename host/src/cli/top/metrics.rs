//! Reads the text of `/metrics`: values by name and labels, and quantiles of what a histogram grew by between two looks.
//! Pure. What it does not understand it leaves out: a newer host may tell more.

use std::collections::BTreeMap;

/// One line.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Everything that a host told at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Metrics(Vec<Sample>);

impl Metrics {
    /// Reads the Prometheus text format.
    pub(super) fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(sample).collect())
    }

    /// The sum of all values of this name with these labels; none: there is no such line.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found = self.0.iter().filter(|sample| sample.name == name && sample.has(labels));
        found.map(|sample| sample.value).reduce(|one, other| one + other)
    }

    /// All values of one label under this name and these labels, each with its sum, in order.
    pub(super) fn by(&self, name: &str, labels: &[(&str, &str)], label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.0.iter().filter(|sample| sample.name == name && sample.has(labels)) {
            if let Some(value) = sample.labels.get(label) {
                *sums.entry(value.clone()).or_default() += sample.value;
            }
        }
        sums
    }

    /// How often a histogram was at or below each of its bounds, since an earlier look.
    pub(super) fn grown(&self, before: &Self, name: &str, labels: &[(&str, &str)]) -> Histogram {
        let name = format!("{name}_bucket");
        let earlier = before.by(&name, labels, "le");
        let grown = self.by(&name, labels, "le").into_iter().filter_map(|(bound, count)| {
            let since = count - earlier.get(&bound).copied().unwrap_or(0.0);
            // A host that was started again counts from nothing.
            Some((bound.parse::<f64>().ok()?, if since < 0.0 { count } else { since }))
        });
        let mut grown: Vec<(f64, f64)> = grown.collect();
        grown.sort_by(|one, other| one.0.total_cmp(&other.0));
        Histogram(grown)
    }
}

impl Sample {
    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.labels.get(*name).is_some_and(|given| given == value))
    }
}

/// Bounds, and how many values are at or below each.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    /// The value below which this part of all values is, as well as the bounds tell; none: there are no values.
    pub(super) fn quantile(&self, part: f64) -> Option<f64> {
        let all = self.0.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
        let wanted = all * part;
        let (mut lower, mut below) = (0.0, 0.0);
        for (bound, count) in &self.0 {
            if *count >= wanted {
                let within = if *count > below { (wanted - below) / (count - below) } else { 1.0 };
                // Above the last finite bound nothing is known but that it is above.
                return Some(if bound.is_finite() { lower + (bound - lower) * within } else { lower });
            }
            (lower, below) = (*bound, *count);
        }
        Some(lower)
    }
}

/// `name{label="value",…} number`; the rest of the line is a time, which hosts do not tell.
fn sample(line: &str) -> Option<Sample> {
    if line.starts_with('#') {
        return None;
    }
    let name_ends = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at_checked(name_ends)?;
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        (labels, rest) = read_labels(inside)?;
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.into(), labels, value })
}

/// The labels up to the closing brace, and what follows it.
fn read_labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, behind));
        }
        let (label, quoted) = rest.split_once("=\"")?;
        let (mut value, mut letters) = (String::new(), quoted.char_indices());
        rest = loop {
            match letters.next()? {
                (at, '"') => break quoted.get(at + 1..)?,
                (_, '\\') => match letters.next()?.1 {
                    'n' => value.push('\n'),
                    letter => value.push(letter),
                },
                (_, letter) => value.push(letter),
            }
        };
        labels.insert(label.trim().to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "\
# HELP hydra_turns_total turns
hydra_turns_total{kind=\"counter\",outcome=\"done\"} 5
hydra_turns_total{kind=\"counter\",outcome=\"failed\",otel_scope_name=\"a,}\\\"b\"} 2
hydra_turns_total{kind=\"other\",outcome=\"done\"} 1
hydra_ready 1
hydra_turn_seconds_bucket{kind=\"counter\",le=\"0.001\"} 10
hydra_turn_seconds_bucket{kind=\"counter\",le=\"+Inf\"} 10
broken{ 1
";

    #[test]
    fn values_are_found_by_name_and_labels() {
        let metrics = Metrics::parse(BEFORE);
        assert_eq!(metrics.sum("hydra_turns_total", &[]), Some(8.0));
        assert_eq!(metrics.sum("hydra_turns_total", &[("kind", "counter")]), Some(7.0));
        assert_eq!(metrics.sum("hydra_ready", &[]), Some(1.0));
        assert_eq!(metrics.sum("hydra_other", &[]), None);
        let outcomes = metrics.by("hydra_turns_total", &[("kind", "counter")], "outcome");
        assert_eq!(outcomes, BTreeMap::from([("done".into(), 5.0), ("failed".into(), 2.0)]));
    }

    #[test]
    fn a_quantile_is_of_what_came_since_the_look_before() {
        let after = "\
hydra_turn_seconds_bucket{kind=\"counter\",le=\"0.001\"} 60
hydra_turn_seconds_bucket{kind=\"counter\",le=\"0.1\"} 109
hydra_turn_seconds_bucket{kind=\"counter\",le=\"+Inf\"} 110
";
        let (before, after) = (Metrics::parse(BEFORE), Metrics::parse(after));
        let grown = |labels: &[(&str, &str)]| after.grown(&before, "hydra_turn_seconds", labels);
        let counter = grown(&[("kind", "counter")]);
        assert_eq!(counter.0, [(0.001, 50.0), (0.1, 109.0), (f64::INFINITY, 100.0)]);
        assert_eq!(counter.quantile(0.25), Some(0.0005));
        assert_eq!(grown(&[("kind", "other")]).quantile(0.5), None);
        let again = before.grown(&after, "hydra_turn_seconds", &[]);
        assert_eq!(again.quantile(1.0), Some(0.001), "it was started again");
    }
}
