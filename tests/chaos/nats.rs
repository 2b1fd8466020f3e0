//! Two hosts on one NATS server: what one leaves behind, the other takes up.

use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;

use crate::asked::{Asked, Plans};
use crate::fault::{self, Fault};
use crate::world::{Nats, Setup};

/// Worlds of one test, beside each other: most of the time each waits for a lease to end.
const WORLDS: u64 = 3;
/// Of clients that leave room for the other worlds.
const PACE: Duration = Duration::from_millis(20);
/// Of clients that use fewer keys than a record remembers while the last bytes of a connection are late.
const SLOW: Duration = Duration::from_millis(700);
/// A host that is silent for a second is gone.
const SETTINGS: &str = "node.heartbeat_ms = 200\nnode.lease_s = 1\nstore.retention_s = 60\n";
const SERVER: &str = "jetstream: enabled\nmax_payload: 2MB\n";
/// Full soon.
const SMALL_SERVER: &str = "jetstream { max_file_store: 64MB }\nmax_payload: 2MB\n";
/// Longer than a lease, but not than the log's duplicate window.
const SHORT: Duration = Duration::from_secs(3);
/// Longer than the window, 30 s.
const LONG: Duration = Duration::from_secs(35);

fn hosts(pace: Duration) -> Setup {
    Setup { settings: SETTINGS.into(), on_nats: Some(Nats { hosts: 2, server: SERVER }), pace }
}

async fn beside_each_other(test: &str, faults: impl Fn(u64, &mut Rng) -> Vec<Fault>) -> Result<()> {
    let (asked, mut random) = (Asked::of_environment(), Asked::of_environment().random());
    let plans: Plans = (0..WORLDS).map(|_| (hosts(PACE), vec![faults(asked.share(WORLDS), &mut random)])).collect();
    asked.run(test, plans).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_hosts_lose_and_double_nothing() -> Result<()> {
    beside_each_other("kills_of_hosts", fault::kills).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_the_server_lose_and_double_nothing() -> Result<()> {
    beside_each_other("kills_of_the_server", |count, random| fault::outages(count, false, random)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_hosts_and_server_at_once_lose_and_double_nothing() -> Result<()> {
    beside_each_other("kills_of_hosts_and_server", |count, random| fault::outages(count, true, random)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_step_loses_and_doubles_nothing() -> Result<()> {
    let (asked, mut random) = (Asked::of_environment(), Asked::of_environment().random());
    let mut plans: Plans = (0..WORLDS).map(|_| (hosts(PACE), Vec::new())).collect();
    for (number, step) in fault::soon().enumerate() {
        let worlds = plans.len();
        plans[number % worlds].1.push(fault::crashes(step, asked.slow_crashes(), &mut random));
    }
    asked.run("nats::a_crash_at_any_step", plans).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stood_still_finds_out_that_it_was_replaced() -> Result<()> {
    let asked = Asked::of_environment();
    let stops = |span, count| vec![Fault::Stop { span }; count];
    let plans = vec![(hosts(PACE), vec![stops(SHORT, 8)]), (hosts(SLOW), vec![stops(LONG, 1)])];
    asked.run("a_host_that_stood_still", plans).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_loses_and_doubles_nothing() -> Result<()> {
    let asked = Asked::of_environment();
    let (delay, span) = (Duration::from_millis(50), SHORT);
    let broken = vec![
        Fault::Cut,
        Fault::Silence { span },
        Fault::Cut,
        Fault::Slow { delay, span },
        Fault::Cut,
        Fault::Silence { span: 4 * SHORT },
    ];
    let late = vec![Fault::Late { after: 4 * SHORT }, Fault::Late { after: LONG }, Fault::Late { after: LONG }];
    let plans = vec![(hosts(PACE), vec![broken]), (hosts(SLOW), vec![late])];
    asked.run("a_broken_connection", plans).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_loses_and_doubles_nothing() -> Result<()> {
    let asked = Asked::of_environment();
    let small = Setup { on_nats: Some(Nats { hosts: 2, server: SMALL_SERVER }), ..hosts(PACE) };
    asked.run("a_full_server", vec![(small, vec![vec![Fault::Fill { span: SHORT }; 2]])]).await
}
