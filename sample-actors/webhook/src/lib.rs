//! Takes in webhooks of a provider and hands them on to subscribers.
//! Teaches: never to believe what comes from outside: a webhook is a hint, and the provider is asked whether it is true;
//! many calls at once, each in a lane of its own; what cannot be delivered is counted, not forgotten.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use hydra_sdk::*;

/// Endpoint of the host's settings that is asked whether an event is true.
const PROVIDER: &str = "provider";
/// Endpoint of the host's settings where subscribers are.
const SUBSCRIBERS: &str = "subscribers";
const SUBSCRIBERS_MAX: usize = 32;
/// Events that are remembered, so that a webhook that comes again is not handed on again.
const EVENTS_MAX: usize = 256;
/// How long all tries of one call may take.
const CALLED_WITHIN: Duration = Duration::from_secs(60);
/// How often the provider is asked about an event before it is given up, and the pause between.
const ASKED_MAX: u32 = 10;
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// One feed of events.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Feed {
    /// Paths at the endpoint `subscribers`, and what became of their deliveries.
    subscribers: BTreeMap<String, Deliveries>,
    /// Ids of the events that were handed on, the latest last.
    handed_on: VecDeque<String>,
    /// What each call is for, by its token.
    calls: BTreeMap<String, Purpose>,
    /// Hints that the provider does not confirm.
    false_hints: u64,
}

/// The answer to `show`.
#[derive(Debug, Serialize, Deserialize)]
struct Shown {
    subscribers: BTreeMap<String, Deliveries>,
    false_hints: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Deliveries {
    delivered: u64,
    failed: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Purpose {
    /// Is the event of this id true? Asked for the so many-th time.
    Verify(String, u32),
    /// To the subscriber of this path.
    Deliver(String),
}

/// Body of a webhook: of all that it says only the id is read.
#[derive(Deserialize)]
struct Hint {
    id: String,
}

impl Actor for Feed {
    fn handle(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        if let Some(answer) = msg.answer() {
            return match self.calls.remove(&answer.token) {
                Some(Purpose::Verify(id, asked)) => self.verified(ctx, msg, id, asked),
                Some(Purpose::Deliver(path)) => self.delivered(msg, &path),
                None => done(),
            };
        }
        if let Some(id) = msg.timer() {
            self.verify(ctx, id.to_owned(), msg.json()?);
            return done();
        }
        match msg.subject() {
            "received" => self.received(ctx, msg),
            "subscribe" => self.subscribe(msg.json()?),
            "show" => reply(Shown { subscribers: self.subscribers.clone(), false_hints: self.false_hints }),
            other => refuse("unknown-subject", format!("{other}: try received, subscribe, show")),
        }
    }

    fn describe() -> Description {
        Description::new("Takes in webhooks, asks whether they are true, and hands them on.")
            .subject(
                Subject::new("received")
                    .about("a webhook: the id of an event")
                    .body(&BTreeMap::from([("id", "evt_1")])),
            )
            .subject(Subject::new("subscribe").about("a path at the endpoint `subscribers`").body(&"/hooks/accounting"))
            .subject(Subject::new("show").about("deliveries by subscriber"))
    }
}

impl Feed {
    fn subscribe(&mut self, path: String) -> Outcome {
        if !path.starts_with('/') {
            return refuse("bad-path", format!("{path:?}: a path begins with a slash"));
        }
        if self.subscribers.len() >= SUBSCRIBERS_MAX && !self.subscribers.contains_key(&path) {
            return refuse("too-many", format!("a feed has at most {SUBSCRIBERS_MAX} subscribers"));
        }
        self.subscribers.entry(path).or_default();
        done()
    }

    fn received(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        let Hint { id } = msg.json()?;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if id.is_empty() || id.len() > 64 || !id.bytes().all(is_word) {
            return refuse("bad-id", "an event's id is 1 to 64 of A-Z, a-z, 0-9, _ and -");
        }
        if !self.handed_on.contains(&id) {
            self.verify(ctx, id, 1);
        }
        done()
    }

    fn verify(&mut self, ctx: &Context, id: String, asked: u32) {
        let call = ctx.http(PROVIDER, "get", &format!("/v1/events/{id}"));
        self.calls.insert(call.lane(&id).timeout(CALLED_WITHIN).send(), Purpose::Verify(id, asked));
    }

    /// The provider has said what it knows of an event: that is handed on, not what the webhook said.
    fn verified(&mut self, ctx: &Context, msg: &Message, id: String, asked: u32) -> Outcome {
        match msg.status() {
            Some(200) => {}
            Some(400..=499) => {
                self.false_hints += 1;
                return done();
            }
            _ if asked >= ASKED_MAX => {
                ctx.error(format!("the provider does not answer: {id} is given up"));
                return done();
            }
            _ => {
                ctx.set_timer(&id, Timer::after(ASK_AGAIN).json(&(asked + 1))?);
                return done();
            }
        }
        if self.handed_on.contains(&id) {
            return done();
        }
        for path in self.subscribers.keys() {
            // A lane for each subscriber: a slow one holds up nobody, and gets its events in order.
            let call = ctx.http(SUBSCRIBERS, "post", path).header("idempotency-key", &id).lane(path);
            let token = call.header("content-type", "application/json").body(msg.body()).timeout(CALLED_WITHIN).send();
            self.calls.insert(token, Purpose::Deliver(path.clone()));
        }
        self.handed_on.push_back(id);
        if self.handed_on.len() > EVENTS_MAX {
            self.handed_on.pop_front();
        }
        done()
    }

    fn delivered(&mut self, msg: &Message, path: &str) -> Outcome {
        if let Some(deliveries) = self.subscribers.get_mut(path) {
            match msg.status() {
                Some(200..=299) => deliveries.delivered += 1,
                _ => deliveries.failed += 1,
            }
        }
        done()
    }
}

export_actor!(Feed);

#[cfg(test)]
mod tests {
    use hydra_sdk::test::{Harness, Turn};

    use super::*;

    fn feed() -> Harness<Feed> {
        let mut feed = Harness::<Feed>::new("webhook/shop");
        for path in ["/hooks/a", "/hooks/b"] {
            assert_eq!(feed.send("subscribe", &path).outcome, done());
        }
        feed
    }

    fn hint(feed: &mut Harness<Feed>, id: &str) -> Turn {
        feed.send("received", &BTreeMap::from([("id", id), ("amount", "1000000")]))
    }

    fn token(turn: &Turn, which: usize) -> String {
        turn.sends[which].request.clone().unwrap()
    }

    #[test]
    fn what_the_provider_confirms_is_handed_on_to_all_once() {
        let mut feed = feed();
        let turn = hint(&mut feed, "evt_1");
        assert_eq!(turn.sends[0].headers.get("path"), Some("/v1/events/evt_1"));
        let turn = feed.answer_call(&token(&turn, 0), 200, r#"{"amount":5}"#).unwrap();
        let to: Vec<String> = turn.sends.iter().map(|sent| sent.to.to_string()).collect();
        assert_eq!(to, ["sys-http/subscribers//hooks/a", "sys-http/subscribers//hooks/b"]);
        assert!(turn.sends.iter().all(|sent| sent.body == br#"{"amount":5}"#));
        feed.answer_call(&token(&turn, 0), 204, "").unwrap();
        feed.end_request(&token(&turn, 1), Ending::Failed(Fault::new("unreachable", "")), Headers::default(), "")
            .unwrap();
        assert!(hint(&mut feed, "evt_1").sends.is_empty(), "it was handed on");
        let shown: Shown = feed.send("show", &()).reply();
        assert_eq!((shown.subscribers["/hooks/a"].delivered, shown.subscribers["/hooks/b"].failed), (1, 1));
    }

    #[test]
    fn what_the_provider_does_not_know_goes_nowhere() {
        let mut feed = feed();
        let turn = hint(&mut feed, "evt_forged");
        assert!(feed.answer_call(&token(&turn, 0), 404, "").unwrap().sends.is_empty());
        assert_eq!(feed.send("show", &()).reply::<Shown>().false_hints, 1);
        assert_eq!(hint(&mut feed, "../admin").fault_code(), Some("bad-id"));
    }

    #[test]
    fn a_provider_that_does_not_answer_is_asked_again_but_not_for_ever() {
        let mut feed = feed();
        hint(&mut feed, "evt_2");
        let turns = feed.advance((CALLED_WITHIN + ASK_AGAIN) * ASKED_MAX * 2);
        let asked = turns.iter().filter(|turn| !turn.sends.is_empty()).count();
        assert_eq!(asked + 1, ASKED_MAX as usize);
        assert!(feed.timers().is_empty());
    }
}
