//! What an author may rely on, checked with the harness as an author would.

use hydra_sdk::test::{Harness, Incoming};
use hydra_sdk::*;

#[derive(Default, Serialize, Deserialize)]
struct Book {
    entries: Vec<String>,
    activations: u32,
}

impl Actor for Book {
    fn handle(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        ctx.info(format!("{} of {}", msg.subject(), ctx.actor()));
        match msg.subject() {
            "write" => {
                let entry: String = msg.json()?;
                ctx.send(("mail", "desk"), "written", &entry)?;
                self.entries.push(entry);
                reply(self.entries.len())
            }
            "write-and-refuse" => {
                self.entries.push("lost".into());
                ctx.send(("mail", "desk"), "written", &"lost")?;
                refuse("no", "not today")
            }
            "count" => reply(self.entries.len()),
            "activations" => reply(self.activations),
            "forget" => {
                ctx.delete();
                done()
            }
            "context" => reply((ctx.now_ms(), ctx.random(9), ctx.random(9), ctx.config("colour"))),
            "who" => {
                reply((msg.sender().map(ToString::to_string), msg.id(), msg.attempt(), msg.headers().get("X-Mark")))
            }
            other => refuse("unknown-subject", format!("{other}: try write, count")),
        }
    }

    fn activated(&mut self, _ctx: &Context) {
        self.activations += 1;
    }
}

export_actor!(Book);

fn book() -> Harness<Book> {
    Harness::new("book/1")
}

#[test]
fn a_turn_stores_state_and_sends() {
    let mut book = book();
    let turn = book.send("write", &"first");
    assert_eq!(turn.outcome, reply(1));
    assert_eq!((turn.sends[0].to.to_string().as_str(), turn.sends[0].json::<String>()), ("mail/desk", "first".into()));
    assert_eq!(turn.logs, [(Level::Info, "write of book/1".into())]);
    assert_eq!(book.state().unwrap(), br#"{"entries":["first"],"activations":1}"#);
}

#[test]
fn a_failing_turn_leaves_state_and_sends_untouched_but_its_logs_stay() {
    let mut book = book();
    book.send("write", &"first");
    let before = book.state().unwrap().to_vec();
    let turn = book.send("write-and-refuse", &());
    assert_eq!(turn.outcome, refuse("no", "not today"));
    assert!(turn.sends.is_empty() && !turn.state_changed);
    assert_eq!(turn.logs.len(), 1);
    assert_eq!(book.state().unwrap(), before);
}

#[test]
fn unchanged_state_is_not_written() {
    let mut book = book();
    book.send("write", &"first");
    assert!(!book.send("count", &()).state_changed);
}

#[test]
fn a_body_that_does_not_decode_is_refused() {
    let turn = book().deliver(Incoming::new("write").body([0xFF, 0x00]));
    assert!(matches!(turn.outcome, Err(Failure::Refuse(_))));
    assert_eq!(turn.fault_code(), Some("body-does-not-decode"));
}

#[test]
fn state_that_does_not_decode_suspends() {
    let mut book = book();
    book.set_state(Some(b"{\"other\":1}"));
    let turn = book.send("count", &());
    assert!(matches!(turn.outcome, Err(Failure::Suspend(_))));
    assert_eq!(turn.fault_code(), Some("state-does-not-decode"));
    assert_eq!(book.state(), Some(&b"{\"other\":1}"[..]));
}

#[test]
fn a_deleted_actor_begins_anew() {
    let mut book = book();
    book.send("write", &"first");
    assert_eq!(book.send("forget", &()).outcome, done());
    assert_eq!(book.state(), None);
    assert_eq!(book.send("count", &()).reply::<usize>(), 0);
}

#[test]
fn activated_runs_before_the_first_message_after_sleep() {
    let mut book = book();
    assert_eq!(book.send("activations", &()).reply::<u32>(), 1);
    assert_eq!(book.send("activations", &()).reply::<u32>(), 1);
    book.sleep();
    assert_eq!(book.send("activations", &()).reply::<u32>(), 2);
}

#[test]
fn clock_randomness_and_config_are_the_tests() {
    type Seen = (u64, Vec<u8>, Vec<u8>, Option<String>);
    let (mut first, mut second) = (book(), book());
    for book in [&mut first, &mut second] {
        book.set_now_ms(42);
        book.set_config("colour", "green");
    }
    let seen: Seen = first.send("context", &()).reply();
    assert_eq!(second.send("context", &()).reply::<Seen>(), seen, "equal in every run");
    assert_eq!((seen.0, seen.1.len(), seen.3.as_deref()), (42, 9, Some("green")));
    assert_ne!(seen.1, seen.2, "never drawn twice");
    second.set_random(7);
    assert_ne!(second.send("context", &()).reply::<Seen>().1, seen.1);
}

#[test]
fn a_message_says_where_it_comes_from() {
    type Who = (Option<String>, String, u32, Option<String>);
    let message = Incoming::new("who").sender("mail/desk").id("m-1").attempt(3).header("x-mark", "red");
    let who: Who = book().deliver(message).reply();
    assert_eq!(who, (Some("mail/desk".into()), "m-1".into(), 3, Some("red".into())));
}

/// State in a format of its own: four bytes, and no JSON.
#[derive(Default)]
struct Raw(u32);

impl Codec for Raw {
    fn encode(&self) -> Result<Vec<u8>, String> {
        Ok(self.0.to_le_bytes().into())
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.try_into().map_err(|_| format!("{} bytes instead of 4", bytes.len()))?;
        Ok(Self(u32::from_le_bytes(bytes)))
    }
}

impl Actor for Raw {
    fn handle(&mut self, _ctx: &Context, _msg: &Message) -> Outcome {
        self.0 += 1;
        done()
    }

    fn migrate(from_version: u32, state: Vec<u8>) -> Result<Vec<u8>, Fault> {
        match (from_version, state.as_slice()) {
            (1, &[byte]) => Ok(u32::from(byte).to_le_bytes().into()),
            _ => Err(Fault::new("unknown-version", format!("version {from_version}"))),
        }
    }
}

#[test]
fn another_codec_chooses_the_bytes() {
    let mut raw = Harness::<Raw>::new("raw/1");
    raw.send("count", &());
    assert_eq!(raw.state(), Some(&[1, 0, 0, 0][..]));
    raw.set_state(Some(&[1, 2]));
    assert_eq!(raw.send("count", &()).fault_code(), Some("state-does-not-decode"));
}

#[test]
fn old_state_migrates_or_stays() {
    let mut raw = Harness::<Raw>::new("raw/1");
    raw.set_state(Some(&[9]));
    assert_eq!(raw.migrate(0).unwrap_err().code, "unknown-version");
    assert_eq!(raw.state(), Some(&[9][..]));
    raw.migrate(1).unwrap();
    assert_eq!(raw.state(), Some(&[9, 0, 0, 0][..]));
}

/// Reminds, and asks another actor when it is time.
#[derive(Default, Serialize, Deserialize)]
struct Nurse {
    told: Vec<String>,
    waiting: Option<String>,
}

impl Actor for Nurse {
    fn handle(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        let minute = std::time::Duration::from_secs(60);
        if let Some(name) = msg.timer() {
            self.told.push(format!("{name}+{}", msg.missed()));
            return done();
        }
        if let Some(answer) = msg.answer() {
            self.told.push(format!("{:?} for {}", answer.ending, String::from_utf8_lossy(&answer.memo)));
            if let Some(token) = self.waiting.take() {
                ctx.answer(&token, &msg.text()?)?;
            }
            return done();
        }
        match msg.subject() {
            "once" => ctx.set_timer("once", Timer::after(minute).json(&5)?),
            "often" => ctx.set_timer("often", Timer::every(minute).skip_missed()),
            "daily" => ctx.set_timer("daily", Timer::cron("0 9 * * *", "Europe/Berlin")),
            "stop" => ctx.cancel_timer("often"),
            "forget" => ctx.delete(),
            "ask" => {
                self.waiting = msg.reply_token().map(Into::into);
                ctx.request(("doctor", "1"), "may-i", &true, minute, "memo")?;
                return later();
            }
            other => return refuse("unknown-subject", other),
        }
        done()
    }
}

#[test]
fn timers_fire_as_time_passes_and_are_replaced_cancelled_and_forgotten() {
    let mut nurse = Harness::<Nurse>::new("nurse/1");
    for subject in ["once", "often", "daily"] {
        assert_eq!(nurse.send(subject, &()).outcome, done());
    }
    assert_eq!(nurse.timers(), ["daily", "often", "once"]);
    assert_eq!(nurse.advance(std::time::Duration::from_secs(150)).len(), 3);
    assert_eq!(nurse.timers(), ["daily", "often"]);
    nurse.set_now_ms(nurse.timer_due_ms("often").unwrap() + 130_000);
    nurse.fire("often").unwrap();
    nurse.fire("daily").unwrap();
    assert!(nurse.state().unwrap().starts_with(br#"{"told":["often+0","once+0","often+0","often+2","daily+0"]"#));
    nurse.send("stop", &());
    assert!(nurse.fire("often").is_none());
    nurse.send("forget", &());
    assert!(nurse.timers().is_empty());
}

#[test]
fn a_request_ends_once_and_its_answer_answers_whoever_waits() {
    let mut nurse = Harness::<Nurse>::new("nurse/1");
    let turn = nurse.deliver(Incoming::new("ask").reply_token("r1"));
    assert_eq!(turn.outcome, later());
    let token = turn.sends[0].request.clone().unwrap();
    let turn = nurse.reply_to_request(&token, "yes").unwrap();
    assert_eq!((turn.answers[0].0.as_str(), turn.answers[0].1.body.as_slice()), ("r1", br#""yes""#.as_slice()));
    assert!(nurse.reply_to_request(&token, "again").is_none());
    nurse.deliver(Incoming::new("ask"));
    assert_eq!(nurse.advance(std::time::Duration::from_secs(60)).len(), 1);
    assert!(String::from_utf8_lossy(nurse.state().unwrap()).contains("TimedOut for memo"));
}

/// Pays somebody outside.
#[derive(Default, Serialize, Deserialize)]
struct Payer {
    ended: Option<String>,
}

impl Actor for Payer {
    fn handle(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        if msg.answer().is_some() {
            self.ended = Some(format!("{:?} {}", msg.status(), msg.text()?));
            return done();
        }
        let call = ctx.http("payments", "POST", "/v1/charges").json(&5)?;
        match msg.subject() {
            "lane" => call.lane("x").send(),
            _ => call.header("x-a", "b").memo("m").timeout(std::time::Duration::from_secs(5)).send(),
        };
        done()
    }
}

#[test]
fn a_call_is_a_request_to_the_hosts_connector() {
    let mut payer = Harness::<Payer>::new("payer/7");
    let sent = payer.send("pay", &()).sends.remove(0);
    assert_eq!((sent.to.to_string().as_str(), sent.subject.as_str()), ("sys-http/payments/payer/7", "post"));
    let headers: Vec<(&str, &str)> = sent.headers.iter().collect();
    assert_eq!(headers, [("path", "/v1/charges"), ("content-type", "application/json"), ("x-a", "b")]);
    payer.answer_call(&sent.request.unwrap(), 402, "no money").unwrap();
    assert_eq!(payer.state().unwrap(), br#"{"ended":"Some(402) no money"}"#);
    assert_eq!(payer.send("lane", &()).sends[0].to.id, "payments/x");
    payer.advance(std::time::Duration::from_secs(60));
    assert!(payer.state().unwrap().starts_with(br#"{"ended":"None"#));
    let mut long = Harness::<Payer>::new(&format!("payer/{}", "ö".repeat(128)));
    let id = long.send("pay", &()).sends.remove(0).to.id;
    assert!(id.len() <= 256 && id.starts_with("payments/payer/ö"));
}
