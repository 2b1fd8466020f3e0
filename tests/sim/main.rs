//! Simulation: real nodes on one store, everything that can go wrong, one seed. See `docs/reliability.md`.

mod guests;
mod oracle;
mod rules;
mod scenario;
mod world;

use scenario::{ALL, Scenario};
use world::run;

/// Seeds of one scenario that every change is checked with; `HYDRA_SIM_SEEDS` asks for more.
const SEEDS: u64 = 14;
/// Turns that those are at least, all scenarios together.
const TURNS_MIN: usize = 20_000;

/// The command that shows a failing simulation again.
fn command(seed: u64, scenario: Scenario) -> String {
    format!("just sim {seed} {}", scenario.name())
}

fn seeds() -> u64 {
    let wanted = std::env::var("HYDRA_SIM_SEEDS").ok();
    wanted.map_or(SEEDS, |seeds| seeds.parse().expect("HYDRA_SIM_SEEDS is a number"))
}

fn survives(scenario: Scenario) -> usize {
    let mut turns = 0;
    for seed in 0..seeds() {
        let (first, second) = (run(seed, scenario, None), run(seed, scenario, None));
        let command = command(seed, scenario);
        assert_eq!(first.complaints, Vec::<String>::new(), "{command}");
        let differs = first.events.iter().zip(&second.events).find(|(one, other)| one != other);
        assert_eq!(differs, None, "the same seed is another history: {command}");
        assert_eq!(first.events.len(), second.events.len(), "the same seed is another history: {command}");
        turns += first.turns + second.turns;
    }
    turns
}

#[test]
fn whatever_happens_nothing_is_lost_doubled_or_out_of_order() {
    let started = std::time::Instant::now();
    let mut turns = 0;
    for scenario in ALL {
        let own = survives(scenario);
        println!("{}: {own} turns, {} ms", scenario.name(), started.elapsed().as_millis());
        turns += own;
    }
    assert!(turns >= TURNS_MIN, "{turns} turns are too few to tell");
}

/// `just sim SEED SCENARIO`: one simulation, told event by event. Without a seed there is nothing to show.
#[test]
fn replay() {
    let Ok(seed) = std::env::var("HYDRA_SIM_SEED") else { return };
    let seed = seed.parse().expect("HYDRA_SIM_SEED is a number");
    let scenario = std::env::var("HYDRA_SIM_SCENARIO").unwrap_or_else(|_| "everything".into());
    let outcome = run(seed, scenario.parse().expect("HYDRA_SIM_SCENARIO is a scenario"), None);
    outcome.events.iter().for_each(|event| println!("{event}"));
    println!("{} turns, {} events", outcome.turns, outcome.events.len());
    assert_eq!(outcome.complaints, Vec::<String>::new());
}
