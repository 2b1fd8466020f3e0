//! What a host says when it refuses: `application/problem+json`, told with the next command to try.
//! Made by `api` from answers that are not 2xx. Never guesses: what the host does not say is not told.

use serde::Deserialize;

/// A host's refusal.
#[derive(Debug, Clone, Default, Deserialize, thiserror::Error)]
#[error("{}", self.told())]
pub(super) struct Problem {
    /// Stable, for programs.
    #[serde(default, rename = "type")]
    pub(super) kind: String,
    /// The kind of mistake, in words.
    #[serde(default)]
    pub(super) title: String,
    /// The HTTP status.
    #[serde(default)]
    pub(super) status: u16,
    /// What happened this time.
    #[serde(default)]
    pub(super) detail: String,
    /// A refusing handler's own word.
    #[serde(default)]
    pub(super) code: Option<String>,
    /// The dead letter that the message became.
    #[serde(default)]
    pub(super) dead_letter: Option<String>,
    /// The message's id: accepted, whatever became of it.
    #[serde(default)]
    pub(super) id: Option<String>,
}

impl Problem {
    /// Reads an answer's body; whatever is not a problem becomes one.
    pub(super) fn read(status: u16, body: &[u8]) -> Self {
        let read: Option<Self> = serde_json::from_slice(body).ok();
        let mut problem = read.unwrap_or_else(|| {
            let detail = String::from_utf8_lossy(body).chars().take(300).collect();
            Self { detail, ..Self::default() }
        });
        problem.status = status;
        problem
    }

    fn told(&self) -> String {
        let texts = [&self.detail, &self.title];
        let text = texts.into_iter().find(|text| !text.is_empty());
        let mut told = match &self.code {
            Some(code) => format!("{code}: "),
            None => String::new(),
        };
        told.push_str(text.map_or_else(|| "the host gave no reason", |text| text.trim_end()));
        told.push_str(&format!(" [{}]", self.status));
        if let Some(step) = self.next_step() {
            told.push_str("\nnext: ");
            told.push_str(&step);
        }
        super::output::printable(&told)
    }

    fn next_step(&self) -> Option<String> {
        if let Some(id) = &self.dead_letter {
            return Some(format!("hydra dlq show {id}"));
        }
        match self.status {
            401 => Some("give the host's token as HYDRA_TOKEN or --token".into()),
            403 => Some("add the name in --url to http.hosts of the host, or use a loopback address".into()),
            503 => Some("hydra doctor".into()),
            504 => Some("hydra tail, or ask again with a longer --timeout".into()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_with_the_next_command() {
        let body = br#"{"type":"handler-failed","title":"Handler failed","detail":"it broke","dead_letter":"3a.1:7"}"#;
        let told = Problem::read(500, body).to_string();
        assert_eq!(told, "it broke [500]\nnext: hydra dlq show 3a.1:7");
    }

    #[test]
    fn a_body_that_is_no_problem_is_still_told() {
        assert_eq!(Problem::read(502, b"bad \x1bgateway").to_string(), "bad \\u{1b}gateway [502]");
        assert_eq!(Problem::read(500, b"").to_string(), "the host gave no reason [500]");
    }
}
