//! The counter with other state: it cannot read what `counter` wrote, and `counter` cannot read what it writes.
//! Teaches: migrating state. Deployed with its `actor.toml` it migrates; deployed without, the host suspends its actors.

use hydra_sdk::*;

/// Version 1 of the state; version 0 was `{"value": N}`.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counter {
    total: i64,
    additions: u64,
}

/// Version 0 of the state.
#[derive(Serialize, Deserialize)]
struct CounterV0 {
    value: i64,
}

impl Actor for Counter {
    fn handle(&mut self, _ctx: &Context, msg: &Message) -> Outcome {
        match msg.subject() {
            "add" => {
                self.total = self.total.saturating_add(msg.json()?);
                self.additions += 1;
                reply(self.total)
            }
            "get" => reply(self.total),
            "additions" => reply(self.additions),
            other => refuse("unknown-subject", format!("{other}: try add, get, additions")),
        }
    }

    fn migrate(from_version: u32, state: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let refused = |text| Fault::new("cannot-migrate", text);
        match from_version {
            0 => {
                let CounterV0 { value } = CounterV0::decode(&state).map_err(refused)?;
                Self { total: value, additions: 0 }.encode().map_err(refused)
            }
            newer => Err(refused(format!("this component knows state versions 0 and 1, not {newer}"))),
        }
    }
}

export_actor!(Counter);

#[cfg(test)]
mod tests {
    use super::*;
    use hydra_sdk::test::Harness;

    #[test]
    fn state_of_version_0_suspends_until_it_is_migrated() {
        let mut counter = Harness::<Counter>::new("counter/alice");
        counter.set_state(Some(br#"{"value":7}"#));
        assert_eq!(counter.send("get", &()).fault_code(), Some("state-does-not-decode"));
        counter.migrate(0).unwrap();
        assert_eq!(counter.send("add", &1).outcome, reply(8));
        assert_eq!(counter.send("additions", &()).outcome, reply(1));
    }

    #[test]
    fn a_version_of_the_future_is_not_touched() {
        let mut counter = Harness::<Counter>::new("counter/alice");
        counter.set_state(Some(b"{}"));
        assert_eq!(counter.migrate(2).unwrap_err().code, "cannot-migrate");
        assert_eq!(counter.state(), Some(&b"{}"[..]));
    }
}
