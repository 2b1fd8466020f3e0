//! Misbehaves on demand, one subject per way: what the host must survive, and what its neighbours must not notice.
//! Teaches: how each kind of failure looks. A turn that fails first leaves traces in state and outbox; none may remain.

mod demands;

use std::time::Duration;

use hydra_sdk::*;

const SUBJECTS: &str = "ok, counts, panic, trap, exit, loop, host-calls, sleep, recurse, allocate, random, flood, \
                        long-line, flood-send, big-send, big-state, big-reply, bad-header, ungranted-send, bad-send, \
                        refuse, fail, retry, suspend, stdout, probe, instance";

/// What tests look at.
#[derive(Default, Serialize, Deserialize)]
struct Poison {
    /// Messages `ok`: they count however bad the others are.
    ok: u64,
    /// Traces of failed turns: must stay 0.
    leaked: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    ballast: String,
}

impl Actor for Poison {
    fn handle(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        match msg.subject() {
            "ok" => {
                self.ok += 1;
                reply(self.ok)
            }
            "counts" => reply((self.ok, self.leaked)),
            "leak" => {
                self.leaked += 1;
                done()
            }
            "retry" if u64::from(msg.attempt()) > number(msg, 2)? => {
                self.ok += 1;
                reply(msg.attempt())
            }
            "instance" => reply(demands::turns_of_this_instance()),
            "probe" => reply(demands::probe()),
            "stdout" | "flood" | "long-line" | "flood-send" | "big-send" | "big-state" | "big-reply" => {
                self.do_too_much(ctx, msg)
            }
            _ => self.fail_as_asked(ctx, msg),
        }
    }

    fn describe() -> Description {
        Description::new(format!("Misbehaves on demand: {SUBJECTS}."))
            .subject(Subject::new("ok").about("Counts, replies with the count.").reply(&1))
            .subject(Subject::new("counts").about("Replies with [ok, traces of failed turns].").reply(&(1, 0)))
            .subject(Subject::new("retry").about("Fails this often, then replies with the try.").body(&2).reply(&3))
            .subject(Subject::new("flood").about("Logs this many lines.").body(&10_000))
            .subject(Subject::new("flood-send").about("Sends itself this many messages ok.").body(&10_000))
            .subject(Subject::new("big-state").about("Keeps this many bytes of state.").body(&1_048_576))
    }
}

impl Poison {
    /// Well-behaved in small numbers; the number is the body.
    fn do_too_much(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        match msg.subject() {
            "stdout" => {
                println!("to standard output");
                eprintln!("to standard error");
            }
            "flood" => (0..number(msg, 10_000)?).for_each(|line| ctx.info(format!("line {line}"))),
            "long-line" => ctx.info(text(msg)?),
            "flood-send" => (0..number(msg, 10_000)?).for_each(|_| ctx.send_bytes(ctx.actor(), "ok", [])),
            "big-send" => ctx.send_bytes(ctx.actor(), "ok", text(msg)?),
            "big-state" => self.ballast = text(msg)?,
            _ => return reply_with([], text(msg)?),
        }
        done()
    }

    /// Never ends well, and leaves traces first.
    fn fail_as_asked(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        self.leaked += 1;
        ctx.send_bytes(ctx.actor(), "leak", []);
        match msg.subject() {
            "panic" => demands::panic(),
            "trap" => std::process::abort(),
            "exit" => std::process::exit(0),
            "loop" => demands::run_forever(),
            "host-calls" => demands::call_forever(ctx),
            "sleep" => {
                demands::sleep(Duration::from_millis(number(msg, 60_000)?));
                refuse("awake", "slept long enough")
            }
            "recurse" => refuse("returned", demands::recurse(0).to_string()),
            "allocate" => demands::allocate_forever(),
            "random" => refuse("random", format!("{} bytes", ctx.random(u32::MAX).len())),
            "bad-header" => reply_with([("Hydra-Sender", "somebody/else"), ("x-two", "lines\r\nof it")], []),
            "bad-send" => {
                ctx.send_bytes(("Not A Kind", ""), "timer:mine", []);
                done()
            }
            "ungranted-send" => {
                ctx.send_bytes(("forbidden", "1"), "leak", []);
                done()
            }
            "refuse" => refuse("refused", "as asked"),
            "fail" => fail("failed", "as asked"),
            "suspend" => suspend("suspended", "as asked"),
            "retry" => retry_after(Duration::from_millis(1), "not-yet", format!("try {} fails", msg.attempt())),
            other => refuse("unknown-subject", format!("{other}: try {SUBJECTS}")),
        }
    }
}

/// The number in the body, or this one when it is empty.
fn number(msg: &Message, otherwise: u64) -> Result<u64, Failure> {
    if msg.body().is_empty() { Ok(otherwise) } else { msg.json() }
}

/// As many characters as the body says, 1 MiB when it is empty.
fn text(msg: &Message) -> Result<String, Failure> {
    let bytes = number(msg, 1 << 20)?;
    match usize::try_from(bytes) {
        Ok(bytes) => Ok("x".repeat(bytes)),
        Err(_) => refuse("too-large", format!("{bytes} bytes")),
    }
}

export_actor!(Poison);

#[cfg(test)]
mod tests {
    use super::*;
    use hydra_sdk::test::{Harness, Incoming};

    fn poison() -> Harness<Poison> {
        Harness::new("poison/1")
    }

    #[test]
    fn the_four_failures_leave_no_trace() {
        let mut poison = poison();
        poison.send("ok", &());
        for (subject, code) in
            [("refuse", "refused"), ("fail", "failed"), ("suspend", "suspended"), ("retry", "not-yet")]
        {
            let turn = poison.deliver(Incoming::new(subject));
            assert_eq!(turn.fault_code(), Some(code));
            assert!(turn.sends.is_empty());
        }
        assert_eq!(poison.send("counts", &()).outcome, reply((1, 0)));
    }

    #[test]
    fn retry_succeeds_after_as_many_tries_as_asked() {
        let mut poison = poison();
        let nth = |attempt| Incoming::new("retry").json(&2).attempt(attempt);
        assert!(matches!(poison.deliver(nth(2)).outcome, Err(Failure::Retry { .. })));
        let turn = poison.deliver(nth(3));
        assert_eq!((turn.outcome, turn.sends.len()), (reply(3), 0));
        assert_eq!(poison.send("counts", &()).outcome, reply((1, 0)));
    }

    #[test]
    fn numbers_are_as_asked() {
        let mut poison = poison();
        assert_eq!(poison.send("big-reply", &3).outcome, reply_with([], b"xxx"));
        poison.send("big-state", &1_000);
        assert!(poison.state().unwrap().len() > 1_000);
        assert_eq!(poison.send("flood", &7).logs.len(), 7);
        assert_eq!(poison.send("flood-send", &7).sends.len(), 7);
        assert_eq!(poison.send("big-reply", &"much").fault_code(), Some("body-does-not-decode"));
    }

    #[test]
    #[should_panic(expected = "as asked")]
    fn panic_panics() {
        poison().deliver(Incoming::new("panic"));
    }
}
