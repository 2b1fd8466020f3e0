//! `[[sink]]`: subjects of NATS on which actors may publish, for whoever listens there.
//! Ground floor: pure. Checked with all other settings; `connector` does what it says.

use serde::{Deserialize, Serialize};

use super::bounds::Broken;
use super::endpoint::is_endpoint_name;
use super::settings::Config;

/// Sinks of one host.
const SINKS_MAX: usize = 64;
/// Longest subject, in bytes.
const SUBJECT_BYTES_MAX: usize = 255;

/// One `[[sink]]`: subjects on which actors of kinds with the grant `nats` may publish, through `sys-nats/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sink {
    /// What actors and manifests call it: 1 to 64 of `[A-Za-z0-9_-]`.
    pub name: String,
    /// Which subjects, as NATS writes them, with `*` and `>`; the first word is a plain one. Not Hydra's own.
    pub subjects: String,
}

impl Sink {
    /// Whether a subject is one that a message can have, and one of this sink's.
    #[must_use]
    pub fn takes(&self, subject: &str) -> bool {
        let plain = |word: &str| is_word(word) && !matches!(word, "*" | ">");
        if subject.len() > SUBJECT_BYTES_MAX || !subject.split('.').all(plain) {
            return false;
        }
        let mut words = subject.split('.');
        for wanted in self.subjects.split('.') {
            let word = words.next();
            match wanted {
                ">" => return word.is_some(),
                "*" if word.is_some() => {}
                wanted if word == Some(wanted) => {}
                _ => return false,
            }
        }
        words.next().is_none()
    }

    fn fault(&self, system: &str) -> Option<(String, String)> {
        let subjects = &self.subjects;
        let words: Vec<&str> = subjects.split('.').collect();
        let is_filter = words.iter().rev().skip(1).all(|word| *word != ">") && words.iter().all(|word| is_word(word));
        let first = words.first().copied().unwrap_or_default();
        let is_ours = matches!(first, "*" | ">") || first == system || first.starts_with(['$', '_']);
        if !is_endpoint_name(&self.name) {
            Some(("name".into(), "1 to 64 of A-Z, a-z, 0-9, _ and -".into()))
        } else if !is_filter || subjects.len() > SUBJECT_BYTES_MAX {
            Some((format!("subjects {subjects:?}"), "subjects as NATS writes them, for example billing.>".into()))
        } else if is_ours {
            let bounds = format!("subjects that begin with a word of their own: not with a wildcard, $, _ or {system}");
            Some((format!("subjects {subjects:?}"), bounds))
        } else {
            None
        }
    }
}

fn is_word(word: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '*' | '>');
    matches!(word, "*" | ">") || (!word.is_empty() && word.chars().all(plain))
}

/// All sinks that cannot be.
pub(super) fn check(config: &Config) -> Vec<Broken> {
    let broken = |value: String, bounds: String| Broken { key: "sink", value, bounds };
    let (sinks, mut all) = (&config.sink, Vec::new());
    if !sinks.is_empty() && config.nats.urls.is_empty() {
        let bounds = "none with the embedded store: sinks are subjects of NATS, set nats.urls (--nats) or remove them";
        all.push(broken(format!("{} sinks", sinks.len()), bounds.into()));
    }
    if sinks.len() > SINKS_MAX {
        all.push(broken(format!("{} sinks", sinks.len()), format!("at most {SINKS_MAX}")));
    }
    for (at, sink) in sinks.iter().enumerate() {
        let fault = sink.fault(&config.nats.system);
        all.extend(fault.map(|(value, bounds)| broken(format!("sink {:?} with {value}", sink.name), bounds)));
        if sinks.iter().take(at).any(|other| other.name == sink.name) {
            all.push(broken(format!("sink {:?} twice", sink.name), "one sink of each name".into()));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Nats;

    fn sink(subjects: &str) -> Sink {
        Sink { name: "out".into(), subjects: subjects.into() }
    }

    #[test]
    fn a_sink_takes_its_own_subjects_only() {
        for (subjects, subject, takes) in [
            ("billing.>", "billing.created", true),
            ("billing.>", "billing.a.b", true),
            ("billing.>", "billing", false),
            ("billing.>", "hydra.local.msg", false),
            ("billing.*.paid", "billing.7.paid", true),
            ("billing.*.paid", "billing.7.paid.x", false),
            ("billing.*.paid", "billing..paid", false),
            ("billing.>", "billing.>", false),
            ("billing.>", "billing.a b", false),
            ("billing", "billing", true),
            ("billing", "billing.x", false),
        ] {
            assert_eq!(sink(subjects).takes(subject), takes, "{subjects} {subject}");
        }
    }

    #[test]
    fn a_sink_needs_nats_and_subjects_of_its_own() {
        let told = |subjects: &str, urls: &[&str]| -> Vec<String> {
            let nats = Nats { urls: urls.iter().map(ToString::to_string).collect(), ..Nats::default() };
            let config = Config { sink: vec![sink(subjects)], nats, ..Config::default() };
            check(&config).into_iter().map(|broken| broken.bounds).collect()
        };
        assert_eq!(told("billing.>", &["nats://a"]), [""; 0]);
        assert!(told("billing.>", &[])[0].contains("embedded store"));
        for subjects in [">", "*.x", "hydra.>", "$JS.API.>", "_INBOX.x"] {
            assert!(told(subjects, &["nats://a"])[0].contains("of their own"), "{subjects}");
        }
        for subjects in ["", "a..b", "a.>.b", "a b"] {
            assert!(told(subjects, &["nats://a"])[0].contains("as NATS writes them"), "{subjects}");
        }
    }
}
