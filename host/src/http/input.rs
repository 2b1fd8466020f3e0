//! Reads requests: path segments, queries, bodies, each within its bounds and with a problem that names what is wrong.
//! Called by every handler. Never reads a body beyond its limit, and never waits for one for ever.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use bytes::BytesMut;
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::{BAD_NAME, BAD_REQUEST, Problem, SLOW_REQUEST};
use crate::id::{ActorId, Kind};
use crate::manifest::STATE_BYTES_MAX;
use crate::message::BODY_BYTES_MAX;

/// A body must have arrived within this time; a component within [`UPLOAD_TIME_MAX`].
const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// A component must have arrived within this time.
pub(super) const UPLOAD_TIME_MAX: Duration = Duration::from_secs(300);
/// So much beyond its limit is read and thrown away: a client that is told while it still writes may miss the answer.
const DISCARD_BYTES_MAX: u64 = 1 << 20;
/// Items of one page.
const PAGE_MAX: usize = 1_000;
const PAGE_DEFAULT: usize = 100;
/// Answers are awaited so long unless the caller says otherwise.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
const TIMEOUT_MAX: Duration = Duration::from_secs(300);

/// The query of a list of actors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    pub(super) kind: Option<String>,
    pub(super) after: Option<String>,
    pub(super) limit: Option<usize>,
}

/// The query of everything that waits.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    pub(super) timeout: Option<String>,
}

/// What a body is, how large it may be, and where that is set.
pub(super) struct Bound {
    pub(super) what: &'static str,
    pub(super) limit: u64,
    pub(super) setting: &'static str,
}

/// The body of a message to an actor.
pub(super) const MESSAGE_BODY: Bound = Bound {
    what: "message's body",
    limit: BODY_BYTES_MAX as u64,
    setting: "fixed: keep large data elsewhere and send its name",
};
/// The state that an operator sets.
pub(super) const STATE: Bound =
    Bound { what: "state", limit: STATE_BYTES_MAX, setting: "ceiling of limits.state_bytes_max in actor.toml" };
/// A JSON document.
pub(super) const DOCUMENT: Bound = Bound { what: "document", limit: 64 << 10, setting: "fixed" };

/// The decoded segments of the path. An id may hold any UTF-8, a slash as `%2F`.
pub(super) struct Segments<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refuse = |rejection: PathRejection| Problem::new(BAD_NAME, rejection.body_text());
        Path::from_request_parts(parts, state).await.map(|Path(segments)| Self(segments)).map_err(refuse)
    }
}

/// The query. Unknown parameters are refused by the target's `deny_unknown_fields`.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let refuse = |rejection: QueryRejection| Problem::new(BAD_REQUEST, rejection.body_text());
        Query::try_from_uri(&parts.uri).map(|Query(query)| Self(query)).map_err(refuse)
    }
}

/// An actor that callers may speak to.
pub(super) fn outside_actor(kind: &str, id: &str) -> Result<ActorId, Problem> {
    Ok(ActorId::new(Kind::from_outside(kind)?, id)?)
}

/// An actor that may be looked at: the host's own too.
pub(super) fn any_actor(kind: &str, id: &str) -> Result<ActorId, Problem> {
    Ok(ActorId::new(Kind::new(kind)?, id)?)
}

/// Size of a page: 1 to 1,000, 100 if not given.
pub(super) fn page_size(limit: Option<usize>) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(PAGE_DEFAULT);
    if (1..=PAGE_MAX).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::new(BAD_REQUEST, format!("limit={limit} is not possible: a page has 1 to {PAGE_MAX} items")))
}

/// Reads `500ms`, `5s` or `1m`: 1 ms to 5 min, 30 s if not given.
pub(super) fn timeout(text: Option<&str>) -> Result<Duration, Problem> {
    let Some(text) = text else { return Ok(TIMEOUT_DEFAULT) };
    let refuse = || {
        let shown = crate::id::shown(text);
        Problem::new(BAD_REQUEST, format!("timeout={shown:?} is not a time: write 500ms, 5s or 1m; 1 ms to 5 min"))
    };
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(refuse)?;
    let (number, unit) = text.split_at_checked(unit_at).ok_or_else(refuse)?;
    let number: u32 = number.parse().map_err(|_| refuse())?;
    let timeout = match unit {
        "ms" => Duration::from_millis(number.into()),
        "s" => Duration::from_secs(number.into()),
        "m" => Duration::from_secs(u64::from(number) * 60),
        _ => return Err(refuse()),
    };
    if (Duration::from_millis(1)..=TIMEOUT_MAX).contains(&timeout) { Ok(timeout) } else { Err(refuse()) }
}

/// Reads a body. The bytes are copied once, so that a small body does not hold on to the connection's buffer.
pub(super) async fn body(body: Body, bound: &Bound) -> Result<Bytes, Problem> {
    in_time(BODY_TIME_MAX, collect(body, bound)).await
}

/// Reads a JSON document; an empty body is an empty object.
pub(super) async fn document<T: DeserializeOwned + Default>(from: Body) -> Result<T, Problem> {
    let bytes = body(from, &DOCUMENT).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::new(BAD_REQUEST, format!("the JSON cannot be read: {error}")))
}

/// Waits for something that the caller sends, but not for ever.
pub(super) async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let late = |_| Err(Problem::new(SLOW_REQUEST, format!("the body must arrive within {} s", limit.as_secs())));
    tokio::time::timeout(limit, work).await.unwrap_or_else(late)
}

async fn collect(body: Body, bound: &Bound) -> Result<Bytes, Problem> {
    let declared = body.size_hint().exact();
    if declared.is_some_and(|size| size > bound.limit + DISCARD_BYTES_MAX) {
        return Err(Problem::too_large(bound.what, declared, bound.limit, bound.setting));
    }
    let mut size = 0_u64;
    let expected = declared.filter(|declared| *declared <= bound.limit).unwrap_or(0);
    let mut bytes = BytesMut::with_capacity(usize::try_from(expected).unwrap_or(0));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Problem::new(BAD_REQUEST, format!("the body broke off: {error}")))?;
        size += chunk.len() as u64;
        if size <= bound.limit {
            bytes.extend_from_slice(&chunk);
        } else if size > bound.limit + DISCARD_BYTES_MAX {
            return Err(Problem::too_large(bound.what, None, bound.limit, bound.setting));
        }
    }
    if size > bound.limit {
        return Err(Problem::too_large(bound.what, Some(size), bound.limit, bound.setting));
    }
    Ok(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Bound = Bound { what: "thing", limit: 10, setting: "x.thing_max" };

    fn chunks(count: usize) -> Body {
        let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&[7; 1024]));
        Body::from_stream(futures_util::stream::iter((0..count).map(move |_| chunk())))
    }

    #[test]
    fn timeouts_have_a_unit_and_bounds() {
        for (text, ms) in
            [("1ms", 1), ("500ms", 500), ("5s", 5_000), ("1m", 60_000), ("300s", 300_000), ("5m", 300_000)]
        {
            assert_eq!(timeout(Some(text)).unwrap(), Duration::from_millis(ms), "{text}");
        }
        assert_eq!(timeout(None).unwrap(), TIMEOUT_DEFAULT);
        for text in
            ["", "5", "s", "0ms", "0s", "6m", "300001ms", "-1s", "+1s", "1.5s", "5 s", "5S", "1h", "99999999999s", "é"]
        {
            assert_eq!(timeout(Some(text)).unwrap_err().view().status, 400, "{text}");
        }
    }

    #[test]
    fn pages_are_bounded() {
        assert_eq!(page_size(None).unwrap(), PAGE_DEFAULT);
        assert!(page_size(Some(0)).is_err() && page_size(Some(PAGE_MAX + 1)).is_err());
    }

    #[test]
    fn the_hosts_own_kinds_are_looked_at_but_not_spoken_to() {
        assert!(any_actor("sys-http", "x").is_ok() && outside_actor("sys-http", "x").is_err());
    }

    #[tokio::test]
    async fn a_body_up_to_its_limit_is_read() {
        assert_eq!(body(Body::from("0123456789"), &SMALL).await.unwrap(), "0123456789");
        assert_eq!(body(Body::empty(), &SMALL).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_body_over_its_limit_is_refused_with_size_limit_and_setting() {
        for too_large in [Body::from("0123456789a"), chunks(1)] {
            let problem = body(too_large, &SMALL).await.unwrap_err();
            let view = problem.view();
            assert_eq!((view.status, view.limit, view.setting.as_deref()), (413, Some(10), Some("x.thing_max")));
            assert!(view.size.is_some_and(|size| size > 10) && view.detail.contains("10 bytes"), "{}", view.detail);
        }
    }

    #[tokio::test]
    async fn an_endless_body_is_not_read_to_its_end() {
        let problem = body(chunks(1 << 30), &SMALL).await.unwrap_err();
        assert_eq!((problem.view().status, problem.view().size), (413, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_not_awaited_for_ever() {
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(body(never, &SMALL).await.unwrap_err().view().status, 408);
    }
}
