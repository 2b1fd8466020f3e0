//! `GET /v1/events`: what happens in this host, one JSON object a line, for `hydra tail` and `hydra dev`.
//! A line is pulled when the client takes it, so a slow one loses events and holds up nobody.
//! Never carries a body or state: `events` has none.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::input::Parameters;
use super::problem::{OVER_LIMIT, Problem};
use super::routes::Host;
use crate::events::{self, Event, Events};
use crate::id::{ActorId, Kind};

/// Clients that follow at once.
pub(super) const FOLLOWERS_MAX: usize = 64;
/// An empty line goes out so often: a client that is gone is noticed, and so is a host that is.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// When to try again after too many followers, in seconds.
const FOLLOWERS_RETRY_S: u32 = 10;

/// The query.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    kind: Option<String>,
    actor: Option<String>,
}

/// Whose events are wanted; nothing given: everybody's.
struct Filter {
    kind: Option<Kind>,
    actor: Option<ActorId>,
}

struct Following {
    events: Events,
    filter: Filter,
    heartbeat: Interval,
    shutdown: CancellationToken,
    _place: OwnedSemaphorePermit,
}

/// Follows events from now on, until the client goes or the host stops. The first line is empty and comes at once.
pub(super) async fn follow(State(shared): Host, Parameters(wanted): Parameters<Wanted>) -> Result<Response, Problem> {
    let filter = Filter {
        kind: wanted.kind.as_deref().map(Kind::new).transpose()?,
        actor: wanted.actor.as_deref().map(ActorId::parse).transpose()?,
    };
    let place = Arc::clone(&shared.followers).try_acquire_owned().map_err(|_| {
        let detail = format!("{FOLLOWERS_MAX} clients follow events, more are not taken");
        Problem::new(OVER_LIMIT, detail).retry_after(FOLLOWERS_RETRY_S)
    })?;
    let events = events::follow(&*shared.api.backend.log).await?;
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let following = Following { events, filter, heartbeat, shutdown: shared.shutdown.clone(), _place: place };
    let lines = futures_util::stream::unfold(following, |mut following| async move {
        following.next_line().await.map(|line| (Ok::<_, Infallible>(line), following))
    });
    let mut response = Response::new(Body::from_stream(lines));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

impl Following {
    /// The next line; none at the end.
    async fn next_line(&mut self) -> Option<Bytes> {
        loop {
            // All three are cancel-safe: a dropped one loses neither an event nor a beat.
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return None,
                event = self.events.next() => {
                    let event = event?;
                    if self.filter.wants(&event) {
                        let mut line = serde_json::to_vec(&event).unwrap_or_default();
                        line.push(b'\n');
                        return Some(line.into());
                    }
                }
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(b"\n")),
            }
        }
    }
}

impl Filter {
    fn wants(&self, event: &Event) -> bool {
        let (Event::Turn { actor, .. } | Event::Line { actor, .. }) = event;
        let kind = actor.split_once('/').map_or(actor.as_str(), |(kind, _)| kind);
        self.kind.as_ref().is_none_or(|wanted| wanted.as_str() == kind)
            && self.actor.as_ref().is_none_or(|wanted| wanted.to_string() == *actor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::effects::Level;

    #[test]
    fn a_filter_lets_through_what_was_asked_for() {
        let event = Event::Line { time: Time(1), actor: "counter/a/b".into(), level: Level::Info, text: String::new() };
        let wants = |kind: Option<&str>, actor: Option<&str>| {
            let kind = kind.map(|kind| Kind::new(kind).unwrap());
            Filter { kind, actor: actor.map(|actor| ActorId::parse(actor).unwrap()) }.wants(&event)
        };
        assert!(wants(None, None) && wants(Some("counter"), None) && wants(Some("counter"), Some("counter/a/b")));
        assert!(
            !wants(Some("count"), None) && !wants(None, Some("counter/a")) && !wants(Some("x"), Some("counter/a/b"))
        );
    }
}
