//! What scenarios find: wrong expectations, state outside of the state, order that nobody promised, endless talk.

use hydra::scenario::{Component, Error, Options, Stage, Variant};
use hydra_tests::guest::Guest;

use crate::theatre::{component, forwarding, play, play_with, remembering, scenario, steps};

#[test]
fn a_wrong_expectation_fails_with_what_came_instead() {
    let text = format!("{}{}expect = {{ text = \"2\" }}\n", steps(&["ask one"]), steps(&["ask two"]));
    let report = play(&text, &remembering());
    let [failure] = &report.failures[..] else { panic!("{report:?}") };
    assert_eq!((report.passed, report.runs, failure.run.as_str()), (false, 1, "plain"));
    assert_eq!((failure.step, failure.line, failure.what.as_str()), (Some(2), Some(4), "ask test/a two"));
    let [difference] = &failure.differences[..] else { panic!("{failure:?}") };
    let told = (difference.part.as_str(), difference.expected.as_str(), difference.actual.as_str());
    assert_eq!(told, ("body", "2", "1"));
    assert!(failure.log.iter().any(|line| line == "turn of test/a: two nothing"), "{failure:?}");
}

/// Three messages that wait together are handled by one instance: what it keeps in memory looks like state, until the
/// host is started again in between.
#[test]
fn state_in_memory_is_found_by_a_restart() {
    let text = format!("{}expect = {{ text = \"3\" }}\n", steps(&["send one", "send two", "ask three"]));
    let report = play(&text, &remembering());
    let failure = report.failures.first().unwrap_or_else(|| panic!("{report:?}"));
    assert_eq!(failure.run, "restart-after-step-1");
    assert_eq!((failure.step, failure.reason.as_str()), (Some(3), "this differs from the plain run"));
    let mut runs: Vec<&str> = report.failures.iter().map(|failure| failure.run.as_str()).collect();
    runs.sort_unstable();
    assert_eq!(runs, ["delays", "restart-after-step-1", "restart-after-step-2"]);
    let again = Options { only: Some(Variant::RestartAfterStep(1)), ..Options::default() };
    let report = play_with(&text, &[component("test", &remembering(), "")], &again);
    assert_eq!((report.runs, report.failures.len()), (2, 1), "the run that failed can be repeated alone");
}

/// What one turn sends arrives together, unless each message takes its own time.
#[test]
fn state_in_memory_is_found_by_delays() {
    let text = format!("[[component]]\npath = \"log\"\n{}", steps(&["ask go"]));
    let cast =
        [component("test", &forwarding("log", 3), "grants.send = [\"log\"]"), component("log", &remembering(), "")];
    let report = play_with(&text, &cast, &Options::default());
    let [failure] = &report.failures[..] else { panic!("{report:?}") };
    assert_eq!((failure.run.as_str(), failure.step, failure.what.as_str()), ("delays", None, "the end"));
    let told: Vec<&str> = failure.differences.iter().map(|one| one.part.as_str()).collect();
    assert_eq!(told, ["state of log/b"]);
}

#[test]
fn actors_that_send_for_ever_are_stopped() {
    let report = play(&steps(&["ask go"]), &forwarding("test", 1));
    let [failure] = &report.failures[..] else { panic!("{report:?}") };
    assert!(failure.reason.contains("for ever?"), "{failure:?}");
    assert_eq!(failure.step, Some(1));
}

#[test]
fn a_kind_that_takes_no_part_is_told_with_what_to_write() {
    let report = play("[[step]]\nask = \"other/a\"\nsubject = \"go\"\n", &Guest::counter());
    let [failure] = &report.failures[..] else { panic!("{report:?}") };
    assert!(failure.reason.contains("kind other takes part: add [[component]]"), "{failure:?}");
}

#[test]
fn a_run_that_does_not_exist_and_a_refused_component_are_errors() {
    let mut stage = Stage::new(None).unwrap();
    let mut told = |cast: &[Component], options: &Options| {
        stage.test(&scenario(&steps(&["ask go"])), cast, options, &mut |_, _| {}).unwrap_err()
    };
    let only = Options { only: Some(Variant::CrashAfterCommit(9)), ..Options::default() };
    let error = told(&[component("test", &Guest::counter(), "")], &only);
    assert_eq!(error.to_string(), "some has no run crash-after-commit-9: its plain run made 1 commits in 1 steps");
    let refused = Component { bytes: "no component".into(), ..component("test", &Guest::counter(), "") };
    assert!(matches!(told(&[refused], &Options::default()), Error::Refused { .. }));
}

#[test]
fn a_turn_is_recorded_and_ends_the_same_when_it_is_run_again() {
    let text = format!("{}{}", steps(&["ask add", "ask add"]), "[[step]]\ndead-letters = { count = 0 }\n");
    let counter = component("test", &Guest::counter(), "");
    let options = |record_step| Options { record: true, record_step, ..Options::default() };
    let report = play_with(&text, std::slice::from_ref(&counter), &options(Some(1)));
    assert_eq!(report.recording.unwrap().state, None, "the first turn finds no state");
    let recording = play_with(&text, std::slice::from_ref(&counter), &options(None)).recording.unwrap();
    assert_eq!(recording.from, "scenarios/some.toml step 2, run plain");

    let written = serde_json::to_string_pretty(&recording).unwrap();
    let read = serde_json::from_str(&written).unwrap();
    assert_eq!(recording, read);
    let mut stage = Stage::new(None).unwrap();
    let replayed = stage.replay(&counter, &read).unwrap();
    assert!(replayed.differences.is_empty() && !replayed.other_component, "{replayed:?}");
    assert_eq!(replayed.ended, recording.ended);
    let other = stage.replay(&component("test", &remembering(), ""), &read).unwrap();
    assert!(other.other_component && !other.differences.is_empty(), "{other:?}");
    let failing = format!("{}expect = {{ text = \"9\" }}\n{}", steps(&["ask add"]), steps(&["ask add"]));
    let recorded = play_with(&failing, &[counter], &options(None)).recording.unwrap();
    assert_eq!(recorded.from, "scenarios/some.toml step 1, run plain", "the turn of the step that fails");
}

#[test]
fn a_stand_in_for_a_kind_that_takes_part_is_refused() {
    let text = format!("[[stand-in]]\nto = \"test/a\"\nanswer = {{}}\n{}", steps(&["ask go"]));
    let cast = [component("test", &remembering(), "")];
    let mut stage = Stage::new(None).unwrap();
    let refused = stage.test(&scenario(&text), &cast, &Options::default(), &mut |_, _| {});
    assert!(refused.is_err_and(|error| matches!(&error, Error::Refused { reason, .. } if reason.contains("stand-in"))));
}
