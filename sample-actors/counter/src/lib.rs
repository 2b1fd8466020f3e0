//! A number that can be added to: the smallest actor that is good for something.
//! Teaches: JSON state, replies, refusing, forgetting an actor, and describing what it understands.

use hydra_sdk::*;

#[derive(Default, Serialize, Deserialize)]
struct Counter {
    value: i64,
}

impl Actor for Counter {
    fn handle(&mut self, ctx: &Context, msg: &Message) -> Outcome {
        match msg.subject() {
            "add" => {
                let Some(value) = self.value.checked_add(msg.json()?) else {
                    return refuse(
                        "overflow",
                        format!("{} is the value, and the sum does not fit 64 bits", self.value),
                    );
                };
                self.value = value;
                reply(self.value)
            }
            "get" => reply(self.value),
            "reset" => {
                self.value = 0;
                done()
            }
            "delete" => {
                ctx.delete();
                done()
            }
            other => refuse("unknown-subject", format!("{other}: try add, get, reset, delete")),
        }
    }

    fn describe() -> Description {
        Description::new("A number that can be added to.")
            .subject(Subject::new("add").about("Adds a number, replies with the new value.").body(&5).reply(&12))
            .subject(Subject::new("get").about("Replies with the value.").reply(&12))
            .subject(Subject::new("reset").about("Sets the value to 0."))
            .subject(Subject::new("delete").about("Forgets this counter."))
    }
}

export_actor!(Counter);

#[cfg(test)]
mod tests {
    use super::*;
    use hydra_sdk::test::{Harness, Incoming};

    fn counter() -> Harness<Counter> {
        Harness::new("counter/alice")
    }

    #[test]
    fn it_adds_and_keeps_the_sum() {
        let mut counter = counter();
        assert_eq!(counter.send("add", &5).outcome, reply(5));
        assert_eq!(counter.send("add", &-7).outcome, reply(-2));
        assert_eq!(counter.send("get", &()).outcome, reply(-2));
        assert_eq!(counter.state(), Some(&br#"{"value":-2}"#[..]));
    }

    #[test]
    fn reading_a_new_counter_does_not_create_it() {
        let mut counter = counter();
        assert_eq!(counter.send("get", &()).outcome, reply(0));
        assert_eq!(counter.state(), None);
    }

    #[test]
    fn a_sum_that_does_not_fit_is_refused() {
        let mut counter = counter();
        counter.send("add", &i64::MAX);
        assert_eq!(counter.send("add", &1).fault_code(), Some("overflow"));
        assert_eq!(counter.send("get", &()).outcome, reply(i64::MAX));
    }

    #[test]
    fn reset_keeps_the_actor_and_delete_forgets_it() {
        let mut counter = counter();
        counter.send("add", &5);
        assert_eq!(counter.send("reset", &()).outcome, done());
        assert_eq!(counter.state(), Some(&br#"{"value":0}"#[..]));
        assert_eq!(counter.send("delete", &()).outcome, done());
        assert_eq!(counter.state(), None);
    }

    #[test]
    fn what_it_does_not_understand_is_refused() {
        let mut counter = counter();
        assert_eq!(counter.send("multiply", &2).fault_code(), Some("unknown-subject"));
        assert_eq!(counter.deliver(Incoming::new("add").body("five")).fault_code(), Some("body-does-not-decode"));
    }
}
