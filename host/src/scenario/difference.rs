//! What is not as it should be, part by part: the unit of every failure report.
//! Filled by `expect` and `observed`. Pure; never decides whether a difference matters.

use serde::Serialize;
use serde_json::Value;

use crate::scenario::content::Content;

/// Differences told of one comparison; the rest would not be read.
const DIFFERENCES_MAX: usize = 20;

/// One part that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which part, for example `status` or `body.items[2].price`.
    pub part: String,
    /// What it should be.
    pub expected: String,
    /// What it is.
    pub actual: String,
}

/// The differences of one comparison.
#[derive(Debug, Default)]
pub(super) struct Differences(pub(super) Vec<Difference>);

impl Differences {
    /// Notes a part that differs.
    pub(super) fn note(&mut self, part: impl Into<String>, expected: impl Into<String>, actual: impl Into<String>) {
        if self.0.len() < DIFFERENCES_MAX {
            let (part, expected, actual) = (part.into(), expected.into(), actual.into());
            self.0.push(Difference { part, expected, actual });
        }
    }

    /// Compares a part that is shown as it is.
    pub(super) fn same<T: PartialEq>(&mut self, part: &str, expected: &T, actual: &T, show: impl Fn(&T) -> String) {
        if expected != actual {
            self.note(part, show(expected), show(actual));
        }
    }

    /// Compares optional texts.
    pub(super) fn texts(&mut self, part: &str, expected: Option<&String>, actual: Option<&String>) {
        self.same(part, &expected, &actual, |text| text.map_or_else(|| "nothing".into(), |text| format!("{text:?}")));
    }

    /// Compares bytes. A difference between two JSON documents is told member by member.
    pub(super) fn contents(&mut self, part: &str, expected: &Content, actual: &Content) {
        if expected == actual {
            return;
        }
        let before = self.0.len();
        if let (Some(expected), Some(actual)) = (expected.json(), actual.json()) {
            self.json(part, &expected, &actual);
        }
        if self.0.len() == before {
            self.note(part, expected.to_string(), actual.to_string());
        }
    }

    /// Compares JSON member by member. Numbers are equal when their values are: 5 is 5.0.
    pub(super) fn json(&mut self, part: &str, expected: &Value, actual: &Value) {
        match (expected, actual) {
            (Value::Object(expected), Value::Object(found)) => {
                for (name, value) in expected {
                    let part = format!("{part}.{name}");
                    match found.get(name) {
                        Some(actual) => self.json(&part, value, actual),
                        None => self.note(part, value.to_string(), "nothing"),
                    }
                }
                for (name, value) in found.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                    self.note(format!("{part}.{name}"), "nothing", value.to_string());
                }
            }
            (Value::Array(expected), Value::Array(found)) => {
                for index in 0..expected.len().max(found.len()) {
                    let part = format!("{part}[{index}]");
                    match (expected.get(index), found.get(index)) {
                        (Some(expected), Some(actual)) => self.json(&part, expected, actual),
                        (expected, actual) => self.note(part, shown(expected), shown(actual)),
                    }
                }
            }
            (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() && a.is_f64() != b.is_f64() => {}
            (expected, actual) if expected == actual => {}
            (expected, actual) => self.note(part, expected.to_string(), actual.to_string()),
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".into(), Value::to_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(expected: &Value, actual: &Value) -> Vec<String> {
        let mut differences = Differences::default();
        differences.json("body", expected, actual);
        let line = |found: &Difference| format!("{}: {} != {}", found.part, found.expected, found.actual);
        differences.0.iter().map(line).collect()
    }

    #[test]
    fn json_differs_where_it_differs() {
        let expected = json!({ "a": [1, { "b": 2 }], "c": "x", "same": true });
        let actual = json!({ "a": [1, { "b": 3 }, 4], "d": null, "same": true });
        let told = told(&expected, &actual);
        assert_eq!(
            told,
            ["body.a[1].b: 2 != 3", "body.a[2]: nothing != 4", "body.c: \"x\" != nothing", "body.d: nothing != null",]
        );
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert!(told(&json!([5, 1.5]), &json!([5.0, 1.5])).is_empty());
        assert_eq!(told(&json!(9_007_199_254_740_993_i64), &json!(9_007_199_254_740_992_i64)).len(), 1);
        assert_eq!(told(&json!(5), &json!("5")), ["body: 5 != \"5\""]);
    }

    #[test]
    fn bytes_are_compared_byte_for_byte() {
        let told = |expected: &'static str, actual: &'static str| {
            let mut differences = Differences::default();
            differences.contents("body", &Content(expected.into()), &Content(actual.into()));
            differences.0.into_iter().map(|found| found.part).collect::<Vec<_>>()
        };
        assert!(told("{\"a\":1}", "{\"a\":1}").is_empty());
        assert_eq!(told("{\"a\":1}", "{\"a\":2}"), ["body.a"]);
        assert_eq!(told("{\"a\":1}", "{\"a\": 1}"), ["body"]);
        assert_eq!(told("5", "5.0"), ["body"]);
    }

    #[test]
    fn a_report_stays_readable() {
        let (long, short) = (json!((0..1_000).collect::<Vec<u32>>()), json!([]));
        assert_eq!(told(&long, &short).len(), DIFFERENCES_MAX);
    }
}
