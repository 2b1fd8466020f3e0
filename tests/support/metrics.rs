//! Reads Prometheus text, as strictly as a test needs it: each line is a comment or a sample.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// The labels of one sample.
pub type Labels = BTreeMap<String, String>;

/// The samples of one look at `/metrics`.
pub struct Samples {
    /// As it came.
    pub text: String,
    samples: BTreeMap<(String, Labels), f64>,
}

impl Samples {
    /// Reads all lines.
    ///
    /// # Errors
    /// A line is neither a comment nor a sample, or one sample comes twice.
    pub fn read(text: &str) -> Result<Self> {
        let mut samples = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (key, value) = sample(line).with_context(|| format!("not a sample: {line}"))?;
            anyhow::ensure!(samples.insert(key, value).is_none(), "told twice: {line}");
        }
        Ok(Self { text: text.into(), samples })
    }

    /// A sample's value, by its name and all of its labels.
    #[must_use]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(label, value)| ((*label).into(), (*value).into())).collect();
        self.samples.get(&(name.into(), labels)).copied()
    }

    /// All names and labels.
    pub fn all(&self) -> impl Iterator<Item = &(String, Labels)> {
        self.samples.keys()
    }
}

fn sample(line: &str) -> Option<((String, Labels), f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    let pair = |pair: &str| {
        let (label, value) = pair.split_once('=')?;
        Some((label.to_owned(), value.strip_prefix('"')?.strip_suffix('"')?.to_owned()))
    };
    let labels = labels.split(',').filter(|pair| !pair.is_empty()).map(pair).collect::<Option<_>>()?;
    Some(((name.to_owned(), labels), value.parse().ok()?))
}
