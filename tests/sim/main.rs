//! Simulation: real nodes on one store, everything that can go wrong, one seed. See `docs/reliability.md`.

mod driver;
mod guests;
mod operators;
mod oracle;
mod rules;
mod scenario;
mod settling;
mod waiters;
mod world;

use std::io::Write;

use scenario::{ALL, Scenario};
use world::run;

/// Seeds of one scenario that every change is checked with; `HYDRA_SIM_SEEDS` asks for more.
const SEEDS: usize = 9;
/// Turns that all scenarios together make at least while things go wrong.
const TURNS_MIN: usize = 100_000;

/// The command that shows a failing simulation again.
fn command(seed: u64, scenario: Scenario) -> String {
    format!("just sim {seed} {}", scenario.name())
}

fn seeds() -> usize {
    let wanted = std::env::var("HYDRA_SIM_SEEDS").ok();
    wanted.map_or(SEEDS, |seeds| seeds.parse().expect("HYDRA_SIM_SEEDS is a number"))
}

/// Runs every seed twice: nothing is lost, doubled or out of order, and both histories are the same.
fn survives(scenario: Scenario) {
    let (mut turns, mut parkings, mut failed, seeds) = (0, 0, Vec::new(), seeds());
    for seed in 0..seeds as u64 {
        let again = || run(seed, scenario, None);
        let (first, second) = (again(), again());
        turns += first.turns;
        parkings += first.parkings;
        let is_same = first.events == second.events;
        if !first.complaints.is_empty() || !is_same {
            failed.push((command(seed, scenario), is_same, first.complaints));
        }
    }
    // Not captured: whoever runs the tests sees it.
    let told = format!("simulated {}: {turns} turns with faults, {parkings} parkings\n", scenario.name());
    std::io::stderr().write_all(told.as_bytes()).expect("somewhere to tell it");
    for (command, is_same, complaints) in &failed {
        println!("{command}: the same history again: {is_same}; {complaints:#?}");
    }
    let commands: Vec<&String> = failed.iter().map(|(command, ..)| command).collect();
    assert!(failed.is_empty(), "broken rules are told above; see them happen: {commands:?}");
    let wanted = TURNS_MIN / ALL.len() * seeds / SEEDS;
    assert!(turns >= wanted, "{turns} turns are too few to tell: {wanted} are wanted");
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
fn timers_and_requests_are_each_told_once_and_by_policy() {
    survives(Scenario::Timers);
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
