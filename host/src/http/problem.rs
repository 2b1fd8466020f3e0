//! Every way in which a request can fail: `application/problem+json` with a stable type.
//! All of `http` returns these; errors of the modules below become problems here and nowhere else.
//! Never shows a message's body or state, and never a token.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};

use super::view;
use crate::{backend, client, id, record, registry};

/// Carries the id of the message that an answer belongs to.
pub(super) const MESSAGE: HeaderName = HeaderName::from_static("hydra-message");

/// When to try again after a passing trouble of the host, in seconds.
const RETRY_SOON_S: u32 = 1;

/// A type of problem: slug, status, title.
pub(super) struct Type(&'static str, StatusCode, &'static str);

macro_rules! types {
    ($($name:ident = $slug:literal, $status:ident, $title:literal;)*) => {
        $(pub(super) const $name: Type = Type(concat!("urn:hydra:", $slug), StatusCode::$status, $title);)*

        #[cfg(test)]
        const ALL: &[Type] = &[$($name),*];
    };
}

types! {
    BAD_NAME = "bad-name", BAD_REQUEST, "A name breaks the grammar";
    BAD_REQUEST = "bad-request", BAD_REQUEST, "The request cannot be read";
    UNAUTHORIZED = "unauthorized", UNAUTHORIZED, "The bearer token is missing or wrong";
    FOREIGN_HOST = "foreign-host", FORBIDDEN, "The request is addressed to another host";
    FOREIGN_ORIGIN = "foreign-origin", FORBIDDEN, "The request comes from a foreign web page";
    NO_SUCH_ROUTE = "no-such-route", NOT_FOUND, "No such route";
    UNKNOWN_KIND = "unknown-kind", NOT_FOUND, "No such kind";
    UNKNOWN_VERSION = "unknown-version", NOT_FOUND, "No such version, or more than one";
    UNKNOWN_ACTOR = "unknown-actor", NOT_FOUND, "No such actor";
    NO_STATE = "no-state", NOT_FOUND, "The actor has no state";
    UNKNOWN_DEAD_LETTER = "unknown-dead-letter", NOT_FOUND, "No such dead letter";
    UNKNOWN_TIMER = "unknown-timer", NOT_FOUND, "No such timer";
    METHOD_NOT_ALLOWED = "method-not-allowed", METHOD_NOT_ALLOWED, "The route has no such method";
    SLOW_REQUEST = "slow-request", REQUEST_TIMEOUT, "The body did not arrive in time";
    KEY_REUSED = "key-reused", CONFLICT, "The idempotency key came before with another message";
    ALREADY_DONE = "already-done", CONFLICT, "Handled before, and the answer was not kept";
    CONFLICT = "conflict", CONFLICT, "Somebody else changed it at the same moment";
    TOO_LARGE = "too-large", PAYLOAD_TOO_LARGE, "Larger than the limit";
    REFUSED = "refused", UNPROCESSABLE_ENTITY, "The handler refused the message";
    FAILED = "failed", UNPROCESSABLE_ENTITY, "The handler can never handle the message";
    DEPLOY_REFUSED = "deploy-refused", UNPROCESSABLE_ENTITY, "The component or its manifest cannot be used";
    HANDLER_FAILED = "handler-failed", INTERNAL_SERVER_ERROR, "The handler broke";
    HOST_FAILED = "host-failed", INTERNAL_SERVER_ERROR, "The host has a bug";
    STORE_DAMAGED = "store-damaged", INTERNAL_SERVER_ERROR, "What is stored cannot be read";
    OVER_LIMIT = "over-limit", SERVICE_UNAVAILABLE, "Too much is in work";
    NOT_READY = "not-ready", SERVICE_UNAVAILABLE, "The host does not serve yet";
    STOPPING = "stopping", SERVICE_UNAVAILABLE, "The host is stopping";
    STORE_UNAVAILABLE = "store-unavailable", SERVICE_UNAVAILABLE, "The store cannot serve";
    STORE_UNKNOWN = "store-unknown", SERVICE_UNAVAILABLE, "The store did not say whether it was stored";
    SUSPENDED = "suspended", SERVICE_UNAVAILABLE, "The actor waits for a human";
    TIMEOUT = "timeout", GATEWAY_TIMEOUT, "Accepted, no answer yet";
}

/// A problem on its way to the caller; boxed, because it travels in the `Err` of everything here.
#[derive(Debug)]
pub(super) struct Problem(Box<view::Problem>);

impl Problem {
    pub(super) fn new(kind: Type, detail: impl Into<String>) -> Self {
        Self(Box::new(view::Problem {
            kind: Cow::Borrowed(kind.0),
            title: Cow::Borrowed(kind.2),
            status: kind.1.as_u16(),
            detail: detail.into(),
            code: None,
            id: None,
            dead_letter: None,
            size: None,
            limit: None,
            setting: None,
            retry_after_s: None,
        }))
    }

    /// Something larger than it may be. `setting` is where the limit stands; `size` is none if nobody counted.
    pub(super) fn too_large(what: &str, size: Option<u64>, limit: u64, setting: &'static str) -> Self {
        let bytes = size.map_or_else(|| "larger".to_owned(), |size| format!("{size} bytes"));
        let mut problem =
            Self::new(TOO_LARGE, format!("the {what} is {bytes}, the limit is {limit} bytes ({setting})"));
        problem.0.size = size;
        problem.0.limit = Some(limit);
        problem.0.setting = Some(Cow::Borrowed(setting));
        problem
    }

    pub(super) fn code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    pub(super) fn id(mut self, id: &crate::names::MessageId) -> Self {
        self.0.id = Some(id.to_string());
        self
    }

    pub(super) fn dead_letter(mut self, dead_letter: Option<String>) -> Self {
        self.0.dead_letter = dead_letter;
        self
    }

    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    #[cfg(test)]
    pub(super) fn view(&self) -> &view::Problem {
        &self.0
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.0.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(id) = self.0.id.and_then(|id| HeaderValue::try_from(id).ok()) {
            headers.insert(MESSAGE, id);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"hydra\""));
        }
        response
    }
}

impl From<id::Error> for Problem {
    fn from(error: id::Error) -> Self {
        Self::new(BAD_NAME, error.to_string())
    }
}

impl From<backend::Error> for Problem {
    fn from(error: backend::Error) -> Self {
        use backend::Error as E;
        let text = error.to_string();
        match error {
            E::Unavailable { .. } => Self::new(STORE_UNAVAILABLE, text).retry_after(RETRY_SOON_S),
            E::Unknown { .. } => Self::new(STORE_UNKNOWN, format!("{text}; repeat it with the same Idempotency-Key"))
                .retry_after(RETRY_SOON_S),
            E::TooLarge { what, size, limit } => {
                Self::too_large(what, Some(size as u64), limit as u64, "the store's own")
            }
            E::Closed => Self::new(STOPPING, text).retry_after(RETRY_SOON_S),
            E::Damaged { .. } => {
                tracing::error!("a request met a damaged store: {text}");
                Self::new(STORE_DAMAGED, text)
            }
        }
    }
}

impl From<record::Error> for Problem {
    fn from(error: record::Error) -> Self {
        Self::from(backend::Error::Damaged { reason: error.to_string() })
    }
}

impl From<client::Error> for Problem {
    fn from(error: client::Error) -> Self {
        use client::Error as E;
        match error {
            E::UnknownKind { .. } => Self::new(UNKNOWN_KIND, error.to_string()),
            E::TooLarge { size, limit } => {
                Self::too_large("message's body", Some(size as u64), limit as u64, super::input::MESSAGE_BODY.setting)
            }
            E::Malformed(_) | E::Key { .. } | E::ReservedKey | E::Ended => Self::new(BAD_REQUEST, error.to_string()),
            E::Store(error) => error.into(),
        }
    }
}

impl From<registry::Error> for Problem {
    fn from(error: registry::Error) -> Self {
        use registry::Error as E;
        match error {
            E::Refused { code, reason } => Self::new(DEPLOY_REFUSED, reason).code(code),
            E::UnknownKind { .. } => Self::new(UNKNOWN_KIND, error.to_string()),
            E::UnknownVersion { .. } | E::NoEarlier { .. } => Self::new(UNKNOWN_VERSION, error.to_string()),
            E::Conflict { .. } => Self::new(CONFLICT, error.to_string()),
            E::Unreadable { .. } => backend::Error::Damaged { reason: error.to_string() }.into(),
            E::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_problem_is_in_the_reference() {
        let reference = include_str!("../../../docs/reference/http.md");
        for Type(slug, status, _) in ALL {
            let row = reference.lines().find(|line| line.contains(&format!("`{slug}`")));
            let row = row.unwrap_or_else(|| panic!("docs/reference/http.md has no row for {slug}"));
            assert!(row.contains(status.as_str()), "{slug}: {row}");
        }
    }

    #[test]
    fn a_problem_is_written_as_the_standard_says() {
        let problem = Problem::too_large("body", Some(7), 5, "x.y_max").retry_after(3);
        let text = serde_json::to_string(problem.view()).unwrap();
        assert!(text.starts_with(r#"{"type":"urn:hydra:too-large","title":"#), "{text}");
        assert!(text.ends_with(r#""size":7,"limit":5,"setting":"x.y_max","retry_after_s":3}"#), "{text}");
        assert_eq!(serde_json::from_str::<view::Problem>(&text).unwrap(), *problem.view());
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(response.headers()[RETRY_AFTER], "3");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }

    #[test]
    fn a_lost_token_is_asked_for() {
        let response = Problem::new(UNAUTHORIZED, "x").into_response();
        assert!(response.headers().contains_key(WWW_AUTHENTICATE));
    }
}
