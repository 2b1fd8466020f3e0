//! `POST /v1/actors/{kind}/{id}/{subject}`: a request's body becomes a message, its outcome the response.
//! The hot path of the API: nothing is parsed but names, nothing is copied but the body, once.
//! The mapping of outcomes is pure. Never looks into a body, and never answers 2xx for what was not accepted.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::input::{self, Parameters, Segments};
use super::problem::{
    ALREADY_DONE, BAD_REQUEST, FAILED, HANDLER_FAILED, KEY_REUSED, MESSAGE, Problem, REFUSED, SUSPENDED, TIMEOUT, Type,
};
use super::routes::Host;
use super::view::Accepted;
use crate::client::{self, Asked};
use crate::message::{Answer, Headers, Status, header};
use crate::names::{MessageId, Subject};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAY: HeaderName = HeaderName::from_static("idempotent-replay");
/// Headers of these names travel with messages and replies, besides `Content-Type`.
const TRAVELLING: &str = "x-";
/// When to ask a suspended actor again, in seconds: a human is needed, so not soon.
const SUSPENDED_RETRY_S: u32 = 30;

/// The query of an ask.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct How {
    send: Option<String>,
    timeout: Option<String>,
}

impl How {
    /// Whether nobody waits: `?send`.
    fn is_send(&self) -> Result<bool, Problem> {
        match self.send.as_deref() {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(_) => Err(Problem::new(BAD_REQUEST, "send has no value: write ?send")),
        }
    }
}

/// Asks an actor, or sends it a message with `?send`.
pub(super) async fn ask(
    State(shared): Host,
    Segments((kind, id, subject)): Segments<(String, String, String)>,
    Parameters(how): Parameters<How>,
    request: Request,
) -> Result<Response, Problem> {
    let to = input::outside_actor(&kind, &id)?;
    let subject = Subject::new(&subject)?;
    let (is_send, timeout) = (how.is_send()?, input::timeout(how.timeout.as_deref())?);
    let (parts, body) = request.into_parts();
    let message = client::Request {
        to,
        subject,
        headers: travelling(&parts.headers)?,
        key: text(&parts.headers, &KEY)?,
        trace: trace(&parts.headers)?,
        body: input::body(body, &input::MESSAGE_BODY).await?,
    };
    if is_send {
        return shared.api.client.send(message).await.map(accepted).map_err(Into::into);
    }
    shared.api.client.ask(message, timeout).await.map(|asked| response(asked, timeout)).map_err(Into::into)
}

/// The response that says that a message is stored and nobody waits for it.
pub(super) fn accepted(id: MessageId) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(Accepted { id: id.to_string() })).into_response();
    insert_id(response.headers_mut(), &id);
    response
}

/// The response that tells how a message ended.
pub(super) fn response(asked: Asked, timeout: Duration) -> Response {
    match asked {
        Asked::TimedOut(id) => {
            let detail = format!("accepted, still trying: there was no answer within {timeout:?}");
            Problem::new(TIMEOUT, detail).id(&id).into_response()
        }
        Asked::Answered(answer) => answered(answer),
    }
}

fn answered(answer: Answer) -> Response {
    let replayed = answer.replayed;
    let mut response = match answer.status {
        Status::Replied => replied(answer),
        Status::Done => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            insert_id(response.headers_mut(), &answer.id);
            response
        }
        Status::Refused => problem(REFUSED, answer).into_response(),
        Status::Failed => problem(FAILED, answer).into_response(),
        Status::HandlerFailed => problem(HANDLER_FAILED, answer).into_response(),
        Status::Suspended => problem(SUSPENDED, answer).retry_after(SUSPENDED_RETRY_S).into_response(),
        Status::KeyReused => problem(KEY_REUSED, answer).into_response(),
        Status::AlreadyDone => problem(ALREADY_DONE, answer).into_response(),
    };
    if replayed {
        response.headers_mut().insert(REPLAY, HeaderValue::from_static("true"));
    }
    response
}

fn replied(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    let headers = response.headers_mut();
    insert_id(headers, &answer.id);
    for (name, value) in &answer.headers.0 {
        // A guest may write what HTTP cannot carry: that header is left out, the reply is not.
        let name = HeaderName::from_bytes(name.as_bytes()).ok().filter(travels);
        if let (Some(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.append(name, value);
        }
    }
    response
}

fn problem(kind: Type, answer: Answer) -> Problem {
    let (code, text) = match answer.problem {
        Some(problem) => (Some(problem.code), problem.text),
        None => (None, "the handler gave no reason".to_owned()),
    };
    let problem = Problem::new(kind, text).id(&answer.id).dead_letter(answer.dead_letter);
    match code {
        Some(code) => problem.code(code),
        None => problem,
    }
}

fn insert_id(headers: &mut HeaderMap, id: &MessageId) {
    // An id that HTTP cannot carry was made by a foreign publisher, who knows it.
    if let Ok(id) = HeaderValue::from_bytes(id.as_str().as_bytes()) {
        headers.insert(MESSAGE, id);
    }
}

fn travels(name: &HeaderName) -> bool {
    name == CONTENT_TYPE || name.as_str().starts_with(TRAVELLING)
}

/// The caller's headers that go with the message.
fn travelling(headers: &HeaderMap) -> Result<Headers, Problem> {
    let pair = |(name, value): (&HeaderName, &HeaderValue)| Ok((name.as_str().to_owned(), utf8(name, value)?));
    headers.iter().filter(|(name, _)| travels(name)).map(pair).collect::<Result<_, _>>().map(Headers)
}

/// The trace context as messages carry it; the client checks it.
fn trace(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let text = |name| text(headers, &HeaderName::from_static(name));
    let (parent, state) = (text(header::TRACE)?, text(header::TRACE_STATE)?);
    Ok(parent.map(|parent| state.map_or_else(|| parent.clone(), |state| format!("{parent} {state}"))))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Problem> {
    headers.get(name).map(|value| utf8(name, value)).transpose()
}

fn utf8(name: &HeaderName, value: &HeaderValue) -> Result<String, Problem> {
    let refuse = |_| Problem::new(BAD_REQUEST, format!("the header {name} is not UTF-8"));
    std::str::from_utf8(value.as_bytes()).map(Into::into).map_err(refuse)
}

/// Bytes as they are: a browser must neither take them for a page nor guess what they are.
pub(super) fn raw(bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::view;
    use crate::message;

    const ID: &str = "in:counter/alice:1";

    fn answer(status: Status) -> Answer {
        let answer = Answer::new(MessageId::stored(ID), status);
        if status.problem().is_some() { answer.with_problem(message::Problem::new("why", "because")) } else { answer }
    }

    fn responded(answer: Answer) -> Response {
        response(Asked::Answered(answer), Duration::from_secs(1))
    }

    async fn told(response: Response) -> view::Problem {
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn every_outcome_has_its_status() {
        let table = [
            (Status::Replied, 200, None),
            (Status::Done, 204, None),
            (Status::Refused, 422, Some("urn:hydra:refused")),
            (Status::Failed, 422, Some("urn:hydra:failed")),
            (Status::HandlerFailed, 500, Some("urn:hydra:handler-failed")),
            (Status::Suspended, 503, Some("urn:hydra:suspended")),
            (Status::KeyReused, 409, Some("urn:hydra:key-reused")),
            (Status::AlreadyDone, 409, Some("urn:hydra:already-done")),
        ];
        for (status, code, kind) in table {
            let response = responded(answer(status));
            assert_eq!(response.status().as_u16(), code, "{status:?}");
            assert_eq!(response.headers()[MESSAGE], ID, "{status:?}");
            assert!(!response.headers().contains_key(REPLAY));
            assert_eq!(response.headers().contains_key("retry-after"), status == Status::Suspended);
            if let Some(kind) = kind {
                let told = told(response).await;
                assert_eq!((&*told.kind, told.code.as_deref(), &*told.detail), (kind, Some("why"), "because"));
                assert_eq!((told.status, told.id.as_deref()), (code, Some(ID)));
            }
        }
    }

    #[tokio::test]
    async fn a_time_out_is_accepted_and_names_the_message() {
        let response = response(Asked::TimedOut(MessageId::stored(ID)), Duration::from_secs(5));
        assert_eq!((response.status().as_u16(), response.headers()[MESSAGE].to_str().unwrap()), (504, ID));
        let told = told(response).await;
        assert_eq!((&*told.kind, told.id.as_deref()), ("urn:hydra:timeout", Some(ID)));
        assert!(told.detail.starts_with("accepted, still trying") && told.detail.ends_with("5s"), "{}", told.detail);
    }

    #[tokio::test]
    async fn a_reply_carries_its_bytes_and_its_own_headers_only() {
        let mut replied = answer(Status::Replied);
        replied.body = Bytes::from_static(b"\xff\0raw");
        for (name, value) in [
            ("Content-Type", "text/x"),
            ("X-A", "1"),
            ("x-a", "2"),
            ("x-bell", "\u{7}"),
            ("X-Ö", "1"),
            ("Set-Cookie", "a=b"),
        ] {
            replied.headers.push(name, value);
        }
        let response = responded(replied);
        let mut names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "hydra-message", "x-a"]);
        assert_eq!(response.headers().get_all("x-a").iter().count(), 2);
        assert_eq!(axum::body::to_bytes(response.into_body(), 100).await.unwrap(), &b"\xff\0raw"[..]);
    }

    #[tokio::test]
    async fn kept_answers_say_so_and_dead_letters_are_named() {
        for status in [Status::Replied, Status::Done, Status::Failed] {
            let response = responded(Answer { replayed: true, ..answer(status) });
            assert_eq!(response.headers()[REPLAY], "true", "{status:?}");
        }
        let failed = Answer { dead_letter: Some("3a.1:7".into()), ..answer(Status::HandlerFailed) };
        assert_eq!(told(responded(failed)).await.dead_letter.as_deref(), Some("3a.1:7"));
    }

    #[test]
    fn only_content_type_and_x_headers_reach_the_actor() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "text/plain"),
            ("x-tenant", "ö"),
            ("authorization", "Bearer x"),
            ("cookie", "a"),
            ("hydra-sender", "x"),
        ] {
            headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let mut sent = travelling(&headers).unwrap().0;
        sent.sort_unstable();
        assert_eq!(sent, [("content-type".into(), "text/plain".into()), ("x-tenant".into(), "ö".into())]);
        headers.insert("x-tenant", HeaderValue::from_bytes(b"\xff").unwrap());
        assert!(travelling(&headers).is_err());
    }

    #[test]
    fn send_is_a_switch() {
        let is_send = |send: Option<&str>| How { send: send.map(Into::into), timeout: None }.is_send().ok();
        assert_eq!(
            [None, Some("false"), Some(""), Some("true"), Some("x")].map(is_send),
            [Some(false), Some(false), Some(true), Some(true), None]
        );
    }
}
