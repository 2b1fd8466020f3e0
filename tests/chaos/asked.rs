//! What a run was asked to be, by its environment, and how its worlds are run and told of.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use fastrand::Rng;
use hydra::crash::Step;
use tokio::task::JoinSet;

use crate::fault::Fault;
use crate::report::{Progress, Report};
use crate::world::{Setup, World};

/// Kills of each kind that every change is checked with.
const KILLS: u64 = 50;
/// Crashes at each step that every change is checked with.
const CRASHES: u64 = 2;

/// Seed and length of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) seed: u64,
    /// Of each kind.
    pub(crate) kills: u64,
}

/// Worlds of one test, each with what happens in it, one list after the other.
pub(crate) type Plans = Vec<(Setup, Vec<Vec<Fault>>)>;

impl Asked {
    /// As `HYDRA_CHAOS_SEED` and `HYDRA_CHAOS_KILLS` say.
    pub(crate) fn of_environment() -> Self {
        let number = |name, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"));
        Self { seed: number("HYDRA_CHAOS_SEED", 1), kills: number("HYDRA_CHAOS_KILLS", KILLS) }
    }

    pub(crate) fn random(self) -> Rng {
        Rng::with_seed(self.seed)
    }

    /// Whether it is to be longer than what every change is checked with.
    fn longer(self) -> u64 {
        self.kills / KILLS
    }

    /// At each step.
    pub(crate) fn crashes(self) -> u64 {
        CRASHES.max(self.kills / Step::ALL.len() as u64)
    }

    /// At each step, or of anything else, where each takes half a minute.
    pub(crate) fn slow_crashes(self) -> u64 {
        self.longer().max(1)
    }

    /// Kills of each of so many worlds.
    pub(crate) fn share(self, worlds: usize) -> u64 {
        self.kills.div_ceil(worlds as u64)
    }

    /// Of what is no kill and takes seconds: half as many.
    pub(crate) fn long_share(self, worlds: usize) -> u64 {
        self.share(2 * worlds)
    }

    /// Runs worlds beside each other, and tells of all of them together.
    ///
    /// # Errors
    /// What went wrong first, and how to see it again: the same choices, though not the same instructions.
    pub(crate) async fn run(self, test: &str, plans: Plans) -> Result<()> {
        let Self { seed, kills } = self;
        let command = || format!("to repeat it: just chaos --kills {kills} --seed {seed} --only {test}");
        let faults = plans.iter().flat_map(|(_, rounds)| rounds).map(Vec::len).sum();
        let progress = Arc::new(Progress::new(test, faults));
        let mut worlds = JoinSet::new();
        for (number, (setup, rounds)) in plans.into_iter().enumerate() {
            let progress = progress.clone();
            worlds.spawn(async move {
                let mut world = World::new(&setup, seed + number as u64, progress).await?;
                for faults in rounds {
                    world.suffer(faults).await?;
                }
                world.end()
            });
        }
        let mut report = Report::default();
        while let Some(ended) = worlds.join_next().await {
            report.add(ended?.with_context(command)?);
        }
        eprintln!("{test}, seed {seed}:\n{report}");
        Ok(())
    }
}

/// A world of one host on a folder.
pub(crate) fn embedded(durability: &str, pace: Duration) -> Setup {
    let settings = format!("store.durability = {durability:?}\nstore.retention_s = 60");
    Setup { settings, on_nats: None, pace }
}
