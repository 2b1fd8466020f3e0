//! What a turn asks for: state, sends, answers; and what it may not ask for.

use bytes::Bytes;
use hydra::effects::{Effects, Fault, Level, Outcome, StateChange};
use hydra::id::ActorId;
use hydra::message::Headers;
use hydra::wasm::Handled;
use hydra_tests::guest::{BODY, Guest};
use hydra_tests::turns::{NOW, input, load, message, problem, reply, run, state_after, turn};

/// A call that is not allowed: no effects, the code, and the words that lead on.
fn assert_denied(handled: &Handled, code: &str, texts: &[&str]) {
    assert!(matches!(handled.result, Err(Fault::Denied(_))), "{handled:?}");
    assert_eq!(problem(handled).code, code, "{handled:?}");
    for text in texts {
        assert!(problem(handled).text.contains(text), "{text}: {handled:?}");
    }
    assert_eq!(handled.effects, Effects::default());
}

/// Sends `body-len` bytes to KIND/ID with the subject "go".
fn sender(kind: &str, id: &str, subject: &str, body_len: u32) -> Guest {
    let (kind_len, id_len, subject_len) = (kind.len(), id.len(), subject.len());
    Guest::new(&format!(
        "(call $state.set (i32.const 256) (i32.const 1))
         (call $messaging.send (i32.const 256) (i32.const {kind_len}) (i32.const 512) (i32.const {id_len})
           (i32.const 1024) (i32.const {subject_len}) (i32.const 4096) (i32.const {body_len})
           (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
         (call $done)"
    ))
    .calls(&["messaging.send", "state.set"])
    .pages(8)
    .text(256, kind)
    .text(512, id)
    .text(1024, subject)
    .text(4096, "hello")
}

#[tokio::test]
async fn a_counter_counts_over_its_state_bytes() {
    let handler = load(Guest::counter().build(), "").await;
    let mut state: Option<Bytes> = None;
    for expected in 1_u64..=3 {
        let message = message("add", b"");
        let handled = turn(&*handler, hydra::wasm::Input { state: state.clone(), ..input(&message) }).await;
        assert_eq!(reply(&handled), expected.to_le_bytes());
        assert!(handled.reusable);
        state = state_after(state, &handled);
    }
    assert_eq!(state.as_deref(), Some(3_u64.to_le_bytes().as_slice()));
}

#[tokio::test]
async fn a_body_comes_back_as_it_was_sent() {
    let (at, len) = BODY;
    let echo =
        format!("(call $reply (i32.load offset={at} (local.get $msg)) (i32.load offset={len} (local.get $msg)))");
    let handler = load(Guest::new(&echo).build(), "").await;
    for body in [b"".as_slice(), b"hello", &[0xff; 200_000]] {
        assert_eq!(reply(&turn(&*handler, input(&message("echo", body))).await), body);
    }
}

#[tokio::test]
async fn later_is_passed_on_and_failures_keep_the_instance() {
    assert_eq!(run(Guest::new("(call $later)").build(), "").await.result, Ok(Outcome::Later));
    for (kind, name) in ["Refuse", "Fail", "Retry", "Suspend"].iter().enumerate() {
        let body = format!(
            "(call $state.set (i32.const 256) (i32.const 4))
             (call $failed (i32.const {kind}) (i32.const 256) (i32.const 4) (i32.const 260) (i32.const 3))"
        );
        let handled = run(Guest::new(&body).calls(&["state.set"]).text(256, "codewhy").build(), "").await;
        assert!(format!("{:?}", handled.result).starts_with(&format!("Err({name}")), "{handled:?}");
        assert_eq!((problem(&handled).code.as_str(), problem(&handled).text.as_str()), ("code", "why"));
        assert!(handled.reusable);
        assert_eq!(handled.effects, Effects::default());
    }
}

#[tokio::test]
async fn a_set_after_a_delete_begins_afresh() {
    let body = "(call $state.set (i32.const 256) (i32.const 1)) (call $state.delete) (call $state.get (i32.const 512))
                (if (i32.load8_u (i32.const 512)) (then unreachable))";
    let calls = ["state.set", "state.delete", "state.get"];
    let deleted = run(Guest::new(&format!("{body} (call $done)")).calls(&calls).build(), "").await;
    assert_eq!(deleted.effects.state, StateChange::Delete, "{deleted:?}");
    let again = format!("{body} (call $state.set (i32.const 256) (i32.const 2)) (call $done)");
    let set = run(Guest::new(&again).calls(&calls).text(256, "ab").build(), "").await;
    assert_eq!(set.effects.state, StateChange::Set(Bytes::from_static(b"ab")));
}

#[tokio::test]
async fn a_guest_knows_who_and_when_it_is() {
    let guest = Guest::new(
        "(call $runtime.self (i32.const 256))
         (i64.store (i32.load (i32.const 264)) (call $runtime.now-ms))
         (call $reply (i32.load (i32.const 264)) (i32.const 8))",
    );
    let handled = run(guest.calls(&["runtime.self", "runtime.now-ms"]).build(), "").await;
    assert_eq!(reply(&handled), NOW.0.to_le_bytes());
    let guest = Guest::new(
        "(call $runtime.config (i32.const 300) (i32.const 6) (i32.const 256))
         (if (i32.eqz (i32.load8_u (i32.const 256))) (then (return (call $done))))
         (call $reply (i32.load (i32.const 260)) (i32.load (i32.const 264)))",
    );
    let guest = guest.calls(&["runtime.config"]).text(300, "colour").build();
    assert_eq!(run(guest.clone(), "").await.result, Ok(Outcome::Done));
    assert_eq!(reply(&run(guest, "config.colour = \"red\"").await), b"red");
}

#[tokio::test]
async fn random_bytes_follow_the_turns_key_and_move_on_within_the_turn() {
    let guest = Guest::new(
        "(call $runtime.random (i32.const 24) (i32.const 256))
         (call $runtime.random (i32.const 8) (i32.const 264))
         (i64.store (i32.load (i32.const 256)) (i64.load (i32.load (i32.const 264))))
         (call $reply (i32.load (i32.const 256)) (i32.const 24))",
    );
    let handler = load(guest.calls(&["runtime.random"]).build(), "").await;
    let message = message("go", b"");
    let first = turn(&*handler, input(&message)).await;
    let again = turn(&*handler, input(&message)).await;
    assert_eq!(reply(&first), reply(&again));
    assert_ne!(reply(&first)[..8], reply(&first)[8..16], "the second call went on where the first had ended");
    let other = turn(&*handler, hydra::wasm::Input { random_key: [8; 32], ..input(&message) }).await;
    assert_ne!(reply(&first), reply(&other));

    let greedy = Guest::new("(call $runtime.random (i32.const 65537) (i32.const 256)) (call $done)");
    let handled = run(greedy.calls(&["runtime.random"]).build(), "").await;
    assert_denied(&handled, "random-too-large", &["65537", "65536"]);
}

#[tokio::test]
async fn log_lines_are_lines() {
    let guest = Guest::new("(call $runtime.log (i32.const 3) (i32.const 256) (i32.const 8)) (call $done)");
    let handled = run(guest.calls(&["runtime.log"]).text(256, "one\ntwo\n").build(), "").await;
    let lines: Vec<_> = handled.logs.iter().map(|line| (line.level, line.text.as_str())).collect();
    assert_eq!(lines, [(Level::Warn, "one"), (Level::Warn, "two")]);
}

#[tokio::test]
async fn a_send_is_an_effect() {
    let handled = run(sender("counter", "bob", "order.created", 5).build(), "").await;
    assert!(handled.result.is_ok(), "{handled:?}");
    let [send] = handled.effects.sends.as_slice() else { panic!("{handled:?}") };
    assert_eq!((&send.to, send.subject.as_str()), (&ActorId::parse("counter/bob").unwrap(), "order.created"));
    assert_eq!((&send.body[..], &send.headers), (b"hello".as_slice(), &Headers::default()));
}

#[tokio::test]
async fn a_send_without_a_grant_names_the_line_to_add() {
    let manifest = "[grants]\nsend = [\"mail\"]";
    let handled = run(sender("stock", "1", "go", 5).build(), manifest).await;
    assert_denied(&handled, "denied", &["counter may not send to stock", "send = [\"mail\", \"stock\"]", "[grants]"]);
    assert!(!handled.reusable);
    let granted = run(sender("stock", "1", "go", 5).build(), "[grants]\nsend = [\"mail\", \"stock\"]").await;
    assert_eq!(granted.effects.sends.len(), 1);
}

#[tokio::test]
async fn a_send_with_bad_names_is_denied() {
    let all = "[grants]\nsend = [\"*\"]";
    assert_denied(&run(sender("Stock", "1", "go", 5).build(), all).await, "bad-name", &["Stock"]);
    assert_denied(&run(sender("sys-topic", "1", "go", 5).build(), all).await, "bad-name", &["sys-topic"]);
    assert_denied(&run(sender("stock", "", "go", 5).build(), all).await, "bad-name", &["id"]);
    assert_denied(&run(sender("stock", "1", "timer:x", 5).build(), all).await, "bad-name", &["timer:x"]);
}

#[tokio::test]
async fn sends_are_limited_in_size_and_number() {
    let handled = run(sender("counter", "bob", "go", 300_000).build(), "").await;
    assert_denied(&handled, "body-too-large", &["300000", "262144", "limits.body_bytes_max"]);
    let handled = run(sender("counter", "bob", "go", 200).build(), "limits.sends_bytes_max = 100").await;
    assert_denied(&handled, "sends-too-large", &["205", "100", "limits.sends_bytes_max"]);

    let endless = "(loop $again (call $messaging.send (i32.const 256) (i32.const 7) (i32.const 512) (i32.const 1)
          (i32.const 512) (i32.const 1) (i32.const 256) (i32.const 0)
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (br $again)) unreachable";
    let guest = Guest::new(endless).calls(&["messaging.send"]).text(256, "counter").text(512, "x");
    assert_denied(&run(guest.build(), "").await, "too-many-sends", &["256", "limits.sends_max"]);
}

#[tokio::test]
async fn headers_of_the_host_cannot_be_forged() {
    // A list of one pair at 2048: name at 2100, value at 2200.
    let pair = r#"(data (i32.const 2048) "\34\08\00\00\0c\00\00\00\98\08\00\00\01\00\00\00")"#;
    let send = Guest::new(
        "(call $messaging.send (i32.const 256) (i32.const 7) (i32.const 512) (i32.const 1)
           (i32.const 512) (i32.const 1) (i32.const 256) (i32.const 0)
           (i32.const 1) (i32.const 2048) (i32.const 1) (i32.const 0))
         (call $done)",
    );
    let send = send.calls(&["messaging.send"]).with(pair).text(256, "counter").text(512, "x").text(2200, "x");
    let handled = run(send.clone().text(2100, "Hydra-Sender").build(), "").await;
    assert_denied(&handled, "bad-headers", &["Hydra-Sender"]);
    let handled = run(send.text(2100, "X-Trace-Part").build(), "").await;
    assert_eq!(handled.effects.sends[0].headers.get("x-trace-part"), Some("x"), "{handled:?}");
}

#[tokio::test]
async fn a_state_or_reply_over_its_limit_is_denied() {
    let guest = Guest::new("(call $state.set (i32.const 256) (i32.const 600)) (call $done)").calls(&["state.set"]);
    let handled = run(guest.build(), "limits.state_bytes_max = 512").await;
    assert_denied(&handled, "state-too-large", &["600", "512", "limits.state_bytes_max"]);
    let guest = Guest::new("(call $reply (i32.const 256) (i32.const 600))");
    let handled = run(guest.build(), "limits.body_bytes_max = 512").await;
    assert_denied(&handled, "body-too-large", &["600", "512", "limits.body_bytes_max"]);
}

#[tokio::test]
async fn calls_of_later_versions_say_so() {
    let zero = |count: usize| "(i32.const 0) ".repeat(count);
    let calls = [("messaging.publish", zero(6)), ("messaging.subscribe", zero(2)), ("messaging.unsubscribe", zero(2))];
    for (name, arguments) in calls {
        let guest = Guest::new(&format!("(call ${name} {arguments}) (call $done)")).calls(&[name]);
        assert_denied(&run(guest.build(), "").await, "not-in-this-version", &[name]);
    }
}
