//! The oracles bite: with any one rule of the protocol switched off, the simulation finds it.
//! The host is never changed for this: the faulty store undoes what the rule does.

use hydra_tests::faults::Rule;

use super::scenario::Scenario;
use super::world::run;

/// Seeds within which a missing rule must be found.
const SEEDS: u64 = 240;

#[track_caller]
fn is_found(rule: Rule, scenario: Scenario, by: &[&str]) {
    let complaints = (0..SEEDS).map(|seed| (seed, run(seed, scenario, Some(rule)).complaints));
    let found = complaints
        .into_iter()
        .find(|(_, complaints)| complaints.iter().any(|told| by.iter().any(|by| told.starts_with(by))));
    match found {
        Some((seed, complaints)) => println!("{rule:?}: seed {seed} of {}: {complaints:?}", scenario.name()),
        None => panic!("{rule:?} switched off is not found by {SEEDS} seeds of {}", scenario.name()),
    }
}

#[test]
fn a_write_without_compare_and_swap_is_found() {
    is_found(Rule::CompareAndSwap, Scenario::Pauses, &["doubled", "lost", "goes back"]);
}

#[test]
fn a_copy_with_another_id_is_found() {
    is_found(Rule::SameId, Scenario::LostAnswers, &["doubled"]);
}

#[test]
fn a_copy_with_another_time_is_found() {
    is_found(Rule::SameTime, Scenario::LateCopies, &["doubled"]);
}

#[test]
fn a_late_copy_that_is_not_looked_up_is_found() {
    is_found(Rule::LookUp, Scenario::LateCopies, &["doubled"]);
}

#[test]
fn a_look_up_that_takes_trimmed_history_for_complete_is_found() {
    is_found(Rule::Completeness, Scenario::Trimming, &["doubled"]);
}

#[test]
fn a_deleted_actor_whose_cursor_is_forgotten_is_found() {
    is_found(Rule::Tombstone, Scenario::Pauses, &["doubled"]);
}

#[test]
fn a_message_handled_again_behind_its_cursor_is_found() {
    is_found(Rule::Cursor, Scenario::Crashes, &["doubled", "goes back"]);
}

#[test]
fn an_outbox_that_is_not_handed_over_after_a_crash_is_found() {
    is_found(Rule::Outbox, Scenario::Crashes, &["lost"]);
}

#[test]
fn a_claim_that_begins_behind_unfinished_messages_is_found() {
    is_found(Rule::Floor, Scenario::Crashes, &["lost"]);
}

#[test]
fn an_acknowledgement_ahead_of_the_work_is_found() {
    is_found(Rule::Watermark, Scenario::Crashes, &["lost"]);
}

#[test]
fn a_host_that_never_reads_again_who_owns_a_bucket_is_found() {
    is_found(Rule::Claim, Scenario::Takeovers, &["does not settle"]);
}

#[test]
fn a_parked_message_handled_again_behind_its_position_is_found() {
    is_found(Rule::ParkedPosition, Scenario::Parking, &["doubled", "goes back"]);
}

#[test]
fn parked_messages_out_of_their_order_are_found() {
    is_found(Rule::ParkedOrder, Scenario::Parking, &["lost", "order"]);
}

#[test]
fn a_tick_that_counts_though_its_timer_has_moved_on_is_found() {
    is_found(Rule::Tick, Scenario::Timers, &["doubled"]);
}
