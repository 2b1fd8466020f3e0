//! The top of `hydra --help`: verbs in groups, and examples.
//! Built from the verbs themselves, so that no verb can be missing or explained twice.

use std::fmt::Write as _;

use clap::CommandFactory;
use clap::builder::styling::{AnsiColor, Style};

use super::arguments::Cli;

/// Which verb stands under which heading, in the order of a first day.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Run a host", &["dev", "host", "config", "store"]),
    ("Write and ship handlers", &["new", "build", "test", "deploy", "rollback", "kind"]),
    ("Talk to actors", &["send", "ask", "actor", "state"]),
    ("Watch and repair", &["tail", "top", "dlq", "timer", "source", "endpoint", "doctor", "bench"]),
    ("Your shell", &["completions", "help"]),
];

const EXAMPLES: &str = "  hydra dev sample-actors/counter          a host that reloads what you build
  hydra ask counter/alice add 5            a message, and its answer
  hydra state get counter/alice            what is persisted, byte for byte
  hydra tail                               what happens now
  hydra dlq ls                             what could not be handled

Exit codes: 0 done, 1 failed, 2 wrong usage. Results go to standard output, everything else to standard error.";

/// The whole command line, with its verbs in groups.
pub(super) fn command() -> clap::Command {
    let command = Cli::command();
    let heading = Style::new().bold().underline();
    let verb = AnsiColor::Cyan.on_default();
    let mut text = String::from("{about-with-newline}\n{usage-heading} {usage}\n");
    for (title, names) in GROUPS {
        let _ = write!(text, "\n{heading}{title}{heading:#}\n");
        for name in names {
            let _ = writeln!(text, "  {verb}{name:<12}{verb:#} {}", about(&command, name));
        }
    }
    let _ = write!(text, "\n{heading}Options{heading:#}\n{{options}}\n\n{heading}Examples{heading:#}\n{EXAMPLES}\n");
    command.help_template(text)
}

fn about(command: &clap::Command, name: &str) -> String {
    let about = command.find_subcommand(name).and_then(clap::Command::get_about);
    about.map_or_else(|| "Explain a verb: hydra help deploy".into(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_verb_stands_in_one_group() {
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let once: BTreeSet<&str> = grouped.iter().copied().collect();
        assert_eq!(once.len(), grouped.len(), "a verb stands in two groups");
        let command = Cli::command();
        let verbs: BTreeSet<&str> = command.get_subcommands().map(clap::Command::get_name).chain(["help"]).collect();
        assert_eq!(once, verbs);
    }

    #[test]
    fn every_verb_says_what_it_does() {
        fn check(command: &clap::Command) {
            for verb in command.get_subcommands() {
                assert!(verb.get_about().is_some(), "{} has no explanation", verb.get_name());
                check(verb);
            }
        }
        check(&Cli::command());
    }
}
