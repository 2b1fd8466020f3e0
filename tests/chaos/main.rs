//! Real hosts under load that are killed again and again, at random moments and at every named step: nothing that was
//! accepted is lost, nothing happens twice, nothing changes places. `docs/reliability.md` says what is done and why.
//! `HYDRA_CHAOS_SEED` and `HYDRA_CHAOS_KILLS` make a run another one, or a longer one: `just chaos`.

mod caller;
mod counters;
mod fault;
mod journals;
mod letters;
mod load;
mod report;
mod tally;
mod transfers;
mod world;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use hydra::crash::Step;
use hydra_tests::binary;

use crate::world::World;

/// Kills of each kind that every change is checked with.
const KILLS: u64 = 50;
/// Crashes at each step that every change is checked with.
const CRASHES: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn kills_with_fsync_lose_and_double_nothing() -> Result<()> {
    killed_at_random("kills_with_fsync", "fsync").await
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_with_the_systems_buffers_lose_and_double_nothing() -> Result<()> {
    killed_at_random("kills_with_the_systems_buffers", "os").await
}

async fn killed_at_random(test: &str, durability: &str) -> Result<()> {
    let Settings { seed, kills } = settings();
    let run = async {
        let mut world = World::new(&["--durability", durability], seed).await?;
        world.suffer(fault::kills(kills, &mut Rng::with_seed(seed))).await?;
        world.end()
    };
    let report = run.await.with_context(|| repeat(test, seed, kills))?;
    eprintln!("{test}, seed {seed}:\n{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_step_loses_and_doubles_nothing() -> Result<()> {
    let Settings { seed, kills } = settings();
    let run = async {
        let mut random = Rng::with_seed(seed);
        let mut world = World::new(&["--durability", "os"], seed).await?;
        let count = CRASHES.max(kills / Step::ALL.len() as u64);
        for step in fault::soon() {
            world.suffer(fault::crashes(step, count, &mut random)).await?;
        }
        world.end()
    };
    let report = run.await.with_context(|| repeat("a_crash_at_any_step", seed, kills))?;
    eprintln!("a_crash_at_any_step, seed {seed}:\n{report}");
    Ok(())
}

#[test]
fn a_host_that_is_to_crash_nowhere_known_does_not_start() -> Result<()> {
    for wish in ["record-written", "no-such-step:1", "record-written:0"] {
        let ran = binary::run(binary::command()?.args(["host", "--http", "127.0.0.1:0"]).env("HYDRA_CRASH_AT", wish))?;
        ensure!(ran.code == Some(1), "{wish}: {ran:?}");
        ensure!(Step::ALL.iter().all(|step| ran.stderr.contains(step.name())), "{wish}: {ran:?}");
    }
    Ok(())
}

#[test]
fn every_step_is_in_the_reference() {
    let page = include_str!("../../docs/reference/crash-steps.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let steps = Step::ALL.iter().map(|step| format!("| `{}` | {} |", step.name(), step.meaning()));
    assert_eq!(rows, steps.collect::<Vec<_>>());
}

struct Settings {
    seed: u64,
    kills: u64,
}

fn settings() -> Settings {
    let number = |name, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"));
    Settings { seed: number("HYDRA_CHAOS_SEED", 1), kills: number("HYDRA_CHAOS_KILLS", KILLS) }
}

/// How to see a failure again: the same choices, though not the same instructions.
fn repeat(test: &str, seed: u64, kills: u64) -> String {
    format!("seed {seed}; to repeat it: just chaos --kills {kills} --seed {seed} --only {test}")
}
