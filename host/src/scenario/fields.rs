//! Reads the keys of one table of a scenario file, each with its line; a key that nobody asked for is a mistake.
//! Used by `format`. Pure: text in, values or a mistake with its place out.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A key this different from every known one is not taken for a slip: below it no suggestion is made.
const LIKENESS_MIN: f64 = 0.7;
/// Units of a span of time, and their milliseconds.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The scenario's file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The step, from 1; none outside of steps.
    pub step: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        self.step.map_or(Ok(()), |step| write!(f, " (step {step})"))
    }
}

/// A mistake in a scenario file. Its author corrects it; nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not TOML.
    #[error("{file} is not TOML: {reason}")]
    Syntax {
        /// Which file.
        file: String,
        /// Where and why.
        reason: String,
    },
    /// Nothing here has this name.
    #[error("{place}: unknown key {key} in {whole}: {advice}")]
    UnknownKey {
        /// Where it stands.
        place: Place,
        /// What was written.
        key: String,
        /// What it is a part of.
        whole: &'static str,
        /// The nearest name, or all of them.
        advice: String,
    },
    /// A value that cannot be used, or one that is missing.
    #[error("{place}: {reason}")]
    Value {
        /// Where it stands.
        place: Place,
        /// What is wrong and what to write.
        reason: String,
    },
}

/// A file's name and text.
#[derive(Debug)]
pub(super) struct Source<'t> {
    pub(super) file: &'t str,
    pub(super) text: &'t str,
}

impl<'t> Source<'t> {
    /// The keys of the whole file.
    pub(super) fn fields(&'t self) -> Result<Fields<'t>, Error> {
        let syntax = |error: toml::de::Error| Error::Syntax { file: self.file.into(), reason: error.to_string() };
        let table = DeTable::parse(self.text).map_err(syntax)?.into_inner();
        Ok(Fields::new(self, "a scenario", None, 1, table))
    }

    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }
}

/// The keys of one table that were not read yet.
pub(super) struct Fields<'t> {
    source: &'t Source<'t>,
    whole: &'static str,
    step: Option<usize>,
    line: usize,
    entries: BTreeMap<String, Spanned<DeValue<'t>>>,
    known: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    fn new(source: &'t Source<'t>, whole: &'static str, step: Option<usize>, line: usize, table: DeTable<'t>) -> Self {
        let entries = table.into_iter().map(|(key, value)| (key.into_inner().into_owned(), value)).collect();
        Self { source, whole, step, line, entries, known: Vec::new() }
    }

    /// Where the table begins.
    pub(super) fn place(&self) -> Place {
        Place { file: self.source.file.into(), line: self.line, step: self.step }
    }

    /// A mistake in this table.
    pub(super) fn mistake(&self, reason: impl Into<String>) -> Error {
        Error::Value { place: self.place(), reason: reason.into() }
    }

    /// Says which step this table is.
    pub(super) fn at_step(mut self, step: usize) -> Self {
        self.step = Some(step);
        self
    }

    /// Which of these keys are there.
    pub(super) fn present(&mut self, keys: &[&'static str]) -> Vec<&'static str> {
        self.known.extend(keys);
        keys.iter().copied().filter(|key| self.entries.contains_key(*key)).collect()
    }

    fn take(&mut self, key: &'static str) -> Option<Found<'t>> {
        self.known.push(key);
        let value = self.entries.remove(key)?;
        let line = self.source.line(value.span().start);
        Some(Found { key, place: Place { line, ..self.place() }, value: value.into_inner() })
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, Error> {
        self.take(key).map(Found::text).transpose()
    }

    /// One of a few words.
    pub(super) fn word(&mut self, key: &'static str, words: &[&'static str]) -> Result<Option<String>, Error> {
        let Some(found) = self.take(key) else { return Ok(None) };
        let place = found.place.clone();
        let word = found.text()?;
        if words.contains(&word.as_str()) {
            return Ok(Some(word));
        }
        Err(mistaken(place, key, &format!("{word:?} is none of {}", words.join(", "))))
    }

    /// `true`, or nothing.
    pub(super) fn flag(&mut self, key: &'static str) -> Result<bool, Error> {
        match self.take(key) {
            None => Ok(false),
            Some(Found { value: DeValue::Boolean(true), .. }) => Ok(true),
            Some(found) => Err(found.wrong("true, or leave it away")),
        }
    }

    /// A number of things.
    pub(super) fn count(&mut self, key: &'static str) -> Result<Option<usize>, Error> {
        let Some(found) = self.take(key) else { return Ok(None) };
        let count = match &found.value {
            DeValue::Integer(number) => usize::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        count.map(Some).ok_or_else(|| found.wrong("a number, 0 or more"))
    }

    /// A span of time with its unit, within bounds.
    pub(super) fn span(&mut self, key: &'static str, max: Duration) -> Result<Option<Duration>, Error> {
        let Some(found) = self.take(key) else { return Ok(None) };
        let place = found.place.clone();
        let text = found.text()?;
        let read = UNITS.iter().find_map(|(unit, ms)| Some((text.strip_suffix(unit)?.parse::<u64>().ok()?, *ms)));
        let span = read.map(|(count, ms)| Duration::from_millis(count.saturating_mul(ms)));
        let valid = span.filter(|span| (Duration::from_millis(1)..=max).contains(span));
        let advice = || format!("write it like 500ms, 5s, 2m, 3h; at least 1ms, at most {}s", max.as_secs());
        valid.map(Some).ok_or_else(|| mistaken(place, key, &advice()))
    }

    /// Any value, as JSON.
    pub(super) fn json(&mut self, key: &'static str) -> Result<Option<Value>, Error> {
        self.take(key).map(|found| json(&found.value).map_err(|reason| mistaken(found.place, key, &reason))).transpose()
    }

    /// Texts by name.
    pub(super) fn texts(&mut self, key: &'static str) -> Result<BTreeMap<String, String>, Error> {
        let Some(found) = self.take(key) else { return Ok(BTreeMap::new()) };
        let wrong = found.clone_wrong("a table of texts, like { name = \"value\" }");
        let DeValue::Table(table) = found.value else { return Err(wrong) };
        let read = table.into_iter().map(|(name, value)| match value.into_inner() {
            DeValue::String(text) => Some((name.into_inner().into_owned(), text.into_owned())),
            _ => None,
        });
        read.collect::<Option<_>>().ok_or(wrong)
    }

    /// A table.
    pub(super) fn table(&mut self, key: &'static str, whole: &'static str) -> Result<Option<Self>, Error> {
        let Some(found) = self.take(key) else { return Ok(None) };
        let line = found.place.line;
        let wrong = found.clone_wrong("a table, like { … }");
        let DeValue::Table(table) = found.value else { return Err(wrong) };
        Ok(Some(Self::new(self.source, whole, self.step, line, table)))
    }

    /// A list of tables; none if the key is not there.
    pub(super) fn tables(&mut self, key: &'static str, whole: &'static str) -> Result<Option<Vec<Self>>, Error> {
        let Some(found) = self.take(key) else { return Ok(None) };
        let wrong = found.clone_wrong("a list of tables");
        let DeValue::Array(values) = found.value else { return Err(wrong) };
        let read = values.into_iter().map(|value| {
            let line = self.source.line(value.span().start);
            let DeValue::Table(table) = value.into_inner() else { return None };
            Some(Self::new(self.source, whole, self.step, line, table))
        });
        read.collect::<Option<_>>().map(Some).ok_or(wrong)
    }

    /// Everything is read: what is left is a mistake.
    pub(super) fn finish(self) -> Result<(), Error> {
        let Some((key, value)) = self.entries.iter().next() else { return Ok(()) };
        let mut known = self.known.clone();
        known.sort_unstable();
        known.dedup();
        let nearest = known.iter().max_by(|a, b| likeness(a, key).total_cmp(&likeness(b, key)));
        let advice = match nearest.filter(|name| likeness(name, key) >= LIKENESS_MIN) {
            Some(name) => format!("did you mean {name}?"),
            None => format!("it knows {}", known.join(", ")),
        };
        let place = Place { line: self.source.line(value.span().start), ..self.place() };
        Err(Error::UnknownKey { place, key: key.clone(), whole: self.whole, advice })
    }
}

/// How much two names are alike, 0 to 1; two letters that changed places in a short one make it no other.
fn likeness(name: &str, key: &str) -> f64 {
    let slip = if key.len() > 2 && strsim::osa_distance(name, key) == 1 { LIKENESS_MIN } else { 0.0 };
    strsim::jaro_winkler(name, key).max(slip)
}

/// One value and where it stands.
struct Found<'t> {
    key: &'static str,
    place: Place,
    value: DeValue<'t>,
}

impl Found<'_> {
    fn text(self) -> Result<String, Error> {
        match self.value {
            DeValue::String(text) => Ok(text.into_owned()),
            _ => Err(self.wrong("a text in quotes")),
        }
    }

    fn clone_wrong(&self, wanted: &str) -> Error {
        let reason = format!("this is {}, write {wanted}", self.value.type_str());
        mistaken(self.place.clone(), self.key, &reason)
    }

    fn wrong(self, wanted: &str) -> Error {
        self.clone_wrong(wanted)
    }
}

fn mistaken(place: Place, key: &str, reason: &str) -> Error {
    Error::Value { place, reason: format!("{key}: {reason}") }
}

/// A value as JSON. TOML has dates and no null, JSON the other way round.
fn json(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.as_ref().into()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::from)
            .or_else(|_| u64::from_str_radix(number.as_str(), number.radix()).map(Value::from))
            .map_err(|_| format!("{number} does not fit 64 bits: write it as text"))?,
        DeValue::Float(number) => {
            let read = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
            Value::Number(read.ok_or_else(|| format!("{number} is not a number in JSON"))?)
        }
        DeValue::Datetime(date) => return Err(format!("JSON has no dates: write \"{date}\"")),
        DeValue::Array(values) => {
            Value::Array(values.iter().map(|value| json(value.get_ref())).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            let member = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                Ok::<_, String>((std::borrow::Cow::<str>::clone(name.get_ref()).into_owned(), json(value.get_ref())?))
            };
            Value::Object(table.iter().map(member).collect::<Result<_, _>>()?)
        }
    })
}
