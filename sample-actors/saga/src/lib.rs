//! An order: money from outside, goods from a shelf, and the way back if one of both is not to be had.
//! Teaches: a call over `sys-http`, steps that follow each other in state, and compensation that does not give up.
//!
//! However often hosts die meanwhile, an order ends as one of two: paid and shipped, or neither. Between actors everything
//! counts once. The other side of a call may see it again, so every call names what it is for (`idempotency-key`), and
//! where it is unknown whether there was a payment, it is paid back: a refund of what was never paid is none.

use std::time::Duration;

use hydra_sdk::*;

/// The endpoint of the host's settings that takes money.
const PAYMENTS: &str = "payments";
/// How long all tries of one call may take.
const CALLED_WITHIN: Duration = Duration::from_secs(120);
/// How long a shelf may take: within one system an answer always comes, so there is no hurry to give up.
const SHIPPED_WITHIN: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Pause before a refund that failed is asked for again.
const REFUND_AGAIN: Duration = Duration::from_secs(5);
const REFUND_TIMER: &str = "refund";

/// An order.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Saga {
    order: Option<Order>,
    step: Step,
    /// Why it did not come to anything.
    why: Option<String>,
    /// With it whoever placed the order is told how it ended.
    reply_token: Option<String>,
}

/// Body of `place`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    /// Id of the shelf that has it.
    item: String,
    amount: u64,
    cents: u64,
}

/// What the order waits for, or how it ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Step {
    #[default]
    New,
    /// It waits for the payment.
    Paying,
    /// It is paid and waits for the goods.
    Shipping,
    /// There are no goods, or nobody knows whether it is paid: it waits for the refund.
    Refunding,
    /// The end: paid and shipped.
    Shipped,
    /// The end: neither.
    Cancelled,
}

/// The answer to `place` and `show`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Shown {
    step: Step,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// What a shelf says.
#[derive(Deserialize)]
struct Taken {
    taken: u64,
    #[serde(default)]
    why: Option<String>,
}

impl Actor for Saga {
    fn handle(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        if let Some(answer) = msg.answer() {
            return match self.step {
                Step::Paying => self.paid(ctx, msg, answer),
                Step::Shipping => self.taken(ctx, msg, answer),
                Step::Refunding => self.refunded(ctx, msg),
                Step::New | Step::Shipped | Step::Cancelled => done(),
            };
        }
        if msg.timer() == Some(REFUND_TIMER) {
            self.call(ctx, "refunds")?;
            return done();
        }
        match msg.subject() {
            "place" => self.place(ctx, msg),
            "show" => reply(self.shown()),
            other => refuse("unknown-subject", format!("{other}: try place, show")),
        }
    }

    fn describe() -> Description {
        let order = Order { item: "tea".into(), amount: 2, cents: 500 };
        Description::new("An order: paid over HTTP and taken from a shelf, or neither.")
            .subject(Subject::new("place").about("begins it; the answer comes when it has ended").body(&order))
            .subject(Subject::new("show").about("how far it is"))
    }
}

impl Saga {
    fn place(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        if self.order.is_some() {
            return refuse("placed", "this order is placed already: another one has another id");
        }
        self.order = Some(msg.json()?);
        self.reply_token = msg.reply_token().map(Into::into);
        self.step = Step::Paying;
        self.call(ctx, "charges")?;
        later()
    }

    /// Takes the money, or gives it back. Both name the order, so each counts once however often it is asked for.
    fn call(&self, ctx: &Context, what: &str) -> Result<(), Failure> {
        let id = &ctx.actor().id;
        ctx.http(PAYMENTS, "put", &format!("/v1/{what}/{id}"))
            .header("idempotency-key", &format!("{what}-{id}"))
            .json(&self.order)?
            .timeout(CALLED_WITHIN)
            .send();
        Ok(())
    }

    fn paid(&mut self, ctx: &Context, msg: &Message, answer: &Answer) -> Outcome {
        match (msg.status(), &answer.ending, &self.order) {
            (Some(200..=299), _, Some(order)) => {
                self.step = Step::Shipping;
                ctx.request(("stock", order.item.as_str()), "take", &order.amount, SHIPPED_WITHIN, "")?;
                done()
            }
            // It never came to a payment: refused there, or by this host.
            (Some(400..=499), ..) => self.end(ctx, Step::Cancelled, format!("not paid: {}", msg.text()?)),
            (_, Ending::Refused(fault), _) => self.end(ctx, Step::Cancelled, format!("not paid: {}", fault.text)),
            _ => self.refund(ctx, "nobody knows whether it was paid".into()),
        }
    }

    fn taken(&mut self, ctx: &Context, msg: &Message, answer: &Answer) -> Outcome {
        let wanted = self.order.as_ref().map_or(0, |order| order.amount);
        let why = match &answer.ending {
            Ending::Replied => {
                let Taken { taken, why } = msg.json()?;
                if taken == wanted {
                    return self.end(ctx, Step::Shipped, String::new());
                }
                why.unwrap_or_else(|| "the shelf has not enough".into())
            }
            Ending::Refused(fault) | Ending::Failed(fault) => format!("no goods: {}", fault.text),
            Ending::Done => "the shelf said nothing".into(),
            Ending::TimedOut => return suspend("no-shelf", "the shelf may have given the goods: a human must look"),
        };
        self.refund(ctx, why)
    }

    fn refund(&mut self, ctx: &Context, why: String) -> Outcome {
        self.step = Step::Refunding;
        self.why = Some(why);
        self.call(ctx, "refunds")?;
        done()
    }

    fn refunded(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        match (msg.status(), self.why.take()) {
            (Some(200..=299), why) => self.end(ctx, Step::Cancelled, why.unwrap_or_default()),
            (status, why) => {
                ctx.warn(format!("the refund is not done ({status:?}): asking again"));
                self.why = why;
                ctx.set_timer(REFUND_TIMER, Timer::after(REFUND_AGAIN));
                done()
            }
        }
    }

    fn end(&mut self, ctx: &Context, step: Step, why: String) -> Outcome {
        self.step = step;
        self.why = Some(why).filter(|why| !why.is_empty());
        if let Some(token) = self.reply_token.take() {
            ctx.answer(&token, &self.shown())?;
        }
        done()
    }

    fn shown(&self) -> Shown {
        Shown { step: self.step, why: self.why.clone() }
    }
}

export_actor!(Saga);

#[cfg(test)]
mod tests {
    use hydra_sdk::test::{Harness, Incoming, Turn};

    use super::*;

    /// An order that was placed, and its call for money.
    fn placed() -> (Harness<Saga>, Turn) {
        let mut saga = Harness::<Saga>::new("saga/o1");
        let order = Order { item: "tea".into(), amount: 2, cents: 500 };
        let turn = saga.deliver(Incoming::new("place").json(&order).reply_token("customer"));
        assert_eq!(turn.outcome, later());
        (saga, turn)
    }

    fn asked(turn: &Turn) -> (String, String) {
        let sent = &turn.sends[0];
        (sent.headers.get("path").unwrap_or(&sent.subject).to_owned(), sent.request.clone().unwrap())
    }

    fn told(turn: &Turn) -> Shown {
        assert_eq!(turn.answers[0].0, "customer");
        serde_json::from_slice(&turn.answers[0].1.body).unwrap()
    }

    #[test]
    fn what_is_paid_and_there_is_shipped() {
        let (mut saga, turn) = placed();
        let (path, token) = asked(&turn);
        assert_eq!(
            (path.as_str(), turn.sends[0].headers.get("idempotency-key")),
            ("/v1/charges/o1", Some("charges-o1"))
        );
        let turn = saga.answer_call(&token, 201, "").unwrap();
        assert_eq!(turn.sends[0].to.to_string(), "stock/tea");
        let turn = saga.reply_to_request(&asked(&turn).1, r#"{"taken":2}"#).unwrap();
        assert_eq!(told(&turn), Shown { step: Step::Shipped, why: None });
        let again = saga.send("place", &Order { item: "tea".into(), amount: 1, cents: 1 });
        assert_eq!(again.fault_code(), Some("placed"));
    }

    #[test]
    fn what_cannot_be_paid_takes_no_goods() {
        let (mut saga, turn) = placed();
        let turn = saga.answer_call(&asked(&turn).1, 402, "no money").unwrap();
        assert!(turn.sends.is_empty());
        assert_eq!(told(&turn), Shown { step: Step::Cancelled, why: Some("not paid: no money".into()) });
    }

    #[test]
    fn what_is_paid_and_not_there_is_paid_back_however_long_it_takes() {
        let (mut saga, turn) = placed();
        let turn = saga.answer_call(&asked(&turn).1, 200, "").unwrap();
        let short = Ending::Refused(Fault::new("short", "1 left"));
        let turn = saga.end_request(&asked(&turn).1, short, Headers::default(), "").unwrap();
        let (path, token) = asked(&turn);
        assert_eq!(path, "/v1/refunds/o1");
        saga.answer_call(&token, 500, "").unwrap();
        let turn = saga.advance(REFUND_AGAIN).remove(0);
        let turn = saga.answer_call(&asked(&turn).1, 200, "").unwrap();
        assert_eq!(told(&turn), Shown { step: Step::Cancelled, why: Some("no goods: 1 left".into()) });
    }

    #[test]
    fn what_may_have_been_paid_is_paid_back() {
        let (mut saga, _) = placed();
        let turn = saga.advance(CALLED_WITHIN).remove(0);
        let (path, token) = asked(&turn);
        assert_eq!(path, "/v1/refunds/o1");
        let turn = saga.answer_call(&token, 204, "").unwrap();
        assert_eq!(told(&turn).step, Step::Cancelled);
    }
}
