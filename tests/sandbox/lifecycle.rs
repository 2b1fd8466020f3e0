//! Guests that export `lifecycle`: what is called when, and what its failures mean.

use bytes::Bytes;
use hydra::effects::{Effects, Fault, StateChange};
use hydra::wasm::{Handled, Input};
use hydra_tests::guest::Guest;
use hydra_tests::turns::{input, load, message, problem, try_load, turn};

/// `result<list<u8>, fault>` at 1024: ok, with the state's first byte raised by the version it comes from.
const RAISE: &str = "(i32.store8 (local.get $ptr) (i32.add (i32.load8_u (local.get $ptr)) (local.get $from)))
    (i32.store8 (i32.const 1024) (i32.const 0))
    (i32.store (i32.const 1028) (local.get $ptr)) (i32.store (i32.const 1032) (local.get $len)) (i32.const 1024)";
/// The same, an error.
const REFUSE: &str = "(i32.store8 (i32.const 1024) (i32.const 1))
    (i32.store (i32.const 1028) (i32.const 300)) (i32.store (i32.const 1032) (i32.const 4))
    (i32.store (i32.const 1036) (i32.const 304)) (i32.store (i32.const 1040) (i32.const 3)) (i32.const 1024)";
/// `string` at 1024: the JSON at 310.
const DESCRIBE: &str =
    "(i32.store (i32.const 1024) (i32.const 310)) (i32.store (i32.const 1028) (i32.const 13)) (i32.const 1024)";

fn guest(activated: &str, migrate: &str) -> Guest {
    Guest::new("(call $runtime.log (i32.const 2) (i32.const 330) (i32.const 6)) (call $done)")
        .calls(&["runtime.log", "state.set"])
        .text(300, "codewhy")
        .text(310, "{\"get\": true}")
        .text(330, "handle")
        .text(340, "activated")
        .lifecycle(activated, migrate, DESCRIBE)
}

async fn migrated(migrate: &str, state: &'static [u8], version: u32) -> Handled {
    let handler = load(guest("", migrate).build(), "state_version = 2\nlimits.cpu_ms_max = 20").await;
    let message = message("go", b"");
    turn(&*handler, Input { state: Some(Bytes::from_static(state)), state_version: version, ..input(&message) }).await
}

#[tokio::test]
async fn activated_runs_in_the_first_turn_only() {
    let log = "(call $runtime.log (i32.const 2) (i32.const 340) (i32.const 9))";
    let handler = load(guest(log, "unreachable").build(), "").await;
    let message = message("go", b"");
    let lines = |handled: &Handled| handled.logs.iter().map(|line| line.text.clone()).collect::<Vec<_>>();
    let first = turn(&*handler, Input { activated: true, ..input(&message) }).await;
    assert_eq!(lines(&first), ["activated", "handle"], "{first:?}");
    assert_eq!(lines(&turn(&*handler, input(&message)).await), ["handle"]);
}

#[tokio::test]
async fn state_of_another_version_is_migrated_and_kept() {
    let handled = migrated(RAISE, b"a!", 1).await;
    assert!(handled.result.is_ok(), "{handled:?}");
    assert_eq!(handled.effects.state, StateChange::Set(Bytes::from_static(b"b!")));
    let same = migrated(RAISE, b"a!", 2).await;
    assert_eq!(same.effects.state, StateChange::Keep);
}

#[tokio::test]
async fn whatever_goes_wrong_in_a_migration_suspends_the_actor() {
    let endless = "(loop $again (br $again)) unreachable";
    let too_large = "(drop (memory.grow (i32.const 12))) (i32.store8 (i32.const 1024) (i32.const 0))
        (i32.store (i32.const 1028) (i32.const 0)) (i32.store (i32.const 1032) (i32.const 600000)) (i32.const 1024)";
    let cases =
        [(REFUSE, "code: why"), ("unreachable", "trap"), (endless, "cpu-limit"), (too_large, "state-too-large")];
    for (migrate, text) in cases {
        let handled = migrated(migrate, b"a", 1).await;
        assert!(matches!(handled.result, Err(Fault::Suspend(_))), "{handled:?}");
        assert_eq!(problem(&handled).code, "migrate-failed");
        assert!(problem(&handled).text.contains("version 1") && problem(&handled).text.contains(text), "{handled:?}");
        assert_eq!(handled.effects, Effects::default());
        assert_eq!(handled.reusable, migrate == REFUSE);
    }
}

#[tokio::test]
async fn a_component_describes_itself() {
    let loaded = try_load(guest("", "unreachable").build(), "").await.unwrap();
    assert_eq!(loaded.describe.as_deref(), Some("{\"get\": true}"));
}

#[tokio::test]
async fn a_bad_description_is_a_warning() {
    let bad = Guest::new("(call $done)").calls(&["state.set"]).lifecycle(
        "",
        "unreachable",
        "(call $state.set (i32.const 0) (i32.const 1)) unreachable",
    );
    let loaded = try_load(bad.build(), "").await.unwrap();
    assert_eq!(loaded.describe, None);
    assert!(loaded.warnings.iter().any(|warning| warning.contains("outside a turn")), "{:?}", loaded.warnings);
}

#[tokio::test]
async fn a_state_version_without_a_migration_is_a_warning() {
    let loaded = try_load(Guest::counter().build(), "state_version = 1").await.unwrap();
    assert!(loaded.warnings.iter().any(|warning| warning.contains("state_version = 1")), "{:?}", loaded.warnings);
}
