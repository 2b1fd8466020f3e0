//! A number that can be added to. Make it yours: the fields are the state, `handle` is what it does.

use hydra_sdk::*;

/// One counter. `Default` is a new one; what is not in here is gone after the turn.
#[derive(Default, Serialize, Deserialize)]
struct Counter {
    value: i64,
}

impl Actor for Counter {
    fn handle(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        match msg.subject() {
            "add" => {
                self.value = self.value.saturating_add(msg.json()?);
                ctx.info(format!("{} is now {}", ctx.actor(), self.value));
                reply(self.value)
            }
            "get" => reply(self.value),
            other => refuse("unknown-subject", format!("{other}: try add, get")),
        }
    }

    fn describe() -> Description {
        Description::new("A number that can be added to.")
            .subject(
                Subject::new("add")
                    .about("Adds a number, replies with the new value.")
                    .body(&5)
                    .reply(&12),
            )
            .subject(
                Subject::new("get")
                    .about("Replies with the value.")
                    .reply(&12),
            )
    }
}

export_actor!(Counter);

#[cfg(test)]
mod tests {
    use super::*;
    use hydra_sdk::test::Harness;

    #[test]
    fn it_adds_and_keeps_the_sum() {
        let mut counter = Harness::<Counter>::new("{{name}}/alice");
        assert_eq!(counter.send("add", &5).outcome, reply(5));
        assert_eq!(counter.send("add", &7).outcome, reply(12));
        assert_eq!(counter.send("get", &()).outcome, reply(12));
    }

    #[test]
    fn a_refused_message_changes_nothing() {
        let mut counter = Harness::<Counter>::new("{{name}}/alice");
        counter.send("add", &5);
        assert_eq!(
            counter.send("add", &"five").fault_code(),
            Some("body-does-not-decode")
        );
        assert_eq!(counter.send("get", &()).outcome, reply(5));
    }
}
