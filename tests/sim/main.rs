//! Simulation: real nodes on one store, everything that can go wrong, one seed. See `docs/reliability.md`.

mod guests;
mod operators;
mod oracle;
mod rules;
mod scenario;
mod settling;
mod world;

use scenario::Scenario;
use world::run;

/// Seeds of one scenario that every change is checked with; `HYDRA_SIM_SEEDS` asks for more.
const SEEDS: u64 = 8;
/// Turns that a seed makes at least, on average, so that the oracles have something to look at.
const TURNS_MIN: u64 = 1_000;

/// The command that shows a failing simulation again.
fn command(seed: u64, scenario: Scenario) -> String {
    format!("just sim {seed} {}", scenario.name())
}

fn seeds() -> u64 {
    let wanted = std::env::var("HYDRA_SIM_SEEDS").ok();
    wanted.map_or(SEEDS, |seeds| seeds.parse().expect("HYDRA_SIM_SEEDS is a number"))
}

/// Runs every seed twice: nothing is lost, doubled or out of order, and both histories are the same.
fn survives(scenario: Scenario) {
    let mut turns = 0_u64;
    let seeds = seeds();
    for seed in 0..seeds {
        let (first, second) = (run(seed, scenario, None), run(seed, scenario, None));
        let command = command(seed, scenario);
        eprintln!(
            "MEASURE {} {seed} turns {} events {} parkings {}",
            scenario.name(),
            first.turns,
            first.events.len(),
            first.parkings
        );
        if !first.complaints.is_empty() {
            eprintln!("COMPLAINT {command}: {:?}", first.complaints);
            continue;
        }
        let differs = first.events.iter().zip(&second.events).find(|(one, other)| one != other);
        assert_eq!(differs, None, "the same seed is another history: {command}");
        assert_eq!(first.events.len(), second.events.len(), "the same seed is another history: {command}");
        turns += (first.turns + second.turns) as u64;
    }
    assert!(turns >= TURNS_MIN * seeds, "{turns} turns are too few to tell");
}

#[test]
fn hosts_that_are_killed_neither_lose_nor_double_anything() {
    survives(Scenario::Crashes);
}

#[test]
fn hosts_that_take_over_from_each_other_neither_lose_nor_double_anything() {
    survives(Scenario::Takeovers);
}

#[test]
fn hosts_that_are_cut_off_neither_lose_nor_double_anything() {
    survives(Scenario::Cuts);
}

#[test]
fn actors_that_are_parked_neither_lose_nor_double_anything() {
    survives(Scenario::Parking);
}

#[test]
fn answers_that_are_lost_neither_lose_nor_double_anything() {
    survives(Scenario::LostAnswers);
}

#[test]
fn hosts_that_stand_still_neither_lose_nor_double_anything() {
    survives(Scenario::Pauses);
}

#[test]
fn copies_that_come_late_neither_lose_nor_double_anything() {
    survives(Scenario::LateCopies);
}

#[test]
fn trimmed_history_neither_loses_nor_doubles_anything() {
    survives(Scenario::Trimming);
}

#[test]
fn all_of_it_at_once_neither_loses_nor_doubles_anything() {
    survives(Scenario::Everything);
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
