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

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use hydra::crash::Step;
use hydra_tests::binary;
use tokio::task::JoinSet;

use crate::report::Report;
use crate::world::{Setup, World};

/// Kills of each kind that every change is checked with.
const KILLS: u64 = 50;
/// Crashes at each step that every change is checked with.
const CRASHES: u64 = 3;
/// A store that survives its host, and forgets as soon as it may.
const SETTINGS: &str = "store.durability = \"os\"\nstore.retention_s = 60";
/// Of clients that go on while a host is waited for.
const PACE: Duration = Duration::from_millis(50);

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
    let run = async {
        let mut world = World::new(asked.setup(&format!("store.durability = {durability:?}"), Duration::ZERO)).await?;
        world.suffer(fault::kills(asked.kills, &mut asked.random())).await?;
        world.end()
    };
    asked.told(test, run.await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_step_loses_and_doubles_nothing() -> Result<()> {
    let asked = Asked::of_environment();
    let run = async {
        let mut random = asked.random();
        let mut world = World::new(asked.setup(SETTINGS, Duration::ZERO)).await?;
        for step in fault::soon() {
            world.suffer(fault::crashes(step, asked.crashes(), &mut random)).await?;
        }
        world.end()
    };
    asked.told("a_crash_at_any_step", run.await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_messages_are_parked_or_history_is_trimmed_loses_and_doubles_nothing() -> Result<()> {
    let asked = Asked::of_environment();
    let mut worlds = JoinSet::new();
    for steps in fault::LATE {
        worlds.spawn(async move {
            let mut world = World::new(asked.setup(SETTINGS, PACE)).await?;
            for step in steps {
                // Each takes seconds or minutes to come.
                world.suffer(fault::crashes(*step, 1, &mut asked.random())).await?;
            }
            world.end()
        });
    }
    while let Some(ended) = worlds.join_next().await {
        asked.told("a_crash_while", ended?)?;
    }
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

/// What a run was asked to be.
#[derive(Debug, Clone, Copy)]
struct Asked {
    seed: u64,
    /// Of each kind.
    kills: u64,
}

impl Asked {
    fn of_environment() -> Self {
        let number = |name, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"));
        Self { seed: number("HYDRA_CHAOS_SEED", 1), kills: number("HYDRA_CHAOS_KILLS", KILLS) }
    }

    fn random(self) -> Rng {
        Rng::with_seed(self.seed)
    }

    /// At each step.
    fn crashes(self) -> u64 {
        CRASHES.max(self.kills / Step::ALL.len() as u64)
    }

    fn setup(self, settings: &str, pace: Duration) -> Setup<'_> {
        Setup { settings, pace, seed: self.seed }
    }

    /// The report, or how to see the failure again: the same choices, though not the same instructions.
    fn told(self, test: &str, ended: Result<Report>) -> Result<()> {
        let Self { seed, kills } = self;
        let command = || format!("to repeat it: just chaos --kills {kills} --seed {seed} --only {test}");
        let report = ended.with_context(command)?;
        eprintln!("{test}, seed {seed}:\n{report}");
        Ok(())
    }
}
