//! Scenarios that pass: every kind of step, time and randomness that are the scenario's own, several kinds.

use hydra::scenario::{Options, Variant};
use hydra_tests::guest::Guest;

use crate::theatre::{component, drawing, forwarding, passes, play, play_with, steps, telling_time};

#[test]
fn a_component_that_keeps_its_state_passes_every_run() {
    let text = "
        [[step]]
        ask = \"test/a\"
        subject = \"add\"
        expect = { status = \"replied\", base64 = \"AQAAAAAAAAA=\" }
        [[step]]
        send = \"test/a\"
        subject = \"add\"
        [[step]]
        crash = true
        [[step]]
        state = \"test/a\"
        expect = { base64 = \"AgAAAAAAAAA=\" }
        [[step]]
        state = \"test/b\"
        expect = { absent = true }
        [[step]]
        dead-letters = { count = 0 }";
    let report = passes(text, &Guest::counter());
    // Plain, around two commits, behind four of the five steps that are not the last, duplicates, delays.
    assert_eq!((report.steps, report.runs), (6, 1 + 2 * 2 + 4 + 2));
}

#[test]
fn ways_to_fail_are_expected_by_name() {
    for (guest, status, code) in [
        (Guest::new("unreachable"), "failed", "trap"),
        (failing(0), "refused", "code"),
        (failing(1), "failed", "code"),
        (failing(3), "suspended", "code"),
    ] {
        let expect = format!("{}expect = {{ status = \"{status}\", code = \"{code}\" }}\n", steps(&["ask go"]));
        let report = passes(&expect, &guest);
        assert!(report.runs >= 3, "{status}: {report:?}");
    }
    passes(&format!("{}expect = {{ status = \"later\" }}\n", steps(&["ask go"])), &Guest::new("(call $later)"));
    let sent = format!("{}[[step]]\ndead-letters = {{ count = 1, reason = \"trap\" }}\n", steps(&["send go"]));
    passes(&sent, &Guest::new("unreachable"));
}

#[test]
fn an_ask_is_tried_again_in_virtual_time_until_it_gives_up() {
    let text = format!("{}expect = {{ status = \"failed\" }}\ntimeout = \"5m\"\n", steps(&["ask go"]));
    passes(&text, &failing(2));
    let text = format!("{}expect = {{ status = \"timed-out\" }}\ntimeout = \"1s\"\n", steps(&["ask go"]));
    passes(&text, &failing(2));
}

#[test]
fn time_stands_still_until_it_is_advanced() {
    let asked = |bytes: &str| format!("{}expect = {{ base64 = \"{bytes}\" }}\n", steps(&["ask now"]));
    let advance = "[[step]]\nadvance = \"10s\"\n";
    // 1,767,225,600,000 and 1,767,225,610,000 ms.
    let text = [&asked("AKjadpsBAAA="), &asked("AKjadpsBAAA="), advance, &asked("EM/adpsBAAA=")].concat();
    passes(&text, &telling_time());
}

#[test]
fn one_seed_makes_one_run() {
    let text = steps(&["send draw", "ask draw", "ask draw"]);
    let log = |seed: u64, run: Variant| {
        let options = Options { seed, only: Some(run), ..Options::default() };
        let report = play_with(&text, &[component("test", &drawing(), "")], &options);
        assert!(report.passed, "{report:?}");
        assert!(report.log.len() > 6, "{report:?}");
        report.log
    };
    for run in [Variant::Plain, Variant::CrashAfterCommit(1), Variant::Delays, Variant::Duplicates] {
        assert_eq!(log(7, run), log(7, run), "{run}");
        assert_ne!(log(7, run), log(8, run), "{run}");
    }
    let report = play(&text, &drawing());
    assert!(report.passed, "randomness is the same in every run: {report:?}");
}

#[test]
fn several_kinds_take_part() {
    let text = "
        [[component]]
        path = \"log\"
        [[step]]
        ask = \"test/a\"
        subject = \"go\"
        expect = { status = \"done\" }
        [[step]]
        sent = \"test/a\"
        expect = [ { to = \"log/b\", subject = \"again\", json = 42 }, { to = \"log/b\" }, { to = \"log/b\" } ]
        [[step]]
        sent = \"test/a\"
        expect = []
        [[step]]
        state = \"log/b\"
        expect = { base64 = \"AwAAAAAAAAA=\" }";
    let cast =
        [component("test", &forwarding("log", 3), "grants.send = [\"log\"]"), component("log", &Guest::counter(), "")];
    let report = play_with(text, &cast, &Options::default());
    assert!(report.passed, "{report:#?}");
}

#[test]
fn settings_of_a_scenario_replace_those_of_the_manifest() {
    let guest = Guest::new(
        "(call $runtime.config (i32.const 256) (i32.const 4) (i32.const 512))
         (call $reply (i32.load (i32.const 516)) (i32.load (i32.const 520)))",
    )
    .calls(&["runtime.config"])
    .text(256, "step");
    let text = format!("config = {{ step = \"two\" }}\n{}expect = {{ text = \"two\" }}\n", steps(&["ask go"]));
    let report = play_with(&text, &[component("test", &guest, "config.step = \"one\"")], &Options::default());
    assert!(report.passed, "{report:#?}");
}

/// Fails in one of the four ways: refuse, fail, retry, suspend.
fn failing(kind: u32) -> Guest {
    let call = format!("(call $failed (i32.const {kind}) (i32.const 256) (i32.const 4) (i32.const 260) (i32.const 4))");
    Guest::new(&call).text(256, "codetext")
}

#[test]
fn who_takes_no_part_is_played_by_the_first_rule_that_takes_the_message() {
    let rule = |what: &str, code: &str| {
        format!("[[stand-in]]\nto = \"other\"\n{what}\nanswer = {{ status = \"failed\", code = \"{code}\" }}\n")
    };
    let letters = "[[step]]\ndead-letters = { count = 1, reason = \"full\", actor = \"other/b\" }\n";
    let rules = [rule("json = 43", "wrong"), rule("subject = \"again\"", "full"), rule("", "late")].concat();
    let text = [&rules, &steps(&["send go"]), letters].concat();
    let grants = "[grants]\nsend = [\"other\"]";
    let report = play_with(&text, &[component("test", &forwarding("other", 1), grants)], &Options::default());
    assert!(report.passed, "{report:#?}");
    assert!(report.runs > 5, "crashes around the commits of both: {report:?}");
}

#[test]
fn a_stand_in_takes_only_what_the_real_way_out_would() {
    let all = "[[stand-in]]\nto = \"sys-http/b\"\nanswer = { status = \"done\" }\n";
    let outcome = |grants: &str, reason: &str| {
        let letters = format!("[[step]]\ndead-letters = {{ count = 1, reason = \"{reason}\" }}\n");
        let text = [all, &steps(&["send go"]), &letters].concat();
        play_with(&text, &[component("test", &forwarding("sys-http", 1), grants)], &Options::default())
    };
    let grants = ["[grants]\nsend = [\"sys-http\"]", "[grants]\nsend = [\"sys-http\"]\nhttp = [\"b\"]"];
    for (grants, reason) in grants.into_iter().zip(["not-granted", "bad-method"]) {
        let report = outcome(grants, reason);
        assert!(report.passed, "{reason}: {report:#?}");
    }
}
