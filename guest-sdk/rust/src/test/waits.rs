//! What an actor under test waits for: its timers and its requests, and the time that passes.
//! The part of the harness for that. Tells what is due only when the test moves the clock or says so. Cron expressions are
//! not read here: such a timer fires when the test says so.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Harness, Incoming, Turn};
use crate::host::Change;
use crate::timer::{Timer, When, milliseconds};
use crate::{Actor, Answer, Ending, Failure, Headers};

/// What is to come.
#[derive(Debug, Default)]
pub(super) struct Waits {
    timers: BTreeMap<String, (Timer, Option<u64>)>,
    requests: BTreeMap<String, (Vec<u8>, u64)>,
}

impl Waits {
    /// Applies what a turn that ended well has asked for.
    pub(super) fn apply(&mut self, changes: Vec<Change>, now_ms: u64) {
        for change in changes {
            match change {
                Change::Set(name, timer) => {
                    let due = match timer.when {
                        When::AtMs(moment) => Some(moment),
                        When::AfterMs(span) | When::EveryMs(span) => Some(now_ms.saturating_add(span)),
                        When::Cron(..) => None,
                    };
                    self.timers.insert(name, (timer, due));
                }
                Change::Cancel(name) => drop(self.timers.remove(&name)),
                Change::Expect { token, memo, due_ms } => drop(self.requests.insert(token, (memo, due_ms))),
                Change::Forget => *self = Self::default(),
            }
        }
    }

    fn first(&self) -> Option<(u64, Due)> {
        let timers = self.timers.iter().filter_map(|(name, (_, due))| Some(((*due)?, Due::Timer(name.clone()))));
        let requests = self.requests.iter().map(|(token, (_, due))| (*due, Due::Request(token.clone())));
        timers.chain(requests).min()
    }

    /// A timer has fired at `now_ms`: how many times had passed, and it goes on, or is over.
    fn pass(&mut self, name: &str, now_ms: u64) -> u64 {
        let Some((timer, due)) = self.timers.get_mut(name) else { return 0 };
        match (&timer.when, due) {
            (When::EveryMs(every), Some(due)) => {
                let missed = now_ms.saturating_sub(*due) / (*every).max(1);
                *due = due.saturating_add(every.saturating_mul(missed + 1));
                missed
            }
            (When::Cron(..), _) => 0,
            _ => {
                self.timers.remove(name);
                0
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Timer(String),
    Request(String),
}

impl<A: Actor> Harness<A> {
    /// The names of the timers that are set, in their order.
    #[must_use]
    pub fn timers(&self) -> Vec<&str> {
        self.waits.timers.keys().map(String::as_str).collect()
    }

    /// When a timer fires, Unix milliseconds; none: there is none of that name, or it is one with a cron expression.
    #[must_use]
    pub fn timer_due_ms(&self, name: &str) -> Option<u64> {
        self.waits.timers.get(name)?.1
    }

    /// Fires a timer now, whenever it is due, and runs its turn. None: there is none of that name.
    pub fn fire(&mut self, name: &str) -> Option<Turn> {
        let (timer, _) = self.waits.timers.get(name)?.clone();
        let now_ms = self.settings.now_ms;
        let mut ahead = Waits { timers: self.waits.timers.clone(), requests: BTreeMap::new() };
        let missed = ahead.pass(name, now_ms);
        let tick = Incoming::new(&format!("timer:{name}")).body(timer.body).header("hydra-missed", &missed.to_string());
        let over = |waits: &mut Waits| {
            waits.pass(name, now_ms);
        };
        Some(self.settle(tick, over))
    }

    /// Lets time pass: what is due meanwhile is told in its order, each at its time. Timers with a cron expression are not.
    pub fn advance(&mut self, span: Duration) -> Vec<Turn> {
        let (end, mut turns) = (self.settings.now_ms.saturating_add(milliseconds(span)), Vec::new());
        while let Some((due_ms, due)) = self.waits.first().filter(|(due_ms, _)| *due_ms <= end) {
            self.settings.now_ms = self.settings.now_ms.max(due_ms);
            let turn = match due {
                Due::Timer(name) => self.fire(&name),
                Due::Request(token) => self.end_request(&token, Ending::TimedOut, Headers::default(), Vec::new()),
            };
            // One that must come again would come for ever: the test fires it when it is to succeed.
            let is_over = turn.as_ref().is_none_or(|turn| !comes_again(turn));
            turns.extend(turn);
            if !is_over {
                break;
            }
        }
        self.settings.now_ms = self.settings.now_ms.max(end);
        turns
    }

    /// Ends a request with a reply of these bytes, and runs the turn. None: nobody waits for it any more.
    pub fn reply_to_request(&mut self, token: &str, body: impl Into<Vec<u8>>) -> Option<Turn> {
        self.end_request(token, Ending::Replied, Headers::default(), body.into())
    }

    /// Answers a call to the outside with this status and body, and runs the turn. None: nobody waits for it any more.
    pub fn answer_call(&mut self, token: &str, status: u16, body: impl Into<Vec<u8>>) -> Option<Turn> {
        self.end_request(token, Ending::Replied, [("status", status.to_string().as_str())], body)
    }

    /// Ends a request in any way, and runs the turn. None: nobody waits for it any more.
    pub fn end_request(
        &mut self,
        token: &str,
        ending: Ending,
        headers: impl Into<Headers>,
        body: impl Into<Vec<u8>>,
    ) -> Option<Turn> {
        let (memo, _) = self.waits.requests.get(token)?.clone();
        let mut message = Incoming::new("answer:").body(body);
        message.0.headers = headers.into();
        message.0.answer = Some(Answer { token: token.to_owned(), memo, ending });
        Some(self.settle(message, |waits| drop(waits.requests.remove(token))))
    }

    /// Runs the turn of what was due. It is over unless it must come again; then what the turn asked for is added.
    fn settle(&mut self, message: Incoming, over: impl FnOnce(&mut Waits)) -> Turn {
        let (turn, changes) = self.run(message);
        if !comes_again(&turn) {
            over(&mut self.waits);
        }
        self.waits.apply(changes, self.settings.now_ms);
        turn
    }
}

fn comes_again(turn: &Turn) -> bool {
    matches!(turn.outcome, Err(Failure::Retry { .. } | Failure::Suspend(_)))
}
