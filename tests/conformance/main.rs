//! The laws of the seam (`host/src/backend/mod.rs`), each a function that is run against every backend.
//! A test's name says the law. `world` is a store of one kind whose time the test moves; `embedded` holds what only
//! that store promises. Never looks below the seam.

// So that the lints know: everything here is a test.
#![cfg(test)]

mod blobs;
mod embedded;
mod inbox;
mod log;
mod notices;
mod parked;
mod table;
mod world;

/// Runs each law against each backend, as a test of its own.
macro_rules! laws {
    ($($area:ident: $($law:ident)+;)+) => {
        mod memory {
            $(mod $area {
                $(#[tokio::test(start_paused = true)]
                async fn $law() {
                    crate::$area::$law(&mut crate::world::World::memory()).await;
                })+
            })+
        }
        mod embedded_fsync {
            $(mod $area {
                $(#[tokio::test]
                async fn $law() {
                    crate::$area::$law(&mut crate::world::World::embedded(hydra::config::Durability::Fsync)).await;
                })+
            })+
        }
        mod embedded_os {
            $(mod $area {
                $(#[tokio::test]
                async fn $law() {
                    crate::$area::$law(&mut crate::world::World::embedded(hydra::config::Durability::Os)).await;
                })+
            })+
        }
        mod nats {
            $(mod $area {
                $(#[tokio::test]
                async fn $law() {
                    crate::$area::$law(&mut crate::world::World::nats().await).await;
                })+
            })+
        }
    };
}

/// Runs some of them against three servers that keep copies, which takes longer.
macro_rules! replicated_laws {
    ($($area:ident: $($law:ident)+;)+) => {
        mod nats_replicated {
            $(mod $area {
                $(#[tokio::test]
                async fn $law() {
                    crate::$area::$law(&mut crate::world::World::replicated().await).await;
                })+
            })+
        }
    };
}

laws! {
    log:
        an_id_is_stored_once_within_the_window
        an_id_is_stored_once_within_one_call
        an_id_in_another_stream_is_another_message
        an_id_is_recognised_after_a_reopening
        messages_of_one_call_keep_their_order
        positions_are_not_reused_when_all_is_trimmed
        positions_of_dead_letters_are_not_reused
        the_time_of_storing_stands_in_for_a_missing_one
        time_never_goes_back
        reading_sees_what_was_stored_before
        reading_pages_in_order_until_there_are_no_more
        dead_letters_are_read_by_all_or_by_actor
        a_dead_letter_is_removed_once
        earlier_copies_are_found_at_their_first_position
        history_is_complete_unless_something_since_was_trimmed
        what_is_too_large_is_refused_and_nothing_is_stored
        nothing_is_appended_by_an_empty_call;
    inbox:
        messages_come_in_order_and_once
        what_was_stored_before_the_opening_comes_too
        a_reader_far_behind_gets_everything
        a_dropped_next_loses_nothing
        unacknowledged_messages_come_again_after_a_reopening
        the_floor_is_never_above_what_was_acknowledged
        a_lower_epoch_is_closed
        an_earlier_opening_is_closed
        a_waiting_reader_hears_that_it_is_closed
        an_opening_that_never_settles_costs_nothing
        an_opening_below_a_settled_one_cannot_settle
        trimming_keeps_the_message_and_all_behind
        messages_go_to_their_own_bucket
        an_unknown_bucket_is_closed
        a_bucket_tells_what_is_not_acknowledged
        an_incarnation_is_kept_and_never_goes_back;
    parked:
        parked_messages_are_read_by_actor_in_order
        a_parked_id_is_stored_once_within_the_window
        trimming_keeps_later_messages_and_other_actors
        positions_are_not_reused_when_all_is_trimmed
        actors_are_listed_by_bucket;
    table:
        of_two_writes_with_one_expectation_one_is_written
        many_racing_writers_lose_no_step
        a_write_that_is_not_expected_stores_nothing
        a_revision_grows_across_delete_and_expiry
        a_revision_grows_across_a_reopening
        own_writes_are_seen
        a_row_expires_no_earlier_than_asked
        a_later_write_ends_the_expiry
        an_expired_row_is_absent_to_every_expectation
        removing_follows_the_expectation
        keys_are_listed_in_order_and_by_pages
        tables_do_not_see_each_other
        a_watch_tells_changes_in_order
        headers_and_empty_values_survive
        what_is_too_large_is_refused;
    blobs:
        bytes_are_read_by_their_digest
        bytes_may_be_kept_twice;
    notices:
        whoever_follows_hears_from_now_on
        nobody_following_is_noticed;
}

// What copies on several servers make harder. All laws are run so with HYDRA_CONFORMANCE_REPLICAS=3.
replicated_laws! {
    log:
        an_id_is_stored_once_within_one_call
        messages_of_one_call_keep_their_order
        reading_sees_what_was_stored_before;
    inbox:
        messages_come_in_order_and_once
        unacknowledged_messages_come_again_after_a_reopening;
    table:
        of_two_writes_with_one_expectation_one_is_written
        many_racing_writers_lose_no_step
        own_writes_are_seen
        headers_and_empty_values_survive;
}
