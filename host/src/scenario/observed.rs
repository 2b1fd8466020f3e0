//! What a run showed: each step's outcome, and how everything stood at the end. Two runs of one scenario must show the same.
//! Filled by `run`, compared by `suite`. Pure. Leaves out what may differ: positions, times, how often something was tried.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::scenario::content::Content;
use crate::scenario::difference::{Difference, Differences};

/// How an ask ends whose message waits for a human.
const SUSPENDED: &str = "suspended";

/// What a step showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Observed {
    /// It shows nothing.
    Nothing,
    /// How an ask ended.
    Answer(SeenAnswer),
    /// An actor's state.
    State(Option<Content>),
    /// What an actor sent since it was asked last.
    Sent(Vec<SeenMessage>),
    /// All dead letters so far.
    Letters(Vec<SeenLetter>),
}

/// How an ask ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SeenAnswer {
    /// `replied`, `refused`, …
    pub(super) status: String,
    /// The problem's code.
    pub(super) code: Option<String>,
    /// The problem's text.
    pub(super) text: Option<String>,
    /// The reply's headers.
    pub(super) headers: Vec<(String, String)>,
    /// The reply's body.
    pub(super) body: Content,
}

/// A message from an actor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct SeenMessage {
    /// The receiver.
    pub(super) to: String,
    /// What it is.
    pub(super) subject: String,
    /// The sender's own headers.
    pub(super) headers: Vec<(String, String)>,
    /// What it says.
    pub(super) body: Content,
}

impl fmt::Display for SeenMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.to, self.subject, self.body)
    }
}

/// A dead letter.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeenLetter {
    /// Whose message it was.
    pub(super) actor: String,
    /// What it was.
    pub(super) subject: String,
    /// Why it is one.
    pub(super) reason: String,
    /// The same for people.
    pub(super) text: String,
}

impl fmt::Display for SeenLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: {}", self.actor, self.subject, self.reason, self.text)
    }
}

/// One actor at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SeenActor {
    /// Its state.
    pub(super) state: Option<Content>,
    /// Why it waits for a human, if it does.
    pub(super) suspended: Option<String>,
}

/// How everything stood a while after the last step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ending {
    /// Actors that have a state or are suspended.
    pub(super) actors: BTreeMap<String, SeenActor>,
    /// What each actor sent, in order.
    pub(super) sent: BTreeMap<String, Vec<SeenMessage>>,
    /// Dead letters.
    pub(super) letters: Vec<SeenLetter>,
}

impl Observed {
    /// How another run's outcome of the same step differs from this one.
    pub(super) fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut found = Differences::default();
        match (self, other) {
            (Self::Answer(expected), Self::Answer(actual)) => {
                found.same("status", &expected.status, &actual.status, Clone::clone);
                // Why an actor is suspended is told with its first message and after a restart, not with those behind it.
                if expected.status != SUSPENDED {
                    found.texts("code", expected.code.as_ref(), actual.code.as_ref());
                    found.texts("text", expected.text.as_ref(), actual.text.as_ref());
                }
                found.same("headers", &expected.headers, &actual.headers, |headers| format!("{headers:?}"));
                found.contents("body", &expected.body, &actual.body);
            }
            (Self::State(expected), Self::State(actual)) => state("state", expected, actual, &mut found),
            (Self::Sent(expected), Self::Sent(actual)) => messages("", expected, actual, &mut found),
            (Self::Letters(expected), Self::Letters(actual)) => letters(expected, actual, &mut found),
            (expected, actual) => found.same("step", expected, actual, |observed| format!("{observed:?}")),
        }
        found.0
    }
}

impl Ending {
    /// How another run's end differs from this one.
    pub(super) fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut found = Differences::default();
        let nobody = SeenActor::default();
        let names: BTreeSet<&String> = self.actors.keys().chain(other.actors.keys()).collect();
        for name in names {
            let [expected, actual] = [self, other].map(|ending| ending.actors.get(name).unwrap_or(&nobody));
            state(&format!("state of {name}"), &expected.state, &actual.state, &mut found);
            let (expected, actual) = (expected.suspended.as_ref(), actual.suspended.as_ref());
            found.texts(&format!("{name} is suspended"), expected, actual);
        }
        let senders: BTreeSet<&String> = self.sent.keys().chain(other.sent.keys()).collect();
        for sender in senders {
            let [expected, actual] = [self, other].map(|ending| ending.sent.get(sender).map_or(&[][..], Vec::as_slice));
            messages(&format!("sent by {sender} "), expected, actual, &mut found);
        }
        letters(&self.letters, &other.letters, &mut found);
        found.0
    }
}

fn state(part: &str, expected: &Option<Content>, actual: &Option<Content>, found: &mut Differences) {
    match (expected, actual) {
        (Some(expected), Some(actual)) => found.contents(part, expected, actual),
        (expected, actual) => found.same(part, expected, actual, |state| shown(state.as_ref())),
    }
}

fn messages(part: &str, expected: &[SeenMessage], actual: &[SeenMessage], found: &mut Differences) {
    for index in 0..expected.len().max(actual.len()) {
        let part = format!("{part}[{index}]");
        match (expected.get(index), actual.get(index)) {
            (Some(expected), Some(actual)) if (&expected.to, &expected.subject) == (&actual.to, &actual.subject) => {
                found.contents(&format!("{part}.body"), &expected.body, &actual.body);
                let shown = |headers: &Vec<_>| format!("{headers:?}");
                found.same(&format!("{part}.headers"), &expected.headers, &actual.headers, shown);
            }
            (expected, actual) => found.note(part, shown(expected), shown(actual)),
        }
    }
}

/// Letters of different actors come in any order.
fn letters(expected: &[SeenLetter], actual: &[SeenLetter], found: &mut Differences) {
    let sorted = |letters: &[SeenLetter]| {
        let mut letters = letters.to_vec();
        letters.sort();
        letters
    };
    let (expected, actual) = (sorted(expected), sorted(actual));
    if expected.iter().map(alike).ne(actual.iter().map(alike)) {
        let shown = |letters: &[SeenLetter]| match letters {
            [] => "nothing".to_owned(),
            letters => letters.iter().map(SeenLetter::to_string).collect::<Vec<_>>().join("; "),
        };
        found.note("dead letters", shown(&expected), shown(&actual));
    }
}

/// The text may count tries, and a crash begins to count anew.
fn alike(letter: &SeenLetter) -> (&str, &str, &str) {
    (&letter.actor, &letter.subject, &letter.reason)
}

fn shown<T: fmt::Display>(part: Option<&T>) -> String {
    part.map_or_else(|| "nothing".into(), T::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Content {
        Content(text.to_owned().into())
    }

    fn parts(differences: &[Difference]) -> Vec<&str> {
        differences.iter().map(|difference| difference.part.as_str()).collect()
    }

    #[test]
    fn another_state_sends_and_suspension_are_told_by_actor() {
        let actor = |state: &str| SeenActor { state: Some(content(state)), suspended: None };
        let message = |body: &str| SeenMessage { to: "b/1".into(), body: content(body), ..SeenMessage::default() };
        let ending = |state: &str, body: &str| Ending {
            actors: [("a/1".to_owned(), actor(state))].into(),
            sent: [("a/1".to_owned(), vec![message(body)])].into(),
            letters: Vec::new(),
        };
        let plain = ending(r#"{"value":1}"#, "x");
        assert!(plain.differences(&plain).is_empty());
        let other = plain.differences(&ending(r#"{"value":2}"#, "y"));
        assert_eq!(parts(&other), ["state of a/1.value", "sent by a/1 [0].body"]);
        let lost = plain.differences(&Ending::default());
        assert_eq!(parts(&lost), ["state of a/1", "sent by a/1 [0]"]);
    }

    #[test]
    fn dead_letters_may_come_in_another_order_and_after_fewer_tries() {
        let letter =
            |actor: &str, text: &str| SeenLetter { actor: actor.into(), text: text.into(), ..SeenLetter::default() };
        let ending = |letters| Ending { letters, ..Ending::default() };
        let plain = ending(vec![letter("a/1", "after 3 tries"), letter("b/1", "")]);
        assert!(plain.differences(&ending(vec![letter("b/1", ""), letter("a/1", "after 1 try")])).is_empty());
        assert_eq!(parts(&plain.differences(&ending(Vec::new()))), ["dead letters"]);
    }
}
