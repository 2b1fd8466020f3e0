//! Answers every message with its own headers and body, byte for byte.
//! Teaches: raw bytes and headers, any subject, an actor without state.

use hydra_sdk::*;

#[derive(Default, Serialize, Deserialize)]
struct Echo;

impl Actor for Echo {
    fn handle(&mut self, _ctx: &Context, msg: &Message) -> Outcome {
        reply_with(msg.headers(), msg.body())
    }

    fn describe() -> Description {
        Description::new("Answers every subject with the headers and bytes that came.")
    }
}

export_actor!(Echo);

#[cfg(test)]
mod tests {
    use super::*;
    use hydra_sdk::test::{Harness, Incoming};

    #[test]
    fn headers_and_bytes_come_back_as_they_were() {
        let every_byte: Vec<u8> = (0..=255).collect();
        let message = Incoming::new("any.thing")
            .header("content-type", "application/x-nothing")
            .header("X-Twice", "1")
            .header("x-twice", "2")
            .body(every_byte.clone());
        let turn = Harness::<Echo>::new("echo/1").deliver(message);
        let headers = [("content-type", "application/x-nothing"), ("X-Twice", "1"), ("x-twice", "2")];
        assert_eq!(turn.outcome, reply_with(headers, every_byte));
        assert!(!turn.state_changed);
    }

    #[test]
    fn an_empty_body_is_an_empty_reply() {
        assert_eq!(Harness::<Echo>::new("echo/1").deliver(Incoming::new("a")).outcome, reply_with([], []));
    }
}
