//! One host on a folder.

use std::time::Duration;

use anyhow::Result;

use crate::asked::{Asked, embedded};
use crate::fault;

#[tokio::test(flavor = "multi_thread")]
async fn kills_with_fsync_lose_and_double_nothing() -> Result<()> {
    killed_at_random("kills_with_fsync", "fsync").await
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_with_the_systems_buffers_lose_and_double_nothing() -> Result<()> {
    killed_at_random("kills_with_the_systems_buffers", "os").await
}

async fn killed_at_random(test: &str, durability: &str) -> Result<()> {
    let asked = Asked::of_environment();
    let faults = fault::kills(asked.kills, &mut asked.random());
    asked.run(test, vec![(embedded(durability, Duration::ZERO), vec![faults])]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_step_loses_and_doubles_nothing() -> Result<()> {
    let (asked, mut random) = (Asked::of_environment(), Asked::of_environment().random());
    let faults = fault::soon().map(|step| fault::crashes(step, asked.crashes(), &mut random));
    asked.run("embedded::a_crash_at_any_step", vec![(embedded("os", Duration::ZERO), faults.collect())]).await
}
