//! What a host says when it refuses: `application/problem+json`, told with the next command to try.
//! Made by `api` from answers that are not 2xx. Never guesses: what the host does not say is not told.

use std::borrow::Cow;

use hydra::http::view::Problem;

use super::output;

/// Most of a body that is no problem that is told, in characters.
const BODY_CHARACTERS_MAX: usize = 300;

/// A host's refusal.
#[derive(Debug, thiserror::Error)]
#[error("{}", told(.0))]
pub(super) struct Refusal(pub(super) Box<Problem>);

impl Refusal {
    /// Reads an answer's body; whatever is not a problem becomes one.
    pub(super) fn read(status: u16, body: &[u8]) -> Self {
        let foreign = |_| Problem {
            kind: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed("the answer is not a Hydra host's: is --url right?"),
            status,
            detail: String::from_utf8_lossy(body).chars().take(BODY_CHARACTERS_MAX).collect(),
            code: None,
            id: None,
            dead_letter: None,
            size: None,
            limit: None,
            setting: None,
            retry_after_s: None,
        };
        Self(Box::new(serde_json::from_slice(body).unwrap_or_else(foreign)))
    }
}

fn told(problem: &Problem) -> String {
    let detail = if problem.detail.is_empty() { &problem.title } else { problem.detail.trim_end() };
    let code = problem.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
    let next = next_step(problem).map(|step| format!("\nnext: {step}")).unwrap_or_default();
    output::printable(&format!("{code}{detail} [{} {}]{next}", problem.status, slug(problem)))
}

/// The type without what is common to all.
fn slug(problem: &Problem) -> &str {
    problem.kind.strip_prefix("urn:hydra:").unwrap_or(&problem.title)
}

fn next_step(problem: &Problem) -> Option<String> {
    if let Some(id) = &problem.dead_letter {
        return Some(format!("hydra dlq show {id}"));
    }
    let step = match slug(problem) {
        "unauthorized" => "give the host's http.token as HYDRA_TOKEN or --token",
        "foreign-host" => "add the name in --url to the host's http.hosts, or use its address",
        "suspended" => "hydra actor show KIND/ID, then hydra actor resume KIND/ID or hydra actor skip KIND/ID",
        "timeout" => "hydra tail; or repeat it with the same --key and a longer --timeout",
        "unknown-actor" => "hydra actor ls",
        "store-unavailable" | "store-damaged" => "hydra doctor",
        _ => return None,
    };
    Some(step.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_with_the_next_command() {
        let body = br#"{"type":"urn:hydra:handler-failed","title":"The handler broke","status":500,"code":"trap",
            "detail":"unreachable","dead_letter":"3a.1:7"}"#;
        let told = Refusal::read(500, body).to_string();
        assert_eq!(told, "trap: unreachable [500 handler-failed]\nnext: hydra dlq show 3a.1:7");
    }

    #[test]
    fn a_body_that_is_no_problem_is_still_told() {
        let told = Refusal::read(502, b"bad \x1bgateway").to_string();
        assert!(told.starts_with("bad \\u{1b}gateway [502 ") && told.contains("--url"), "{told}");
    }
}
