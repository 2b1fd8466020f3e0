//! Steps that a host comes to only after a while, on both stores: every world of this test waits most of the time, so they
//! stand beside each other.

use std::time::Duration;

use anyhow::Result;

use crate::asked::{Asked, embedded};
use crate::fault::{self, PARKING, TRIMMING};
use crate::nats::hosts;

/// Of clients that go on while a host is waited for.
const PACE: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_messages_are_parked_or_history_is_trimmed_loses_and_doubles_nothing() -> Result<()> {
    let (asked, mut random) = (Asked::of_environment(), Asked::of_environment().random());
    let mut plans = Vec::new();
    for steps in PARKING.iter().chain(&TRIMMING) {
        for setup in [embedded("os", PACE), hosts(PACE)] {
            let faults = steps.iter().map(|step| fault::crashes(*step, asked.slow_crashes(), &mut random));
            plans.push((setup, faults.collect()));
        }
    }
    asked.run("a_crash_while", plans).await
}
