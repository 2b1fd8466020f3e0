//! What guests wait for: timers, requests, answers in later turns; and what they are told when they ask for too much.

use std::time::Duration;

use bytes::Bytes;
use hydra::clock::Time;
use hydra::effects::{Answered, Ending};
use hydra::id::{BucketId, Cursor, Seq};
use hydra::timer::{COUNT_MAX, Missed, Schedule, Waits, When};
use hydra::wasm::{Handled, Input};
use hydra_tests::guest::Guest;
use hydra_tests::turns::{NOW, input, load, message, problem, reply, run, turn};

/// A guest that sets the timer `tea` with the body `x`: a schedule's number and its fields, `fire-once` or `skip`.
fn setter(schedule: &str, missed: u32) -> Guest {
    let body = format!(
        "(call $timers.set (i32.const 256) (i32.const 3) {schedule} (i32.const 300) (i32.const 1) (i32.const {missed}))
         (call $done)"
    );
    Guest::new(&body).calls(&["timers.set"]).text(256, "tea").text(300, "x")
}

fn number(schedule: u32, milliseconds: u64) -> String {
    format!("(i32.const {schedule}) (i64.const {milliseconds}) (i32.const 0) (i32.const 0) (i32.const 0)")
}

fn cron(expression: &str, zone: &str) -> Guest {
    let fields = format!(
        "(i32.const 3) (i64.const 400) (i32.const {}) (i32.const 500) (i32.const {})",
        expression.len(),
        zone.len()
    );
    setter(&fields, 1).text(400, expression).text(500, zone)
}

#[track_caller]
fn is_denied(handled: &Handled, code: &str, with: &str) {
    let problem = problem(handled);
    assert!(problem.code == code && problem.text.contains(with), "{problem:?}");
}

#[tokio::test]
async fn timers_are_part_of_the_effects() {
    let at = |due: u64| (Schedule::Once, Time(due));
    let every = (Schedule::Every { ms: 5_000 }, Time(NOW.0 + 5_000));
    for (guest, (schedule, due), missed) in [
        (setter(&number(0, 7), 0), at(7), Missed::FireOnce),
        (setter(&number(1, 250), 0), at(NOW.0 + 250), Missed::FireOnce),
        (setter(&number(2, 5_000), 1), every, Missed::Skip),
    ] {
        let handled = run(guest.build(), "").await;
        let waits = handled.effects.waits.unwrap_or_else(|| panic!("{:?}", handled.result));
        let [timer] = &waits.timers[..] else { panic!("{waits:?}") };
        assert_eq!((&timer.schedule, timer.due, timer.missed), (&schedule, due, missed));
        assert_eq!((timer.name.as_str(), &timer.body[..], timer.generation.seq), ("tea", b"x".as_slice(), Seq(1)));
    }
    let waits = run(cron("0 9 * * *", "Europe/Berlin").build(), "").await.effects.waits.unwrap();
    assert_eq!(waits.timers[0].due.to_string(), "2023-11-15T08:00:00Z");
}

#[tokio::test]
async fn a_schedule_that_cannot_be_kept_is_denied_in_the_call() {
    is_denied(&run(setter(&number(2, 999), 0).build(), "").await, "bad-schedule", "at least 1000 ms");
    is_denied(&run(cron("0 0 30 2 *", "UTC").build(), "").await, "bad-schedule", "never fires");
    is_denied(&run(cron("0 0 * * *", "Europe/Atlantis").build(), "").await, "bad-schedule", "Europe/Atlantis");
    is_denied(&run(cron("often", "UTC").build(), "").await, "bad-schedule", "timers.set: cron expression \"often\"");
    let unnamed =
        "(call $timers.set (i32.const 256) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (call $done)";
    is_denied(&run(Guest::new(unnamed).calls(&["timers.set"]).build(), "").await, "bad-name", "timer name \"\"");
}

#[tokio::test]
async fn an_actor_has_no_more_timers_than_its_record_holds() {
    let mut waits = Waits::default();
    let generation = Cursor { bucket: BucketId { number: 0, incarnation: 1 }, seq: Seq(1) };
    for number in 0..COUNT_MAX {
        let when = When::After(Duration::from_secs(1));
        waits.set(&format!("t{number}"), when, Missed::FireOnce, Bytes::new(), generation, NOW).unwrap();
    }
    let handler = load(setter(&number(1, 1), 0).build(), "").await;
    let message = message("go", b"");
    let handled = turn(&*handler, Input { waits: &waits, ..input(&message) }).await;
    is_denied(&handled, "too-many-timers", "at most 128 timers");
    let large =
        "(call $timers.set (i32.const 256) (i32.const 3) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 20000) (i32.const 0)) (call $done)";
    let handled = run(Guest::new(large).calls(&["timers.set"]).text(256, "tea").build(), "").await;
    is_denied(&handled, "timers-too-large", "limit 16384");
}

/// A guest that asks `counter/a` and replies with the token.
fn asker(timeout_ms: u64) -> Guest {
    let body = format!(
        "(call $messaging.request (i32.const 256) (i32.const 7) (i32.const 270) (i32.const 1)
           (i32.const 270) (i32.const 1) (i32.const 270) (i32.const 1) (i64.const {timeout_ms})
           (i32.const 280) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))
         (call $reply (i32.load (i32.const 512)) (i32.load (i32.const 516)))"
    );
    Guest::new(&body).calls(&["messaging.request"]).text(256, "counter").text(270, "a").text(280, "memo")
}

#[tokio::test]
async fn a_request_is_a_send_that_somebody_waits_for() {
    let handler = load(asker(5_000).build(), "").await;
    let mut message = message("go", b"");
    let first = turn(&*handler, input(&message)).await;
    let (send, pending) = (&first.effects.sends[0], &first.effects.waits.as_ref().unwrap().requests[0]);
    let awaited = send.awaited.as_ref().unwrap();
    assert_eq!((reply(&first), pending.token.as_str()), (awaited.token.as_bytes(), awaited.token.as_str()));
    assert_eq!(
        (&pending.memo[..], pending.due, awaited.due),
        (b"memo".as_slice(), Time(NOW.0 + 5_000), Time(NOW.0 + 5_000))
    );
    // Another turn's token is another; a deadline is never passed.
    message.deadline = Some(Time(NOW.0 + 9));
    let other = turn(&*handler, Input { random_key: [8; 32], ..input(&message) }).await;
    assert_ne!(reply(&first), reply(&other));
    assert_eq!(other.effects.sends[0].awaited.as_ref().unwrap().due, Time(NOW.0 + 9));
    is_denied(&run(asker(0).build(), "").await, "bad-timeout", "not 0");
    is_denied(&run(asker(u64::MAX >> 1).build(), "").await, "bad-timeout", "1 ms to 2592000000 ms");
}

#[tokio::test]
async fn the_end_of_a_request_comes_with_its_memo_and_a_reply_token_is_an_option() {
    // The answer lies behind the reply token: whether there is one, its token and memo.
    let told = Guest::new(
        "(if (i32.eqz (i32.load8_u offset=80 (local.get $msg))) (then (return (call $done))))
         (call $reply (i32.load offset=92 (local.get $msg)) (i32.load offset=96 (local.get $msg)))",
    );
    let (handler, message) = (load(told.build(), "").await, message("go", b""));
    let answer = Answered { token: "t".into(), memo: Bytes::from_static(b"memo"), ending: Ending::TimedOut };
    assert_eq!(reply(&turn(&*handler, Input { answer: Some(&answer), ..input(&message) }).await), b"memo");
    let plain = turn(&*handler, Input { reply_token: Some("sealed".into()), ..input(&message) }).await;
    assert!(plain.result.is_ok(), "{plain:?}");
}

#[tokio::test]
async fn who_forgets_itself_waits_for_nothing() {
    let mut waits = Waits::default();
    let generation = Cursor { bucket: BucketId { number: 0, incarnation: 1 }, seq: Seq(1) };
    waits.set("old", When::At(Time(1)), Missed::FireOnce, Bytes::new(), generation, NOW).unwrap();
    let guest = Guest::new("(call $state.delete) (call $done)").calls(&["state.delete"]);
    let (handler, message) = (load(guest.build(), "").await, message("go", b""));
    let handled = turn(&*handler, Input { waits: &waits, ..input(&message) }).await;
    assert_eq!(handled.effects.waits, Some(Waits::default()));
    let cancels =
        Guest::new("(call $timers.cancel (i32.const 256) (i32.const 3)) (call $done)").calls(&["timers.cancel"]);
    let handler = load(cancels.text(256, "old").build(), "").await;
    let handled = turn(&*handler, Input { waits: &waits, ..input(&message) }).await;
    assert_eq!(handled.effects.waits, Some(Waits::default()));
}
