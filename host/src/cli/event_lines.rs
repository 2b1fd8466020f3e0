//! One event as one line for people: for `hydra tail` and `hydra dev`.
//! Never prints a control character that a guest wrote.

use std::fmt::Write as _;

use clap::builder::styling::{AnsiColor, Style};
use hydra::effects::Level;
use hydra::events::Event;

use super::output::{printable, time_of_day};

/// The line, with its line break.
pub(super) fn line(event: &Event) -> String {
    let dim = Style::new().dimmed();
    let one = |text: &str| printable(text).replace('\n', "\\n");
    match event {
        Event::Turn { time, actor, subject, outcome, problem, attempt, micros, sends, .. } => {
            let time = time_of_day(*time);
            let color = outcome_color(outcome);
            let (actor, subject, outcome) = (one(actor), one(subject), one(outcome));
            let mut text = format!("{dim}{time}{dim:#} {actor} {subject} → {color}{outcome}{color:#}");
            let _ = write!(text, " {dim}{}{dim:#}", duration(*micros));
            if *sends > 0 {
                let _ = write!(text, " {dim}{sends} sent{dim:#}");
            }
            if *attempt > 1 {
                let _ = write!(text, " {dim}attempt {attempt}{dim:#}");
            }
            if let Some(problem) = problem {
                let _ = write!(text, " {color}{}{color:#}", one(problem));
            }
            text + "\n"
        }
        Event::Line { time, actor, level, text } => {
            let (word, color) = level_word(*level);
            let time = time_of_day(*time);
            format!("{dim}{time}{dim:#} {} {color}{word}{color:#} {}\n", one(actor), one(text))
        }
    }
}

fn outcome_color(outcome: &str) -> Style {
    match outcome {
        "replied" | "done" | "later" => AnsiColor::Green.on_default(),
        "refused" | "retry" => AnsiColor::Yellow.on_default(),
        _ => AnsiColor::Red.on_default(),
    }
}

fn level_word(level: Level) -> (&'static str, Style) {
    match level {
        Level::Trace => ("trace", Style::new().dimmed()),
        Level::Debug => ("debug", Style::new().dimmed()),
        Level::Info => ("info", AnsiColor::Cyan.on_default()),
        Level::Warn => ("warn", AnsiColor::Yellow.on_default()),
        Level::Error => ("error", AnsiColor::Red.on_default()),
    }
}

/// Microseconds in the unit that reads best.
pub(super) fn duration(micros: u64) -> String {
    if micros < 1_000 { format!("{micros} µs") } else { format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100) }
}

#[cfg(test)]
mod tests {
    use hydra::clock::Time;

    use super::*;

    fn plain(event: &Event) -> String {
        anstream::adapter::strip_str(&line(event)).to_string()
    }

    #[test]
    fn a_turn_is_one_line() {
        let turn = Event::Turn {
            time: Time(37_108_123),
            actor: "counter/alice".into(),
            subject: "add".into(),
            message: "in:counter/alice:1".into(),
            body_bytes: 1,
            outcome: "refused".into(),
            problem: Some("no\nnumber".into()),
            attempt: 2,
            micros: 1_250,
            sends: 0,
        };
        assert_eq!(plain(&turn), "10:18:28.123 counter/alice add → refused 1.2 ms attempt 2 no\\nnumber\n");
    }

    #[test]
    fn a_log_line_cannot_pretend_to_be_two() {
        let text = "one\n10:00:00.000 counter/bob add → done \u{1b}[2J".into();
        let said = Event::Line { time: Time(0), actor: "counter/a".into(), level: Level::Info, text };
        assert_eq!(plain(&said).lines().count(), 1);
        assert!(!plain(&said).contains('\u{1b}'));
    }
}
