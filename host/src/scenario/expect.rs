//! What an author expects of a step, and how what happened differs from it.
//! Read by `format`, asked by `run`. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use crate::scenario::content::Content;
use crate::scenario::difference::Differences;
use crate::scenario::observed::{SeenAnswer, SeenLetter, SeenMessage};

/// Outcomes that an author need not expect by name.
const GOOD: [&str; 2] = ["replied", "done"];

/// What bytes should be.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyExpected {
    /// This JSON, however it is written.
    Json(Value),
    /// Exactly this text.
    Text(String),
    /// This text somewhere.
    Contains(String),
    /// Exactly these bytes.
    Exactly(Bytes),
}

impl BodyExpected {
    fn check(&self, part: &str, actual: &Content, found: &mut Differences) {
        match self {
            Self::Json(expected) => match actual.json() {
                Some(json) => found.json(part, expected, &json),
                None => found.note(part, format!("JSON: {expected}"), actual.to_string()),
            },
            Self::Exactly(expected) => found.contents(part, &Content(expected.clone()), actual),
            Self::Text(expected) => found.contents(part, &Content(expected.clone().into()), actual),
            Self::Contains(expected) => {
                if !actual.text().is_some_and(|text| text.contains(expected)) {
                    found.note(part, format!("a text with {expected:?} in it"), actual.to_string());
                }
            }
        }
    }
}

/// What an ask should come to. Without a status: a reply or done; with a code: a problem.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AnswerExpected {
    /// `replied`, `refused`, …
    pub status: Option<String>,
    /// The problem's code.
    pub code: Option<String>,
    /// The reply's body; of a problem, its text.
    pub body: Vec<BodyExpected>,
    /// Headers of the reply; others may be there.
    pub headers: BTreeMap<String, String>,
}

impl AnswerExpected {
    pub(super) fn check(&self, actual: &SeenAnswer, found: &mut Differences) {
        let is_good = GOOD.contains(&actual.status.as_str());
        match &self.status {
            Some(status) => found.same("status", status, &actual.status, Clone::clone),
            None if self.code.is_some() && is_good => found.note("status", "a problem", actual.status.clone()),
            None if self.code.is_none() && !is_good => found.note("status", GOOD.join(" or "), actual.status.clone()),
            None => {}
        }
        if self.code.is_some() {
            found.texts("code", self.code.as_ref(), actual.code.as_ref());
        } else if let (false, Some(code)) = (found.0.is_empty(), &actual.code) {
            found.note("code", "nothing", code.clone());
        }
        let (part, content) = match &actual.text {
            Some(text) => ("text", Content(text.clone().into())),
            None => ("body", actual.body.clone()),
        };
        self.body.iter().for_each(|body| body.check(part, &content, found));
        if let (false, Some(text)) = (found.0.is_empty(), actual.text.as_ref().filter(|_| self.body.is_empty())) {
            found.note("text", "nothing", text.clone());
        }
        headers(&self.headers, &actual.headers, found, "headers");
    }
}

/// What an actor's state should be.
#[derive(Debug, Clone, PartialEq)]
pub enum StateExpected {
    /// It has none.
    Absent,
    /// These bytes.
    Present(Vec<BodyExpected>),
}

impl StateExpected {
    pub(super) fn check(&self, actual: Option<&Content>, found: &mut Differences) {
        match (self, actual) {
            (Self::Absent, None) => {}
            (Self::Absent, Some(state)) => found.note("state", "nothing", state.to_string()),
            (Self::Present(_), None) => found.note("state", "a state", "nothing"),
            (Self::Present(expected), Some(state)) => {
                expected.iter().for_each(|body| body.check("state", state, found));
            }
        }
    }
}

/// What a message should say; what is not expected may be anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MessageExpected {
    /// The receiver.
    pub to: Option<String>,
    /// What it is.
    pub subject: Option<String>,
    /// What it says.
    pub body: Vec<BodyExpected>,
    /// Its headers; others may be there.
    pub headers: BTreeMap<String, String>,
}

impl MessageExpected {
    /// Whether a message is like this.
    pub(super) fn fits(&self, actual: &SeenMessage) -> bool {
        let mut found = Differences::default();
        self.check(actual, &|part| part.into(), &mut found);
        found.0.is_empty()
    }

    fn check(&self, actual: &SeenMessage, part: &dyn Fn(&str) -> String, found: &mut Differences) {
        if let Some(to) = &self.to {
            found.same(&part("to"), to, &actual.to, Clone::clone);
        }
        if let Some(subject) = &self.subject {
            found.same(&part("subject"), subject, &actual.subject, Clone::clone);
        }
        self.body.iter().for_each(|body| body.check(&part("body"), &actual.body, found));
        headers(&self.headers, &actual.headers, found, &part("headers"));
    }
}

/// Compares messages one by one, in order.
pub(super) fn check_sent(expected: &[MessageExpected], actual: &[SeenMessage], found: &mut Differences) {
    if expected.len() != actual.len() {
        found.note("messages", expected.len().to_string(), actual.len().to_string());
    }
    for (index, message) in actual.iter().enumerate() {
        let part = |name: &str| format!("[{index}].{name}");
        let Some(expected) = expected.get(index) else {
            found.note(format!("[{index}]"), "nothing", message.to_string());
            continue;
        };
        expected.check(message, &part, found);
    }
    for (index, message) in expected.iter().enumerate().skip(actual.len()) {
        let wanted = [message.to.as_deref(), message.subject.as_deref()].into_iter().flatten();
        found.note(format!("[{index}]"), wanted.collect::<Vec<_>>().join(" "), "nothing");
    }
}

/// How many dead letters there should be, of those that are like this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LettersExpected {
    /// Exactly so many; none: one at least.
    pub count: Option<usize>,
    /// Why they are dead letters.
    pub reason: Option<String>,
    /// Whose messages they were.
    pub actor: Option<String>,
    /// What they were.
    pub subject: Option<String>,
}

impl LettersExpected {
    pub(super) fn check(&self, actual: &[SeenLetter], found: &mut Differences) {
        let is = |wanted: &Option<String>, have: &str| wanted.as_ref().is_none_or(|wanted| wanted == have);
        let alike = |letter: &&SeenLetter| {
            is(&self.reason, &letter.reason) && is(&self.actor, &letter.actor) && is(&self.subject, &letter.subject)
        };
        let count = actual.iter().filter(alike).count();
        if self.count.map_or(count > 0, |wanted| wanted == count) {
            return;
        }
        let wanted = self.count.map_or_else(|| "1 or more".into(), |count| count.to_string());
        found.note("dead letters like this", wanted, count.to_string());
        for (index, letter) in actual.iter().enumerate() {
            found.note(format!("there is [{index}]"), "any", letter.to_string());
        }
    }
}

fn headers(expected: &BTreeMap<String, String>, actual: &[(String, String)], found: &mut Differences, part: &str) {
    for (name, value) in expected {
        let have = actual.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        found.texts(&format!("{part}.{name}"), Some(value), have);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: &str, body: &str) -> SeenAnswer {
        SeenAnswer { status: status.into(), body: Content(body.to_owned().into()), ..SeenAnswer::default() }
    }

    fn told(expected: &AnswerExpected, actual: &SeenAnswer) -> Vec<String> {
        let mut found = Differences::default();
        expected.check(actual, &mut found);
        found.0.iter().map(|one| format!("{}: {} != {}", one.part, one.expected, one.actual)).collect()
    }

    #[test]
    fn an_ask_ends_well_unless_its_author_expects_otherwise() {
        let nothing = AnswerExpected::default();
        assert!(told(&nothing, &answer("replied", "5")).is_empty());
        let refused = SeenAnswer { code: Some("no".into()), text: Some("not you".into()), ..answer("refused", "") };
        let why = told(&nothing, &refused);
        assert_eq!(why, ["status: replied or done != refused", "code: nothing != no", "text: nothing != not you"]);
        let wanted = AnswerExpected { code: Some("no".into()), ..AnswerExpected::default() };
        assert!(told(&wanted, &refused).is_empty());
        assert_eq!(told(&wanted, &answer("replied", "5")).first().unwrap(), "status: a problem != replied");
    }

    #[test]
    fn a_body_is_compared_as_it_is_expected() {
        let with = |body: BodyExpected| AnswerExpected { body: vec![body], ..AnswerExpected::default() };
        assert!(told(&with(BodyExpected::Json(json!({ "a": 1 }))), &answer("replied", "{ \"a\": 1 }")).is_empty());
        assert_eq!(told(&with(BodyExpected::Json(json!(5))), &answer("replied", "6")), ["body: 5 != 6"]);
        assert_eq!(told(&with(BodyExpected::Json(json!(5))), &answer("replied", "x")), ["body: JSON: 5 != \"x\""]);
        assert!(told(&with(BodyExpected::Contains("ell".into())), &answer("replied", "hello")).is_empty());
        assert_eq!(told(&with(BodyExpected::Text("hell".into())), &answer("replied", "hello")).len(), 1);
    }

    #[test]
    fn messages_are_compared_in_order_and_number() {
        let message = |to: &str| SeenMessage { to: to.into(), subject: "s".into(), ..SeenMessage::default() };
        let wanted = |to: &str| MessageExpected { to: Some(to.into()), ..MessageExpected::default() };
        let told = |expected: &[MessageExpected], actual: &[SeenMessage]| {
            let mut found = Differences::default();
            check_sent(expected, actual, &mut found);
            found.0.iter().map(|one| format!("{}: {} != {}", one.part, one.expected, one.actual)).collect::<Vec<_>>()
        };
        assert!(told(&[wanted("a/1"), wanted("b/1")], &[message("a/1"), message("b/1")]).is_empty());
        assert_eq!(told(&[wanted("a/1")], &[message("b/1")]), ["[0].to: a/1 != b/1"]);
        assert_eq!(told(&[wanted("a/1")], &[]), ["messages: 1 != 0", "[0]: a/1 != nothing"]);
        assert_eq!(told(&[], &[message("b/1")]), ["messages: 0 != 1", "[0]: nothing != b/1 s nothing"]);
    }

    #[test]
    fn dead_letters_are_counted_by_what_they_are() {
        let letter = |reason: &str| SeenLetter { reason: reason.into(), actor: "a/1".into(), ..SeenLetter::default() };
        let letters = [letter("trap"), letter("failed"), letter("failed")];
        let differs = |expected: LettersExpected| {
            let mut found = Differences::default();
            expected.check(&letters, &mut found);
            !found.0.is_empty()
        };
        let failed = LettersExpected { reason: Some("failed".into()), ..LettersExpected::default() };
        assert!(!differs(failed.clone()));
        assert!(!differs(LettersExpected { count: Some(2), ..failed.clone() }));
        assert!(!differs(LettersExpected { count: Some(3), ..LettersExpected::default() }));
        assert!(differs(LettersExpected { count: Some(1), ..failed.clone() }));
        assert!(differs(LettersExpected { actor: Some("b/1".into()), ..failed }));
    }
}
