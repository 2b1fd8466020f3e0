//! Guests that break, loop, flood and lie: each ends in a fault that says so, and leaves nothing behind.

use hydra::effects::{Effects, Fault};
use hydra::wasm::Handled;
use hydra_tests::guest::Guest;
use hydra_tests::turns::{problem, run};

/// Every fault that breaks a guest: no effects, and the instance is gone.
fn assert_broken(handled: &Handled, code: &str, text: &str) {
    assert!(matches!(handled.result, Err(Fault::Broken { .. })), "{handled:?}");
    assert_eq!(problem(handled).code, code, "{handled:?}");
    assert!(problem(handled).text.contains(text), "{handled:?}");
    assert_eq!(handled.effects, Effects::default());
    assert!(!handled.reusable);
}

#[tokio::test]
async fn a_trap_is_told_with_its_backtrace_and_without_effects() {
    let guest = Guest::new("(call $state.set (i32.const 256) (i32.const 8)) (call $deeper) unreachable")
        .calls(&["state.set"])
        .with("(func $deeper unreachable)");
    let handled = run(guest.build(), "").await;
    assert_broken(&handled, "trap", "unreachable");
    let Err(Fault::Broken { backtrace, .. }) = &handled.result else { panic!() };
    assert!(backtrace.starts_with("0: deeper @0x") && backtrace.contains("1: "), "{backtrace}");
}

#[tokio::test]
async fn a_division_by_zero_is_a_trap() {
    let handled = run(Guest::new("(i32.div_u (i32.const 1) (i32.const 0))").build(), "").await;
    assert_broken(&handled, "trap", "divide by zero");
}

#[tokio::test]
async fn an_endless_loop_ends_with_its_running_time() {
    let handled = run(Guest::new("(loop $again (br $again)) unreachable").build(), "limits.cpu_ms_max = 10").await;
    assert_broken(&handled, "cpu-limit", "10 ms");
    assert!(problem(&handled).text.contains("limits.cpu_ms_max"));
    assert!(!handled.cpu.is_zero());
}

#[tokio::test]
async fn an_endless_loop_ends_with_its_wall_time() {
    let limits = "limits.cpu_ms_max = 10000\nlimits.wall_ms_max = 20";
    let handled = run(Guest::new("(loop $again (br $again)) unreachable").build(), limits).await;
    assert_broken(&handled, "wall-limit", "20 ms");
}

#[tokio::test]
async fn an_endless_recursion_ends_with_the_stack() {
    let guest = Guest::new("(call $down (i32.const 0))")
        .with("(func $down (param i32) (result i32) (i32.add (call $down (local.get 0)) (i32.const 1)))");
    let handled = run(guest.build(), "").await;
    assert_broken(&handled, "trap", "call stack exhausted");
    let Err(Fault::Broken { backtrace, .. }) = &handled.result else { panic!() };
    assert!(backtrace.lines().count() <= 16 && backtrace.len() <= 4096, "{backtrace}");
}

#[tokio::test]
async fn memory_without_end_is_refused_and_the_trap_after_it_says_so() {
    let grow = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    let handled = run(Guest::new(grow).build(), "limits.memory_bytes_max = 4194304").await;
    assert_broken(&handled, "out-of-memory", "limit 4194304 (limits.memory_bytes_max");
}

#[tokio::test]
async fn a_guest_that_lives_without_more_memory_is_no_fault() {
    let grow = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (call $done)";
    let handled = run(Guest::new(grow).build(), "").await;
    assert!(handled.result.is_ok() && handled.reusable, "{handled:?}");
}

#[tokio::test]
async fn a_result_that_claims_gigabytes_is_a_lie() {
    let handled = run(Guest::new("(call $reply (i32.const 256) (i32.const 0xdd000000))").build(), "").await;
    assert_broken(&handled, "trap", "out of bounds");
}

#[tokio::test]
async fn a_result_at_an_odd_address_is_a_lie() {
    assert_broken(&run(Guest::new("(i32.const 3)").build(), "").await, "trap", "not aligned");
    assert_broken(&run(Guest::new("(i32.const -8)").build(), "").await, "trap", "out of bounds");
}

#[tokio::test]
async fn a_bad_pointer_in_a_host_call_is_a_lie() {
    let guest = Guest::new("(call $state.set (i32.const -16) (i32.const 64)) (call $done)").calls(&["state.set"]);
    assert_broken(&run(guest.build(), "").await, "trap", "out of bounds");
    let guest = Guest::new("(call $runtime.log (i32.const 2) (i32.const 256) (i32.const 1)) (call $done)")
        .calls(&["runtime.log"])
        .with(r#"(data (i32.const 256) "\ff")"#);
    assert_broken(&run(guest.build(), "").await, "trap", "utf-8");
    let guest = Guest::new("(call $runtime.log (i32.const 99) (i32.const 256) (i32.const 1)) (call $done)");
    assert_broken(&run(guest.calls(&["runtime.log"]).build(), "").await, "trap", "discriminant");
}

#[tokio::test]
async fn more_than_the_host_will_copy_is_a_trap() {
    let guest = Guest::new("(call $state.set (i32.const 256) (i32.const 0x900000)) (call $done)");
    let handled = run(guest.pages(160).calls(&["state.set"]).build(), "").await;
    assert_broken(&handled, "trap", "too much data");
}

#[tokio::test]
async fn a_log_flood_is_counted_and_bounded() {
    let guest = Guest::new(
        "(local $left i32) (local.set $left (i32.const 5000))
         (loop $again
           (call $runtime.log (i32.const 4) (i32.const 256) (i32.const 3000))
           (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
         (call $done)",
    );
    let limits = "limits.log_lines_max = 10\nlimits.log_line_bytes_max = 100";
    let handled = run(guest.calls(&["runtime.log"]).build(), limits).await;
    assert!(handled.result.is_ok(), "{handled:?}");
    assert_eq!((handled.logs.len(), handled.log_lines_dropped), (10, 4990));
    assert!(handled.logs.iter().all(|line| line.text.len() == 100));
}

#[tokio::test]
async fn lines_logged_before_a_trap_are_kept() {
    let guest = Guest::new("(call $runtime.log (i32.const 3) (i32.const 256) (i32.const 4)) unreachable");
    let handled = run(guest.calls(&["runtime.log"]).text(256, "help").build(), "").await;
    assert_broken(&handled, "trap", "unreachable");
    assert_eq!(handled.logs.first().map(|line| line.text.as_str()), Some("help"));
}

#[tokio::test]
async fn a_guests_own_words_are_cut() {
    let guest = Guest::new(
        "(memory.fill (i32.const 8192) (i32.const 120) (i32.const 50000))
         (call $failed (i32.const 1) (i32.const 8192) (i32.const 50000) (i32.const 8192) (i32.const 50000))",
    );
    let handled = run(guest.build(), "").await;
    assert!(matches!(handled.result, Err(Fault::Fail(_))) && handled.reusable, "{handled:?}");
    assert_eq!((problem(&handled).code.len(), problem(&handled).text.len()), (64, 4096));
}

#[tokio::test]
async fn a_guest_that_breaks_while_it_starts_is_refused_when_it_is_deployed() {
    let guest = Guest::new("(call $done)").with("(func $main unreachable) (start $main)");
    let refusal = hydra_tests::turns::try_load(guest.build(), "").await.err().unwrap();
    assert_eq!(refusal.code, "probe-failed");
    assert!(refusal.reason.contains("unreachable") && refusal.reason.contains("main"), "{refusal}");
}
