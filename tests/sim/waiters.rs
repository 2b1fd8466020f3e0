//! Actors of the simulation that wait: clocks with timers, askers with requests, answerers that reply, refuse, answer later or
//! never. What they were told of is in their state, and the oracle recomputes it from the log's arrivals alone.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hydra::clock::Time;
use hydra::effects::{Awaited, Effects, Ending, Fault, Later, Outcome, Payload, StateChange};
use hydra::message::{Headers, Problem};
use hydra::timer::{Missed, Pending, Waits, When};
use hydra::wasm::{Handled, Input};
use hydra_tests::scripted::{actor, sending};
use serde::{Deserialize, Serialize};

use super::guests::Told;

/// Actors that set timers.
pub(crate) const CLOCKS: usize = 4;
/// Actors that make requests.
pub(crate) const ASKERS: usize = 3;
/// Actors that are asked.
pub(crate) const ANSWERERS: usize = 3;

/// A timer that a clock has set.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Clock {
    /// When it was due first, and how far apart its times are.
    pub(crate) first_due: u64,
    pub(crate) every_ms: u64,
    /// `fire`, `skip`, or `once`.
    pub(crate) policy: String,
    /// It is cancelled once this many ticks were heard.
    pub(crate) ticks: usize,
    /// Of each tick that was heard, how many times were missed.
    pub(crate) heard: Vec<u64>,
}

/// A request that an asker has made: how it ended, each time that it was told so.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) endings: Vec<String>,
}

/// Runs a turn of these kinds; none: it is another's.
pub(crate) fn handle(input: &Input<'_>, told: &mut Told) -> Option<Handled> {
    let body = String::from_utf8_lossy(&input.message.body).into_owned();
    let words: Vec<&str> = body.split(' ').collect();
    let mut effects = Effects::default();
    let outcome = match (input.message.to.kind().as_str(), input.message.subject.as_str()) {
        ("clock", "wind") => {
            told.journal.push(words[0].to_owned());
            effects.waits = Some(wind(input, told, &words));
            Outcome::Done
        }
        ("clock", subject) => {
            effects.waits = tick(input, told, subject.strip_prefix("timer:").expect("a tick"));
            Outcome::Done
        }
        ("asker", "query") => {
            told.journal.push(words[0].to_owned());
            ask(input, told, &words, &mut effects);
            Outcome::Done
        }
        ("asker", _) => {
            let answer = input.answer.expect("the end of a request");
            let uid = String::from_utf8_lossy(&answer.memo).into_owned();
            let ending = match &answer.ending {
                Ending::Replied => format!("replied {body}"),
                other => format!("{other:?}"),
            };
            told.asked.entry(uid).or_default().endings.push(ending);
            Outcome::Done
        }
        ("answerer", "refuse") => {
            return Some(Handled::fault(Fault::Refuse(Problem::new("refused", "as the script says"))));
        }
        ("answerer", subject) => {
            told.journal.push(words[0].to_owned());
            effects.answers = told.owed.drain(..).map(|(token, name)| later(token, name)).collect();
            match (subject, &input.reply_token) {
                ("reply", _) => Outcome::Reply(payload(words[0])),
                ("owe", Some(token)) => {
                    told.owed.push((token.clone(), words[0].to_owned()));
                    Outcome::Later
                }
                ("never", _) => Outcome::Later,
                _ => Outcome::Done,
            }
        }
        _ => return None,
    };
    effects.state = StateChange::Set(serde_json::to_vec(told).expect("a state").into());
    Some(Handled::native(Ok((outcome, effects))))
}

fn payload(text: &str) -> Payload {
    Payload { headers: Headers::default(), body: Bytes::copy_from_slice(text.as_bytes()) }
}

fn later(reply_token: String, name: String) -> Later {
    Later { reply_token, payload: payload(&name) }
}

/// `wind NAME MS TICKS POLICY`: sets a timer.
fn wind(input: &Input<'_>, told: &mut Told, words: &[&str]) -> Waits {
    let every_ms: u64 = words[1].parse().expect("milliseconds");
    let (span, policy) = (Duration::from_millis(every_ms), words[3].to_owned());
    let when = if policy == "once" { When::After(span) } else { When::Every(span) };
    let missed = if policy == "skip" { Missed::Skip } else { Missed::FireOnce };
    let mut waits = input.waits.clone();
    waits.set(words[0], when, missed, Bytes::from_static(b"tick"), input.origin, input.now).expect("few timers");
    let (first_due, ticks) = (input.now.0 + every_ms, words[2].parse().expect("a number"));
    told.clocks.insert(words[0].into(), Clock { first_due, every_ms, policy, ticks, heard: Vec::new() });
    waits
}

/// A timer has fired; after so many times it ends.
fn tick(input: &Input<'_>, told: &mut Told, name: &str) -> Option<Waits> {
    let missed = input.message.headers.get("hydra-missed").and_then(|missed| missed.parse().ok());
    let clock = told.clocks.get_mut(name).expect("a timer of its own");
    clock.heard.push(missed.expect("a count"));
    let is_over = clock.heard.len() >= clock.ticks;
    is_over.then(|| {
        let mut waits = input.waits.clone();
        waits.cancel(name);
        waits
    })
}

/// `query NAME MS SUBJECT ANSWERER`: makes a request.
fn ask(input: &Input<'_>, told: &mut Told, words: &[&str], effects: &mut Effects) {
    let due = input.now.plus(Duration::from_millis(words[1].parse().expect("milliseconds")));
    let token = format!("t{}", words[0]);
    let mut waits = input.waits.clone();
    let memo = Bytes::copy_from_slice(words[0].as_bytes());
    waits.expect(Pending { token: token.clone(), memo, due }).expect("few requests");
    effects.waits = Some(waits);
    let send = sending(&actor(&format!("answerer/{}", words[3])), words[2], format!("{}.q 0", words[0]));
    effects.sends.push(hydra::effects::Send { awaited: Some(Awaited { token, due }), ..send });
    told.asked.insert(words[0].into(), Asked::default());
}

/// What a clock must have heard, by the ticks in the log: the time of each, and whether it became a dead letter.
pub(crate) fn heard(clock: &Clock, ticks: &BTreeMap<u64, (Time, bool)>) -> Vec<u64> {
    let (mut due, mut heard) = (clock.first_due, Vec::new());
    while let Some((time, is_dead)) = ticks.get(&due) {
        let missed = if clock.policy == "once" { 0 } else { time.0.saturating_sub(due) / clock.every_ms };
        let is_skipped = clock.policy == "skip" && missed > 0 && time.0 > due + 10_000;
        if !is_dead && !is_skipped {
            heard.push(missed);
        }
        if clock.policy == "once" || heard.len() >= clock.ticks {
            break;
        }
        due += clock.every_ms * (missed + 1);
    }
    heard
}
