//! What these tests share: guests on a stage, scenarios as text.

use hydra::id::Kind;
use hydra::manifest::Manifest;
use hydra::scenario::{Component, Options, Report, Scenario, Stage, parse};
use hydra_tests::guest::Guest;

/// A component of this kind.
pub(crate) fn component(kind: &str, guest: &Guest, manifest: &str) -> Component {
    let manifest = Manifest::parse(manifest).unwrap();
    Component { kind: Kind::new(kind).unwrap(), bytes: guest.build(), manifest }
}

/// A scenario from its text.
pub(crate) fn scenario(text: &str) -> Scenario {
    parse("scenarios/some.toml", text, &|_| Err(std::io::ErrorKind::NotFound.into()))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a scenario as these options say.
pub(crate) fn play_with(text: &str, cast: &[Component], options: &Options) -> Report {
    let mut stage = Stage::new(None).unwrap();
    stage.test(&scenario(text), cast, options, &mut |_, _| {}).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a scenario in all its variants.
pub(crate) fn play(text: &str, guest: &Guest) -> Report {
    play_with(text, &[component("test", guest, "")], &Options::default())
}

/// Runs a scenario that passes.
pub(crate) fn passes(text: &str, guest: &Guest) -> Report {
    let report = play(text, guest);
    assert!(report.passed, "{report:#?}");
    report
}

/// `[[step]]`s that send or ask something of `test/a`: `ask add`, `send add`.
pub(crate) fn steps(lines: &[&str]) -> String {
    let step = |line: &&str| {
        let (verb, subject) = line.split_once(' ').unwrap();
        format!("[[step]]\n{verb} = \"test/a\"\nsubject = \"{subject}\"\n")
    };
    lines.iter().map(step).collect()
}

/// Sends `again` with the body 42 to KIND/b, so often for every message.
pub(crate) fn forwarding(kind: &str, times: usize) -> Guest {
    let len = kind.len();
    let send = format!(
        "(call $messaging.send (i32.const 256) (i32.const {len}) (i32.const 512) (i32.const 1)
           (i32.const 1024) (i32.const 5) (i32.const 4096) (i32.const 2)
           (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))"
    );
    Guest::new(&format!("{} (call $done)", send.repeat(times)))
        .calls(&["messaging.send"])
        .text(256, kind)
        .text(512, "b")
        .text(1024, "again")
        .text(4096, "42")
}

/// Replies how many turns this instance has had, which no guest should know.
pub(crate) fn remembering() -> Guest {
    Guest::new(
        "(global.set $turns (i32.add (global.get $turns) (i32.const 1)))
         (i32.store8 (i32.const 256) (i32.add (i32.const 48) (global.get $turns)))
         (call $state.set (i32.const 256) (i32.const 1))
         (call $reply (i32.const 256) (i32.const 1))",
    )
    .calls(&["state.set"])
    .with("(global $turns (mut i32) (i32.const 0))")
}

/// Keeps the turn's time in its state and replies with it: 8 bytes.
pub(crate) fn telling_time() -> Guest {
    Guest::new(
        "(i64.store (i32.const 256) (call $runtime.now-ms))
         (call $state.set (i32.const 256) (i32.const 8))
         (call $reply (i32.const 256) (i32.const 8))",
    )
    .calls(&["runtime.now-ms", "state.set"])
}

/// Keeps 8 random bytes in its state and replies with them.
pub(crate) fn drawing() -> Guest {
    Guest::new(
        "(call $runtime.random (i32.const 8) (i32.const 256))
         (call $state.set (i32.load (i32.const 256)) (i32.const 8))
         (call $reply (i32.load (i32.const 256)) (i32.const 8))",
    )
    .calls(&["runtime.random", "state.set"])
}
