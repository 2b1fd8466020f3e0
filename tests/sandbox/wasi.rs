//! Guests that bring WASI along: it links, it gives the turn's values, and it leads nowhere.

use hydra::effects::Level;
use hydra_tests::guest::Guest;
use hydra_tests::turns::{NOW, input, load, message, problem, reply, run, turn};

/// As much of WASI 0.2 as these guests use.
const WASI: &str = "
package wasi:io@0.2.0 {
  interface error { resource error; }
  interface poll { resource pollable { block: func(); } }
  interface streams {
    use error.{error};
    variant stream-error { last-operation-failed(error), closed }
    resource output-stream { blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>; }
  }
}
package wasi:cli@0.2.0 {
  interface stdout { use wasi:io/streams@0.2.0.{output-stream}; get-stdout: func() -> output-stream; }
  interface stderr { use wasi:io/streams@0.2.0.{output-stream}; get-stderr: func() -> output-stream; }
  interface environment { get-environment: func() -> list<tuple<string, string>>; }
  interface exit { exit: func(status: result); }
}
package wasi:clocks@0.2.0 {
  interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }
  interface monotonic-clock {
    use wasi:io/poll@0.2.0.{pollable};
    now: func() -> u64;
    subscribe-duration: func(when: u64) -> pollable;
  }
}
package wasi:random@0.2.0 {
  interface random { get-random-u64: func() -> u64; get-random-bytes: func(len: u64) -> list<u8>; }
  interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }
}
package wasi:filesystem@0.2.0 {
  interface types { resource descriptor; }
  interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }
}
world wasi-actor {
  include actor;
  import wasi:cli/stdout@0.2.0; import wasi:cli/stderr@0.2.0; import wasi:cli/environment@0.2.0; import wasi:cli/exit@0.2.0;
  import wasi:clocks/wall-clock@0.2.0; import wasi:clocks/monotonic-clock@0.2.0;
  import wasi:random/random@0.2.0; import wasi:random/insecure-seed@0.2.0; import wasi:filesystem/preopens@0.2.0;
}";

fn guest(handle: &str) -> Guest {
    Guest::new(handle).wit(WASI, "wasi-actor")
}

#[tokio::test]
async fn the_wall_clock_is_the_turns() {
    let clock = guest("(call $now (i32.const 256)) (call $reply (i32.const 256) (i32.const 12))");
    let handled = run(clock.import("wasi:clocks/wall-clock@0.2.0", "now", "now", "(param i32)").build(), "").await;
    let mut expected = (NOW.0 / 1000).to_le_bytes().to_vec();
    expected.extend(u32::try_from(NOW.0 % 1000 * 1_000_000).unwrap().to_le_bytes());
    assert_eq!(reply(&handled), expected);
}

#[tokio::test]
async fn random_numbers_are_the_turns() {
    let body = "(i64.store (i32.const 256) (call $number)) (call $seed (i32.const 264))
                (call $reply (i32.const 256) (i32.const 24))";
    let random = guest(body).import("wasi:random/random@0.2.0", "get-random-u64", "number", "(result i64)").import(
        "wasi:random/insecure-seed@0.2.0",
        "insecure-seed",
        "seed",
        "(param i32)",
    );
    let handler = load(random.build(), "").await;
    let message = message("go", b"");
    let first = turn(&*handler, input(&message)).await;
    assert_eq!(reply(&first), reply(&turn(&*handler, input(&message)).await));
    let other = turn(&*handler, hydra::wasm::Input { random_key: [1; 32], ..input(&message) }).await;
    assert_ne!(reply(&first), reply(&other));

    let greedy = guest("(call $bytes (i64.const 0x1000000000) (i32.const 256)) (call $done)");
    let greedy = greedy.import("wasi:random/random@0.2.0", "get-random-bytes", "bytes", "(param i64 i32)");
    assert_eq!(problem(&run(greedy.build(), "").await).code, "random-too-large");
}

#[tokio::test]
async fn what_is_printed_becomes_log_lines() {
    let write = "[method]output-stream.blocking-write-and-flush";
    let body = "(local $out i32) (local.set $out (call $stdout))
         (call $write (local.get $out) (i32.const 256) (i32.const 5) (i32.const 512))
         (call $write (call $stderr) (i32.const 300) (i32.const 5) (i32.const 512))
         (call $write (local.get $out) (i32.const 261) (i32.const 6) (i32.const 512))
         (call $done)";
    let printing = guest(body)
        .import("wasi:cli/stdout@0.2.0", "get-stdout", "stdout", "(result i32)")
        .import("wasi:cli/stderr@0.2.0", "get-stderr", "stderr", "(result i32)")
        .import("wasi:io/streams@0.2.0", write, "write", "(param i32 i32 i32 i32)")
        .text(256, "hello you\nx")
        .text(300, "oops\n");
    let handled = run(printing.build(), "").await;
    let lines: Vec<_> = handled.logs.iter().map(|line| (line.level, line.text.as_str())).collect();
    assert_eq!(lines, [(Level::Warn, "oops"), (Level::Info, "hello you"), (Level::Info, "x")], "{handled:?}");

    let flood = guest(
        "(local $out i32) (local.set $out (call $stdout))
         (memory.fill (i32.const 256) (i32.const 10) (i32.const 4000))
         (loop $again
           (call $write (local.get $out) (i32.const 256) (i32.const 4000) (i32.const 64))
           (global.set $n (i32.add (global.get $n) (i32.const 1)))
           (br_if $again (i32.lt_u (global.get $n) (i32.const 100))))
         (call $done)",
    )
    .with("(global $n (mut i32) (i32.const 0))")
    .import("wasi:cli/stdout@0.2.0", "get-stdout", "stdout", "(result i32)")
    .import("wasi:io/streams@0.2.0", write, "write", "(param i32 i32 i32 i32)");
    let handled = run(flood.build(), "").await;
    assert_eq!((handled.logs.len(), handled.log_lines_dropped), (100, 100 * 4000 - 100), "{:?}", handled.result);
}

#[tokio::test]
async fn a_guest_that_waits_is_held_to_its_wall_time() {
    let sleep = guest("(call $block (call $after (i64.const 3600000000000))) (call $done)")
        .import("wasi:clocks/monotonic-clock@0.2.0", "subscribe-duration", "after", "(param i64) (result i32)")
        .import("wasi:io/poll@0.2.0", "[method]pollable.block", "block", "(param i32)");
    let handled = run(sleep.build(), "limits.wall_ms_max = 20").await;
    assert_eq!(problem(&handled).code, "wall-limit", "{handled:?}");
    assert!(!handled.reusable);

    let nap = guest("(call $block (call $after (i64.const 1000000))) (call $done)")
        .import("wasi:clocks/monotonic-clock@0.2.0", "subscribe-duration", "after", "(param i64) (result i32)")
        .import("wasi:io/poll@0.2.0", "[method]pollable.block", "block", "(param i32)");
    assert!(run(nap.build(), "").await.result.is_ok());
}

#[tokio::test]
async fn resources_are_bounded() {
    let hoard = guest("(loop $again (drop (call $after (i64.const 1))) (br $again)) unreachable").import(
        "wasi:clocks/monotonic-clock@0.2.0",
        "subscribe-duration",
        "after",
        "(param i64) (result i32)",
    );
    let handled = run(hoard.build(), "").await;
    assert_eq!(problem(&handled).code, "trap", "{handled:?}");
}

#[tokio::test]
async fn there_is_no_environment_and_no_file() {
    let body = "(call $environment (i32.const 256)) (call $directories (i32.const 264))
                (call $reply (i32.const 256) (i32.const 16))";
    let looking = guest(body)
        .import("wasi:cli/environment@0.2.0", "get-environment", "environment", "(param i32)")
        .import("wasi:filesystem/preopens@0.2.0", "get-directories", "directories", "(param i32)");
    let handled = run(looking.build(), "").await;
    let lengths = (&reply(&handled)[4..8], &reply(&handled)[12..16]);
    assert_eq!(lengths, ([0; 4].as_slice(), [0; 4].as_slice()));
}

#[tokio::test]
async fn an_exit_is_a_trap_that_names_the_code() {
    let exiting = guest("(call $exit (i32.const 1)) (call $done)");
    let handled = run(exiting.import("wasi:cli/exit@0.2.0", "exit", "exit", "(param i32)").build(), "").await;
    assert_eq!(problem(&handled).code, "trap");
    assert!(problem(&handled).text.contains("exit code 1"), "{handled:?}");
}
