//! The actors: `clock/N` sets a timer and is told of it, `asker/N` asks `peer/N` and hears its answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hydra::clock::Time;
use hydra::effects::{Awaited, Effects, Outcome, Payload, Send};
use hydra::id::ActorId;
use hydra::message::Headers;
use hydra::names::Subject;
use hydra::timer::{Missed, Pending, When};
use hydra::wasm::{Handler, Input};

use crate::native::Native;
use crate::tally::{Tally, micros};

/// How long a request waits.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// The handlers' notes.
#[derive(Clone)]
pub(crate) struct Notes {
    /// Timers that were set.
    pub(crate) set: Arc<Tally>,
    /// Timers that were told, and how late.
    pub(crate) told: Arc<Tally>,
    /// Requests that were answered, and after how long.
    pub(crate) answered: Arc<Tally>,
}

impl Notes {
    pub(crate) fn new() -> Self {
        let new = || Arc::new(Tally::new());
        Self { set: new(), told: new(), answered: new() }
    }
}

/// All kinds.
pub(crate) fn kinds(notes: &Notes) -> Vec<(&'static str, Arc<dyn Handler>)> {
    vec![("clock", clock(notes)), ("asker", asker(notes)), ("peer", peer())]
}

/// A message's body, and its timer's, is when the timer is due.
fn clock(notes: &Notes) -> Arc<dyn Handler> {
    let notes = notes.clone();
    Native::new(move |input| {
        let due: u64 = std::str::from_utf8(&input.message.body).unwrap().parse().unwrap();
        if input.message.subject.as_str() == "timer:due" {
            notes.told.note(Duration::from_micros(micros().saturating_sub(due * 1_000)));
            return (Outcome::Done, Effects::default());
        }
        let (mut waits, body) = (input.waits.clone(), input.message.body.clone());
        waits.set("due", When::At(Time(due)), Missed::FireOnce, body, input.origin, input.now).unwrap();
        notes.set.note(Duration::ZERO);
        (Outcome::Done, Effects { waits: Some(waits), ..Effects::default() })
    })
}

/// From the turn that asks to the turn that is told the answer.
fn asker(notes: &Notes) -> Arc<dyn Handler> {
    let (answered, asked) = (notes.answered.clone(), Mutex::new(HashMap::new()));
    Native::new(move |input| {
        let me = &input.message.to;
        if input.answer.is_some() {
            let began: Instant = asked.lock().unwrap().remove(me).unwrap();
            answered.note(began.elapsed());
            return (Outcome::Done, Effects::default());
        }
        asked.lock().unwrap().insert(me.clone(), Instant::now());
        (Outcome::Done, request(input))
    })
}

fn request(input: &Input<'_>) -> Effects {
    let (due, token) = (input.now.plus(ANSWER_LIMIT), format!("token-{}", input.origin.seq));
    let mut waits = input.waits.clone();
    waits.expect(Pending { token: token.clone(), memo: Bytes::new(), due }).unwrap();
    let to = ActorId::parse(&format!("peer/{}", input.message.to.id())).unwrap();
    let (subject, headers, body) = (Subject::new("ask").unwrap(), Headers::default(), Bytes::from_static(b"5"));
    let send = Send { to, subject, headers, body, awaited: Some(Awaited { token, due }) };
    Effects { sends: vec![send], waits: Some(waits), ..Effects::default() }
}

fn peer() -> Arc<dyn Handler> {
    Native::new(|_| {
        let reply = Payload { headers: Headers::default(), body: Bytes::from_static(b"6") };
        (Outcome::Reply(reply), Effects::default())
    })
}
