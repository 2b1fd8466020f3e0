//! Shelves that ask each other for what they do not have.
//! Teaches: a request to another actor, its four endings and its time-out, and an answer in a later turn.

use std::collections::BTreeMap;
use std::time::Duration;

use hydra_sdk::*;

/// How long a shelf waits for its supplier.
const SUPPLIED_WITHIN: Duration = Duration::from_secs(5);

/// A shelf.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Shelf {
    count: u64,
    /// Id of the shelf that is asked for more.
    supplier: Option<String>,
    /// Who waits for goods, by the request that was made for them.
    waiting: BTreeMap<String, Customer>,
}

/// Somebody who wants more than there was.
#[derive(Debug, Serialize, Deserialize)]
struct Customer {
    /// With it they are answered later; none: nobody waits.
    reply_token: Option<String>,
    amount: u64,
    /// What was put aside for them.
    reserved: u64,
}

/// The answer to `take`.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Taken {
    taken: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Actor for Shelf {
    fn handle(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        if let Some(answer) = msg.answer() {
            return self.supplied(ctx, msg, answer);
        }
        match msg.subject() {
            "put" => {
                self.count = self.count.saturating_add(msg.json()?);
                reply(self.count)
            }
            "count" => reply(self.count),
            "supplier" => {
                self.supplier = Some(msg.json()?);
                done()
            }
            "take" => self.take(ctx, msg),
            other => refuse("unknown-subject", format!("{other}: try put, take, count, supplier")),
        }
    }

    fn describe() -> Description {
        Description::new("A shelf, which asks another for what it does not have.")
            .subject(Subject::new("put").about("adds so many").body(&5).reply(&5))
            .subject(Subject::new("take").about("takes so many, from the supplier too if need be").body(&7))
            .subject(Subject::new("count").about("how many there are").reply(&5))
            .subject(Subject::new("supplier").about("names the shelf that is asked for more").body(&"depot"))
    }
}

impl Shelf {
    fn take(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        let amount: u64 = msg.json()?;
        if let Some(rest) = self.count.checked_sub(amount) {
            self.count = rest;
            return reply(Taken { taken: amount, why: None });
        }
        let Some(supplier) = &self.supplier else {
            return refuse("short", format!("{} left, and no supplier", self.count));
        };
        let reserved = std::mem::take(&mut self.count);
        let to = (ctx.actor().kind.as_str(), supplier.as_str());
        let token = ctx.request(to, "take", &(amount - reserved), SUPPLIED_WITHIN, "")?;
        let reply_token = msg.reply_token().map(Into::into);
        self.waiting.insert(token, Customer { reply_token, amount, reserved });
        later()
    }

    /// The supplier has answered, or has not.
    fn supplied(&mut self, ctx: &Context, msg: &Message, answer: &Answer) -> Outcome {
        let Some(customer) = self.waiting.remove(&answer.token) else { return done() };
        let (got, why) = match &answer.ending {
            Ending::Replied => {
                let Taken { taken, why } = msg.json()?;
                (taken, why)
            }
            Ending::Done => (0, Some("the supplier said nothing".to_owned())),
            Ending::Refused(fault) | Ending::Failed(fault) => (0, Some(format!("the supplier: {}", fault.text))),
            Ending::TimedOut => (0, Some("the supplier does not answer".to_owned())),
        };
        let there = customer.reserved.saturating_add(got);
        let taken = if there >= customer.amount { customer.amount } else { 0 };
        self.count = self.count.saturating_add(there - taken);
        if let Some(token) = &customer.reply_token {
            ctx.answer(token, &Taken { taken, why })?;
        }
        done()
    }
}

export_actor!(Shelf);

#[cfg(test)]
mod tests {
    use hydra_sdk::test::{Harness, Incoming};

    use super::*;

    /// A shelf with 3, that was asked for 7; and the token of its request.
    fn short() -> (Harness<Shelf>, String) {
        let mut shop = Harness::<Shelf>::new("stock/shop");
        shop.send("put", &3);
        shop.send("supplier", &"depot");
        let turn = shop.deliver(Incoming::new("take").json(&7).reply_token("customer"));
        assert_eq!(turn.outcome, later());
        assert_eq!((turn.sends[0].to.to_string().as_str(), turn.sends[0].json::<u64>()), ("stock/depot", 4));
        (shop, turn.sends[0].request.clone().unwrap())
    }

    fn answered(turn: &hydra_sdk::test::Turn) -> &str {
        assert_eq!(turn.answers[0].0, "customer");
        std::str::from_utf8(&turn.answers[0].1.body).unwrap()
    }

    #[test]
    fn what_the_supplier_gives_is_handed_on() {
        let (mut shop, token) = short();
        let turn = shop.reply_to_request(&token, r#"{"taken":4}"#).unwrap();
        assert_eq!(answered(&turn), r#"{"taken":7}"#);
        assert_eq!(shop.send("count", &()).reply::<u64>(), 0);
    }

    #[test]
    fn without_the_supplier_nothing_is_taken_and_nothing_lost() {
        let (mut shop, token) = short();
        let refused = Ending::Refused(Fault::new("short", "2 left, and no supplier"));
        let turn = shop.end_request(&token, refused, Headers::default(), "").unwrap();
        assert!(answered(&turn).starts_with(r#"{"taken":0,"why":"the supplier: 2 left"#));
        assert_eq!(shop.send("count", &()).reply::<u64>(), 3);
        let (mut shop, _) = short();
        let turns = shop.advance(SUPPLIED_WITHIN);
        assert!(answered(&turns[0]).contains("the supplier does not answer"));
        assert_eq!(shop.send("count", &()).reply::<u64>(), 3);
    }
}
