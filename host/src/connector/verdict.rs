//! What follows from one try: an answer, another try, or giving up. Pure.
//! Asked by `handler` with what `exchange` brought back. The rules stand in `docs/guide/call-the-outside.md`.
//! Never gives up what is safe to repeat while tries are left, and never repeats what is not.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::exchange::{Received, Trouble};
use crate::clock::Time;
use crate::config;
use crate::effects::{Fault, Payload};
use crate::failure::RETRY;
use crate::message::{HEADERS_BYTES_MAX, HEADERS_MAX, Headers, Problem};

/// The header of an answer that has the response's status.
const STATUS: &str = "status";
/// Not all of the response's headers fitted into a message, or could be written in one.
const DROPPED: &str = "http-headers-dropped";
/// What says how a response travelled, and nothing about it.
const OF_CLIENT: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];
/// Room for the host's own headers of an answer, in bytes.
const OWN_BYTES: usize = 64;

/// How much of a call is left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    /// Whether this was the last try.
    pub(super) is_last: bool,
    /// Whether it may be made again when nobody knows what became of it.
    pub(super) is_repeatable: bool,
    /// Start of this try.
    pub(super) now: Time,
    /// When whoever asked waits no longer.
    pub(super) deadline: Option<Time>,
}

/// Whether a try shows that the endpoint is there and well.
pub(super) fn is_well(tried: &Result<Received, Trouble>) -> bool {
    match tried {
        Ok(received) => !received.status.is_server_error(),
        Err(Trouble::TooLarge { .. } | Trouble::LeadsAway { .. } | Trouble::Circles) => true,
        Err(Trouble::Unreachable { .. } | Trouble::NoAnswer { .. } | Trouble::Private { .. }) => false,
    }
}

/// What follows.
///
/// # Errors
/// The fault with which the turn ends.
pub(super) fn decide(
    tried: Result<Received, Trouble>,
    rest: Rest,
    settings: &config::Endpoint,
) -> Result<Payload, Fault> {
    match tried {
        Ok(received) => match again(&received, rest) {
            Some(after) => {
                let text = format!("endpoint {} answered {}", settings.name, received.status.as_u16());
                Err(Fault::Retry { problem: Problem::new("not-now", text), after })
            }
            None => Ok(payload(received)),
        },
        Err(trouble) => Err(fault(&trouble, rest, settings)),
    }
}

/// Whether a response asks for another try, and when: none stands for the usual back-off.
fn again(received: &Received, rest: Rest) -> Option<Option<Duration>> {
    let after = retry_after(&received.headers, rest.now);
    let was_turned_away = match received.status.as_u16() {
        429 => true,
        503 => after.is_some() || rest.is_repeatable,
        408 | 502 | 504 => rest.is_repeatable,
        _ => false,
    };
    let at = rest.now.plus(after.unwrap_or_default());
    let in_time = after.unwrap_or_default() < RETRY.trying_max && rest.deadline.is_none_or(|deadline| at < deadline);
    (was_turned_away && !rest.is_last && in_time).then_some(after)
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Time) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
    Some(Duration::from_millis(u64::try_from(date).ok()?.saturating_sub(now.0)))
}

fn fault(trouble: &Trouble, rest: Rest, settings: &config::Endpoint) -> Fault {
    let (code, may_repeat) = match trouble {
        Trouble::Unreachable { .. } => ("unreachable", true),
        Trouble::NoAnswer { .. } if rest.is_repeatable => ("no-answer", true),
        Trouble::NoAnswer { .. } => ("unknown-outcome", false),
        Trouble::Private { .. } => ("private-address", false),
        Trouble::TooLarge { .. } => ("response-too-large", false),
        Trouble::LeadsAway { .. } | Trouble::Circles => ("redirect", false),
    };
    let problem = Problem::new(code, format!("endpoint {}: {trouble}", settings.name));
    if may_repeat && !rest.is_last { Fault::Retry { problem, after: None } } else { Fault::Fail(problem) }
}

/// The answer: the status, and of the headers what a message takes.
fn payload(received: Received) -> Payload {
    let mut headers = Headers::default();
    headers.push(STATUS, received.status.as_u16().to_string());
    let mut dropped = false;
    for (name, value) in &received.headers {
        let name = name.as_str();
        if OF_CLIENT.contains(&name) || name == STATUS || name == DROPPED {
            continue;
        }
        let one = value.to_str().ok().map(|value| Headers(vec![(name.into(), value.into())]));
        let one =
            one.filter(|one| one.check().is_ok() && one.bytes() + headers.bytes() + OWN_BYTES <= HEADERS_BYTES_MAX);
        match one.filter(|_| headers.0.len() + 1 < HEADERS_MAX) {
            Some(one) => headers.0.extend(one.0),
            None => dropped = true,
        }
    }
    headers.push_some(DROPPED, dropped.then_some("true"));
    Payload { headers, body: received.body }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::StatusCode;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    const NOW: Time = Time(1_700_000_000_000);

    fn settings() -> config::Endpoint {
        toml::from_str("name = \"pay\"\norigin = \"https://a.example\"").unwrap()
    }

    fn rest(is_last: bool, is_repeatable: bool) -> Rest {
        Rest { is_last, is_repeatable, now: NOW, deadline: Some(NOW.plus(Duration::from_secs(60))) }
    }

    fn received(status: u16, headers: &[(&str, &str)]) -> Received {
        let pairs = headers
            .iter()
            .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap()));
        Received { status: StatusCode::from_u16(status).unwrap(), headers: pairs.collect(), body: Bytes::new() }
    }

    fn decided(status: u16, headers: &[(&str, &str)], rest: Rest) -> Result<Payload, Fault> {
        decide(Ok(received(status, headers)), rest, &settings())
    }

    #[test]
    fn every_status_is_an_answer_but_those_that_mean_not_now() {
        for status in [200, 201, 204, 304, 400, 404, 409, 500, 501] {
            let payload = decided(status, &[("x-a", "b")], rest(false, true)).unwrap();
            assert_eq!(
                (payload.headers.get("status"), payload.headers.get("x-a")),
                (Some(&*status.to_string()), Some("b"))
            );
        }
        for status in [408, 429, 502, 503, 504] {
            assert!(
                matches!(decided(status, &[], rest(false, true)), Err(Fault::Retry { after: None, .. })),
                "{status}"
            );
            assert!(
                decided(status, &[], rest(true, true)).is_ok(),
                "the last try is answered with what came: {status}"
            );
        }
    }

    #[test]
    fn what_may_have_been_done_is_not_done_again() {
        for status in [408, 502, 503, 504] {
            assert!(decided(status, &[], rest(false, false)).is_ok(), "{status}");
        }
        assert!(decided(429, &[], rest(false, false)).is_err(), "it was turned away");
        assert!(decided(503, &[("retry-after", "1")], rest(false, false)).is_err(), "it was turned away");
        let lost = || Trouble::NoAnswer { reason: "closed".into() };
        let code = |fault| match fault {
            Err(Fault::Fail(problem)) => problem.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code(decide(Err(lost()), rest(false, false), &settings())), "unknown-outcome");
        assert_eq!(code(decide(Err(lost()), rest(true, true), &settings())), "no-answer");
        assert!(matches!(decide(Err(lost()), rest(false, true), &settings()), Err(Fault::Retry { .. })));
        let unreachable = Trouble::Unreachable { reason: "refused".into() };
        assert!(matches!(decide(Err(unreachable), rest(false, false), &settings()), Err(Fault::Retry { .. })));
    }

    #[test]
    fn the_endpoint_says_when_to_come_back() {
        let after = |value: &str| match decided(429, &[("retry-after", value)], rest(false, true)) {
            Err(Fault::Retry { after, .. }) => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("Tue, 14 Nov 2023 22:13:25 GMT"), Some(Duration::from_secs(5)));
        assert_eq!(after("soon"), None);
        for late in ["60", "100000"] {
            assert!(decided(429, &[("retry-after", late)], rest(false, true)).is_ok(), "nobody waits for it: {late}");
        }
    }

    #[test]
    fn headers_that_no_message_takes_are_dropped_and_that_is_told() {
        let long = "x".repeat(HEADERS_BYTES_MAX);
        for (name, value) in [("hydra-sender", "a"), ("nats-msg-id", "a"), ("x_a", "b"), ("x-long", long.as_str())] {
            let payload = decided(200, &[(name, value), ("status", "500")], rest(false, true)).unwrap();
            assert_eq!(payload.headers.0, [("status".into(), "200".into()), (DROPPED.into(), "true".to_owned())]);
        }
        let many: Vec<String> = (0..80).map(|number| format!("x-{number}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "v")).collect();
        assert_eq!(decided(200, &many, rest(false, true)).unwrap().headers.0.len(), HEADERS_MAX);
    }
}
