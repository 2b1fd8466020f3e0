//! `[[source]]`: existing streams of NATS that are bound to actors, and what such a binding may say.
//! Ground floor: pure. Checked with all other settings; `source` does what it says.

use serde::{Deserialize, Serialize};

use super::bounds::Broken;
use super::settings::Config;
use super::template::{Address, Gap, Template};
use crate::names::Subject;

/// Sources of one host.
const SOURCES_MAX: usize = 64;
/// Longest name of a source or a stream, in bytes.
const NAME_BYTES_MAX: usize = 64;
const STREAM_BYTES_MAX: usize = 255;

/// What a source does when its stream is not the one that it has read so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnRecreated {
    /// It stands still until a human decides.
    #[default]
    Stop,
    /// It begins with the first message of the new one.
    Restart,
}

/// One `[[source]]`: a stream of somebody else's, whose messages go to actors, each exactly once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// Under which name its position is kept, in `sys-source/NAME`: 1 to 64 of `[A-Za-z0-9_-]`. Default: the stream's name.
    /// Another name is another source, which begins anew.
    #[serde(default)]
    pub name: Option<String>,
    /// The stream. Not one of Hydra's own.
    pub stream: String,
    /// Which of its subjects: as NATS writes them, with `*` and `>`. Default `>`: all.
    #[serde(default = "all")]
    pub filter: String,
    /// The receiver, for example `order/{1}`: `{1}` is the first wildcard of the filter.
    pub to: Address,
    /// The subject of what the receiver gets, for example `created`; may have gaps too.
    pub subject: Template,
    /// Where a source that has no position yet begins, 1 to one behind the stream's last. Default 1: at the first message there is.
    #[serde(default = "first")]
    pub start_seq: u64,
    /// What to do when the stream was deleted and made anew. Default `stop`.
    #[serde(default)]
    pub on_recreated: OnRecreated,
}

fn all() -> String {
    ">".into()
}

fn first() -> u64 {
    1
}

impl Binding {
    /// Its name, for people and for its position.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.stream)
    }

    /// What is wrong with it, and what it may be.
    fn fault(&self, system: &str) -> Option<(String, String)> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let (name, stream) = (self.name(), &self.stream);
        let is_name = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(word);
        let graphic = |letter: char| !letter.is_whitespace() && !letter.is_control();
        let is_stream = (1..=STREAM_BYTES_MAX).contains(&stream.len())
            && stream.chars().all(|letter| graphic(letter) && !matches!(letter, '.' | '*' | '>' | '/' | '\\'));
        let ours = [format!("{system}_"), format!("KV_{system}_"), format!("OBJ_{system}_")];
        let wildcards = self.filter.split('.').filter(|word| matches!(*word, "*" | ">")).count();
        let beyond = |gap: &&Gap| matches!(gap, Gap::Wildcard(number) if *number > wildcards);
        let unfilled = self.to.id.gaps().chain(self.subject.gaps()).find(beyond);
        let fixed = self.subject.gaps().next().is_none().then(|| self.subject.to_string());
        let fault = |field: &str, value: &str, bounds: &str| Some((format!("{field} {value:?}"), bounds.to_owned()));
        if !is_stream {
            fault("stream", stream, "the name of a stream, without spaces, dots, wildcards and slashes")
        } else if !is_name {
            fault("name", name, "1 to 64 of A-Z, a-z, 0-9, _ and -")
        } else if ours.iter().any(|prefix| stream.starts_with(prefix)) {
            fault("stream", stream, "a stream that is not Hydra's own: it would feed on itself")
        } else if !is_filter(&self.filter) {
            fault("filter", &self.filter, "subjects as NATS writes them, for example orders.*.created or orders.>")
        } else if let Some(gap) = unfilled {
            let bounds = format!("gaps up to {{{wildcards}}}: the filter {:?} has so many wildcards", self.filter);
            fault("gap", &gap.to_string(), &bounds)
        } else if let Some(subject) = fixed.filter(|subject| Subject::new(subject).is_err()) {
            fault("subject", &subject, "words of A-Z, a-z, 0-9, _ and -, joined by dots, at most 128 bytes")
        } else if self.start_seq == 0 {
            fault("start_seq", "0", "1 or more: positions in a stream begin with 1")
        } else {
            None
        }
    }
}

/// Whether NATS takes it as a filter.
fn is_filter(filter: &str) -> bool {
    let words: Vec<&str> = filter.split('.').collect();
    let last = words.len() - 1;
    filter.len() <= STREAM_BYTES_MAX
        && words.iter().enumerate().all(|(at, word)| {
            let plain =
                !word.is_empty() && !word.contains(|letter: char| letter.is_whitespace() || letter.is_control());
            plain && (*word != ">" || at == last)
        })
}

/// All sources that cannot be.
pub(super) fn check(config: &Config) -> Vec<Broken> {
    let broken = |value: String, bounds: String| Broken { key: "source", value, bounds };
    let (sources, mut all) = (&config.source, Vec::new());
    if !sources.is_empty() && config.nats.urls.is_empty() {
        let bounds = "none with the embedded store: sources are streams of NATS, set nats.urls (--nats) or remove them";
        all.push(broken(format!("{} sources", sources.len()), bounds.into()));
    }
    if sources.len() > SOURCES_MAX {
        all.push(broken(format!("{} sources", sources.len()), format!("at most {SOURCES_MAX}")));
    }
    for (at, source) in sources.iter().enumerate() {
        let fault = source.fault(&config.nats.system);
        all.extend(fault.map(|(value, bounds)| broken(format!("source {:?} with {value}", source.name()), bounds)));
        if sources.iter().take(at).any(|other| other.name() == source.name()) {
            let bounds = "one source of each name: several of one stream need a name each".into();
            all.push(broken(format!("source {:?} twice", source.name()), bounds));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Nats;

    fn told(toml: &str) -> Vec<String> {
        let source: Binding = toml::from_str(&format!("stream = \"ORDERS\"\n{toml}")).unwrap();
        let nats = Nats { urls: vec!["nats://a".into()], ..Nats::default() };
        let config = Config { source: vec![source], nats, ..Config::default() };
        check(&config).into_iter().map(|broken| format!("{} {}", broken.value, broken.bounds)).collect()
    }

    #[test]
    fn a_source_as_the_protocol_shows_it_is_right() {
        let right = "filter = \"orders.*.created\"\nto = \"order/{1}\"\nsubject = \"created\"";
        assert_eq!(told(right), [""; 0]);
        assert_eq!(told("to = \"order/{json:/id}\"\nsubject = \"{header:What}\"\nname = \"by-id\""), [""; 0]);
    }

    #[test]
    fn every_mistake_names_the_source_and_what_may_be() {
        let rest = "to = \"order/{1}\"\nsubject = \"created\"\n";
        for (toml, part) in [
            ("filter = \"orders.created\"", "up to {0}"),
            ("filter = \"orders.>.created\"", "as NATS writes them"),
            ("filter = \"orders..created\"", "as NATS writes them"),
            ("name = \"a b\"", "1 to 64"),
            ("start_seq = 0", "begin with 1"),
        ] {
            let told = told(&format!("{rest}{toml}"));
            assert!(told.len() == 1 && told[0].contains("source \"") && told[0].contains(part), "{toml}: {told:?}");
        }
        assert!(told("to = \"order/{1}\"\nsubject = \"a b\"")[0].contains("joined by dots"));
    }

    #[test]
    fn a_source_needs_nats_a_name_of_its_own_and_a_foreign_stream() {
        let source: Binding =
            toml::from_str("stream = \"hydra_local_DLQ\"\nto = \"order/{1}\"\nsubject = \"a\"").unwrap();
        let config = Config { source: vec![source.clone(), source], ..Config::default() };
        let told: Vec<String> = check(&config).into_iter().map(|broken| broken.bounds).collect();
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].contains("embedded store") && told[1].contains("not Hydra's own"));
        assert!(told[3].contains("need a name each"));
    }
}
