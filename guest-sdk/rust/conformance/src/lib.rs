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
            _ => self.fail_as_asked(ctx, msg),
        }
    }

    fn describe() -> Description {
        Description::new("Does on demand all that an actor can do.")
    }
}

impl Conformance {
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

/// The actor that the body names.
fn peer(msg: &Message) -> Result<ActorId, Failure> {
    match msg.text()?.split_once('/') {
        Some((kind, id)) => Ok(ActorId::new(kind, id)),
        None => refuse("no-actor", "the body is KIND/ID"),
    }
}

export_actor!(Conformance);
