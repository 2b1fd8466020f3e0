//! Does on demand all that an actor can do, as its siblings in other languages do; `../../conformance` says what that is.
//! Deployed by tests only.

use std::time::Duration;

use hydra_sdk::*;

#[derive(Default, Serialize, Deserialize)]
struct Conformance {
    count: u64,
}

impl Actor for Conformance {
    fn handle(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        match msg.subject() {
            "count" => {
                self.count += 1;
                reply(self.count)
            }
            "get" => reply(self.count),
            "delete" => {
                ctx.delete();
                done()
            }
            "echo" => reply_with(msg.headers().clone(), msg.body()),
            "large" => reply_with([("content-type", "text/plain")], "x".repeat(msg.json()?)),
            "about" => reply((ctx.actor().to_string(), ctx.now_ms(), msg.attempt(), ctx.config("greeting"))),
            "sender" => reply(msg.sender().map(ToString::to_string)),
            "send" => {
                let to = peer(msg)?;
                ctx.send_bytes(to.clone(), "count", []);
                ctx.send(to.clone(), "note", &"grüße 🐉")?;
                ctx.send_with(to, "echo", [("x-order", "3")], [0, 255, 10]);
                done()
            }
            "log" => {
                ctx.info(msg.text()?);
                done()
            }
            _ => match (msg.timer(), msg.answer()) {
                (Some(name), _) => tell(ctx, &(name, msg.text()?, msg.missed(), ctx.now_ms())),
                (_, Some(answer)) => tell_ending(ctx, msg, answer),
                _ => self.wait_as_asked(ctx, msg),
            },
        }
    }

    fn describe() -> Description {
        Description::new("Does on demand all that an actor can do.")
    }
}

impl Conformance {
    fn wait_as_asked(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        match msg.subject() {
            "timers" => {
                ctx.set_timer("once", Timer::after(Duration::from_secs(2)).json(&"tea")?);
                ctx.set_timer("tick", Timer::every(Duration::from_secs(10)).json(&10)?);
                ctx.set_timer("nightly", Timer::cron("0 3 * * *", "Europe/Berlin").skip_missed().json(&3)?);
                ctx.set_timer("gone", Timer::after(Duration::from_secs(1)));
                ctx.cancel_timer("gone");
                done()
            }
            "cancel" => {
                ctx.cancel_timer("tick");
                done()
            }
            "relay" => relay(ctx, msg),
            "wait" => later(),
            "answer" => {
                ctx.answer(msg.text()?, &1)?;
                done()
            }
            "told" => done(),
            _ => self.fail_as_asked(ctx, msg),
        }
    }

    /// Never ends well, and leaves traces first.
    fn fail_as_asked(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        self.count += 1_000;
        ctx.send_bytes(ctx.actor(), "count", []);
        match msg.subject() {
            "refuse" => refuse("as-told", "so be it: ü"),
            "fail" => fail("as-told", "so be it: ü"),
            "suspend" => suspend("as-told", "so be it: ü"),
            "retry" if msg.attempt() > 2 => {
                self.count -= 1_000;
                reply(msg.attempt())
            }
            "retry" => retry_after(Duration::from_millis(1), "not-yet", "once more"),
            #[expect(clippy::panic, reason = "that is what was asked for")]
            "trap" => panic!("as asked"),
            "loop" => loop {
                std::hint::spin_loop();
            },
            "allocate" => {
                let mut kept = Vec::new();
                loop {
                    kept.push(vec![1_u8; 1 << 16]);
                    std::hint::black_box(&kept);
                }
            }
            other => refuse("unknown-subject", format!("{other}: see guest-sdk/conformance")),
        }
    }
}

/// Asks another actor on behalf of whoever asks this one; the memo is all that it keeps of it.
fn relay(ctx: &Context, msg: &Message) -> Outcome {
    let Some(waiting) = msg.reply_token() else { return refuse("nobody-waits", "ask, do not send") };
    let Some((to, subject)) = msg.text()?.rsplit_once(' ') else {
        return refuse("no-actor", "the body is KIND/ID SUBJECT");
    };
    ctx.request_with(actor(to)?, subject, Headers::default(), [], Duration::from_secs(5), waiting);
    later()
}

fn tell_ending(ctx: &Context, msg: &Message, answer: &Answer) -> Outcome {
    let (ending, code) = match &answer.ending {
        Ending::Replied => ("replied", ""),
        Ending::Done => ("done", ""),
        Ending::Refused(fault) => ("refused", fault.code.as_str()),
        Ending::Failed(fault) => ("failed", fault.code.as_str()),
        Ending::TimedOut => ("timed-out", ""),
    };
    let told = (ending, code, msg.text()?);
    ctx.answer(&String::from_utf8_lossy(&answer.memo), &told)?;
    tell(ctx, &told)
}

fn tell(ctx: &Context, told: &impl Serialize) -> Outcome {
    ctx.send(("conformance", "log"), "told", told)?;
    done()
}

/// The actor that the body names.
fn peer(msg: &Message) -> Result<ActorId, Failure> {
    actor(msg.text()?)
}

fn actor(name: &str) -> Result<ActorId, Failure> {
    match name.split_once('/') {
        Some((kind, id)) => Ok(ActorId::new(kind, id)),
        None => refuse("no-actor", "an actor is KIND/ID"),
    }
}

export_actor!(Conformance);
