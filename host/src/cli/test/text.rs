//! What became of scenarios and turns, for people.
//! Pure: makes text, prints nothing.

use std::fmt::Write as _;

use clap::builder::styling::{AnsiColor, Style};
use hydra::scenario::{Difference, Failure, Replayed, Report};

use crate::cli::output::printable;

/// Characters of a value that are shown; a state may have half a million.
const VALUE_CHARS_MAX: usize = 2_000;
/// Lines of what happened in the failing step that are shown: the last ones tell most.
const LINES_MAX: usize = 40;

/// One scenario: a line if it passed, all that helps if it did not. `repeat` begins the command that runs it alone.
pub(super) fn report(report: &Report, repeat: &str) -> String {
    let (good, bad, plain) = (AnsiColor::Green.on_default(), AnsiColor::Red.on_default().bold(), Style::new().dimmed());
    let title = match report.description.as_str() {
        "" => report.scenario.clone(),
        description => format!("{}: {description}", report.scenario),
    };
    let (title, steps, runs) = (printable(&title), count(report.steps, "step"), count(report.runs, "run"));
    let mut text = match report.passed {
        true => format!("{good}ok{good:#}    {title} {plain}({steps}, {runs}){plain:#}\n"),
        false => format!("{bad}FAIL{bad:#}  {title}\n"),
    };
    if report.left_out > 0 {
        let _ = writeln!(text, "      {} more crashes were not tried: split the scenario to try them", report.left_out);
    }
    for line in &report.log {
        let _ = writeln!(text, "      {}", printable(line));
    }
    for failure in &report.failures {
        text += &failed(report, failure);
        let _ = writeln!(text, "  {plain}repeat: {repeat} {} --run {} --log{plain:#}", report.scenario, failure.run);
    }
    text
}

fn failed(report: &Report, failure: &Failure) -> String {
    let mut text = String::new();
    if let Some(mishap) = &failure.mishap {
        let _ = writeln!(text, "  run {}: {}", failure.run, printable(mishap));
    }
    let place = match (failure.step, failure.line) {
        (Some(step), Some(line)) => format!("step {step} ({}:{line}), {}", report.file, failure.what),
        _ => format!("{}, {}", report.file, failure.what),
    };
    let _ = writeln!(text, "  {}: {}", printable(&place), printable(&failure.reason));
    text += &differences(&failure.differences);
    if !failure.log.is_empty() {
        let left_out = failure.log.len().saturating_sub(LINES_MAX);
        let shown = if left_out > 0 { format!(", without the first {left_out} lines") } else { String::new() };
        let _ = writeln!(text, "  what happened in this step{shown}:");
        for line in failure.log.iter().skip(left_out) {
            let _ = writeln!(text, "    {}", value(line));
        }
    }
    text
}

fn differences(differences: &[Difference]) -> String {
    let (red, green) = (AnsiColor::Red.on_default(), AnsiColor::Green.on_default());
    let mut text = String::new();
    for Difference { part, expected, actual } in differences {
        let (part, expected, actual) = (printable(part), value(expected), value(actual));
        let _ = writeln!(
            text,
            "    {part}\n      {green}- expected {expected}{green:#}\n      {red}+ got      {actual}{red:#}"
        );
    }
    text
}

/// A turn that was run again.
pub(super) fn replayed(replayed: &Replayed) -> String {
    let mut text: String = replayed.ended.lines().iter().map(|line| format!("{}\n", value(line))).collect();
    if replayed.other_component {
        text += "the component is another one than that of the recording\n";
    }
    if replayed.differences.is_empty() {
        text += "it ended as recorded\n";
    } else {
        text += "it ended otherwise than recorded\n";
        text += &differences(&replayed.differences);
    }
    text
}

/// How it all went, in a line.
pub(super) fn summary(reports: &[Report]) -> String {
    let failed = reports.iter().filter(|report| !report.passed).count();
    let runs = count(reports.iter().map(|report| report.runs).sum(), "run");
    format!("{} passed, {failed} failed, {runs}\n", count(reports.len() - failed, "scenario"))
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// Something from outside, at a length that can be read.
fn value(text: &str) -> String {
    let mut shown: String = text.chars().take(VALUE_CHARS_MAX).collect();
    if shown.len() < text.len() {
        let _ = write!(shown, "… ({} bytes)", text.len());
    }
    printable(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_where_what_and_how_to_repeat_it() {
        let difference = Difference { part: "body.value".into(), expected: "5".into(), actual: "4".into() };
        let failure = Failure {
            run: "crash-before-commit-3".into(),
            step: Some(3),
            line: Some(12),
            what: "ask counter/alice get".into(),
            reason: "this differs from the plain run".into(),
            mishap: Some("the host died before commit 3".into()),
            differences: vec![difference],
            log: vec!["turn of counter/alice: get nothing".into(), "  replied \u{1b}4".into()],
        };
        let report_of = |failures: Vec<Failure>| Report {
            scenario: "adds".into(),
            file: "scenarios/adds.toml".into(),
            description: "adds and remembers".into(),
            passed: failures.is_empty(),
            steps: 4,
            runs: 1,
            left_out: 0,
            failures,
            log: Vec::new(),
            recording: None,
        };
        let plain = |text: String| anstream::adapter::strip_str(&text).to_string();
        assert_eq!(plain(report(&report_of(Vec::new()), "")), "ok    adds: adds and remembers (4 steps, 1 run)\n");
        let told = plain(report(&report_of(vec![failure]), "hydra test ."));
        let expected = "FAIL  adds: adds and remembers
  run crash-before-commit-3: the host died before commit 3
  step 3 (scenarios/adds.toml:12), ask counter/alice get: this differs from the plain run
    body.value
      - expected 5
      + got      4
  what happened in this step:
    turn of counter/alice: get nothing
      replied \\u{1b}4
  repeat: hydra test . adds --run crash-before-commit-3 --log
";
        assert_eq!(told, expected);
    }
}
