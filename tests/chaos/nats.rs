//! Two hosts on one NATS server: what one leaves behind, the other takes up.

use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;

use crate::asked::{Asked, Plans};
use crate::fault::{self, Fault};
use crate::world::{Nats, Setup};

/// Worlds of one test, beside each other: most of the time each waits for a lease to end.
const WORLDS: usize = 5;
/// Of clients that leave room for the other worlds.
const PACE: Duration = Duration::from_millis(50);
/// Of clients that use fewer keys than a record remembers while the last bytes of a connection are late.
const SLOW: Duration = Duration::from_millis(700);
/// A host that is silent for a second is gone.
const SETTINGS: &str = "node.heartbeat_ms = 200\nnode.lease_s = 1\nstore.retention_s = 60\n";
/// By turns: what the first acknowledged is on disk, the second leaves it to the system when to write.
const SERVERS: [&str; 2] =
    ["jetstream { sync_interval: always }\nmax_payload: 2MB\n", "jetstream: enabled\nmax_payload: 2MB\n"];
/// Full soon.
const SMALL_SERVER: &str = "jetstream { max_file_store: 64MB }\nmax_payload: 2MB\n";
/// Half of what hosts would make it, so that the test need not wait for so long. Above the 10 s from which on late copies
/// are looked up.
const WINDOW: Duration = Duration::from_secs(15);
/// Longer than the window.
const LONG: Duration = Duration::from_secs(20);
/// So late that a host has given up what it sent, and another may have done it; still within the window.
const LATE: Duration = Duration::from_secs(12);
/// Of a full server: longer than a lease.
const FULL: Duration = Duration::from_secs(2);
/// Worlds with three servers each, beside each other.
const CLUSTERS: usize = 2;
/// One in so many kills asked for is one of three servers: it takes the others seconds to choose another leader.
const LOST_SELDOM: u64 = 8;
/// One in so many kills asked for is a server that is filled: that takes seconds.
const FILLED_SELDOM: u64 = 10;

/// Two hosts on a server that syncs.
pub(crate) fn hosts(pace: Duration) -> Setup {
    on_server(SERVERS[0], pace)
}

fn on_server(server: &'static str, pace: Duration) -> Setup {
    Setup { settings: SETTINGS.into(), on_nats: Some(Nats { hosts: 2, server, is_cluster: false, window: None }), pace }
}

/// Two hosts whose messages come again behind the duplicate window.
fn forgetful_hosts() -> Setup {
    let nats = Nats { hosts: 2, server: SERVERS[0], is_cluster: false, window: Some(WINDOW) };
    Setup { settings: SETTINGS.into(), on_nats: Some(nats), pace: SLOW }
}

/// Two hosts on three servers that keep copies; none of them syncs.
fn on_cluster() -> Setup {
    let nats = Nats { hosts: 2, server: SERVERS[1], is_cluster: true, window: None };
    Setup { settings: SETTINGS.into(), on_nats: Some(nats), pace: PACE }
}

async fn beside_each_other(test: &str, faults: impl Fn(u64, &mut Rng) -> Vec<Fault>) -> Result<()> {
    let (asked, mut random) = (Asked::of_environment(), Asked::of_environment().random());
    let servers = SERVERS.iter().cycle().take(WORLDS);
    let world = |server: &&'static str| (on_server(server, PACE), vec![faults(asked.share(WORLDS), &mut random)]);
    asked.run(test, servers.map(world).collect()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_hosts_lose_and_double_nothing() -> Result<()> {
    beside_each_other("kills_of_hosts_lose", fault::kills).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_host_leaves_behind_is_taken_over_and_back() -> Result<()> {
    beside_each_other("what_a_killed_host", |count, _| fault::takeovers(count)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_the_server_lose_and_double_nothing() -> Result<()> {
    beside_each_other("kills_of_the_server", |count, random| fault::outages(count, false, random)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_one_of_three_servers_lose_and_double_nothing() -> Result<()> {
    let (asked, mut random) = (Asked::of_environment(), Asked::of_environment().random());
    let share = asked.kills.div_ceil(LOST_SELDOM * CLUSTERS as u64);
    let losses = |_| (on_cluster(), vec![fault::losses(share, &mut random)]);
    asked.run("kills_of_one_of_three_servers", (0..CLUSTERS).map(losses).collect()).await
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
        plans[number % worlds].1.push(fault::crashes(step, asked.crashes(), &mut random));
    }
    asked.run("nats::a_crash_at_any_step", plans).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stood_still_finds_out_that_it_was_replaced() -> Result<()> {
    let (asked, mut random) = (Asked::of_environment(), Asked::of_environment().random());
    let short = |_| (hosts(PACE), vec![fault::halts(asked.long_share(WORLDS), &mut random)]);
    let mut plans: Plans = (0..WORLDS).map(short).collect();
    let long = Fault::Stop { span: LONG };
    plans.push((forgetful_hosts(), (0..asked.slow_crashes()).map(|_| vec![long]).collect()));
    asked.run("a_host_that_stood_still", plans).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_loses_and_doubles_nothing() -> Result<()> {
    let (asked, mut random) = (Asked::of_environment(), Asked::of_environment().random());
    let broken = |_| (hosts(PACE), vec![fault::breaks(asked.long_share(WORLDS), &mut random)]);
    let mut plans: Plans = (0..WORLDS).map(broken).collect();
    let late = vec![Fault::Late { after: LATE }, Fault::Late { after: LONG }, Fault::Late { after: LONG }];
    plans.push((forgetful_hosts(), vec![late; usize::try_from(asked.slow_crashes())?]));
    asked.run("a_broken_connection", plans).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_loses_and_doubles_nothing() -> Result<()> {
    let asked = Asked::of_environment();
    let fills = usize::try_from(asked.kills.div_ceil(FILLED_SELDOM))?;
    asked
        .run("a_full_server", vec![(on_server(SMALL_SERVER, PACE), vec![vec![Fault::Fill { span: FULL }; fills]])])
        .await
}
