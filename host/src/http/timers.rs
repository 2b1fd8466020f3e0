//! Timers as operators see them: all of them, those of one actor, one; and the end of one.
//! Finds actors by their markers and reads their records; cancelling goes through the actor's own mailbox.
//! Never writes a record, and never shows what a timer's messages hold.

use axum::Json;
use axum::extract::State;
use axum::response::Response;

use super::ask::response;
use super::input::{self, Page, Parameters, Segments, Wait};
use super::problem::{BAD_REQUEST, Problem, UNKNOWN_TIMER};
use super::routes::{Host, Shared};
use super::view::{Timer, Timers, TimersOf};
use crate::client::{Asked, Operation};
use crate::id::{ActorId, Kind};
use crate::message::Answer;
use crate::operation;
use crate::record::{self, Record};
use crate::wake::{self, MARKER};

/// A page of actors' timers.
pub(super) async fn list(State(shared): Host, Parameters(page): Parameters<Page>) -> Result<Json<Timers>, Problem> {
    let limit = input::page_size(page.limit)?;
    let kind = page.kind.as_deref().map(Kind::new).transpose()?;
    let prefix = format!("{MARKER}.");
    if page.after.as_ref().is_some_and(|after| !after.starts_with(&prefix)) {
        return Err(Problem::new(BAD_REQUEST, "after must be the `next` of an earlier page"));
    }
    let keys = shared.api.backend.actors.list(&prefix, page.after.as_deref(), limit).await?;
    let next = if keys.len() == limit { keys.last().cloned() } else { None };
    let actors = keys.iter().filter_map(|key| wake::marked_actor(key));
    let mut timers = Vec::new();
    for actor in actors.filter(|actor| kind.as_ref().is_none_or(|kind| actor.kind() == kind)) {
        timers.extend(of(&shared, &actor).await?.timers);
    }
    Ok(Json(Timers { timers, next }))
}

/// One actor's timers, and how many answers it waits for.
pub(super) async fn show_all(
    State(shared): Host,
    Segments((kind, id)): Segments<(String, String)>,
) -> Result<Json<TimersOf>, Problem> {
    Ok(Json(of(&shared, &input::any_actor(&kind, &id)?).await?))
}

/// One timer.
pub(super) async fn show(
    State(shared): Host,
    Segments((kind, id, name)): Segments<(String, String, String)>,
) -> Result<Json<Timer>, Problem> {
    let actor = input::any_actor(&kind, &id)?;
    let timers = of(&shared, &actor).await?.timers;
    timers.into_iter().find(|timer| timer.name == name).map(Json).ok_or_else(|| unknown(&actor, &name))
}

/// Ends one timer.
pub(super) async fn cancel(
    State(shared): Host,
    Segments((kind, id, name)): Segments<(String, String, String)>,
    Parameters(wait): Parameters<Wait>,
) -> Result<Response, Problem> {
    let (actor, timeout) = (input::outside_actor(&kind, &id)?, input::timeout(wait.timeout.as_deref())?);
    let operation = Operation::CancelTimer(name.clone());
    let asked = shared.api.client.operate(actor.clone(), operation, timeout).await?;
    match &asked {
        Asked::Answered(Answer { problem: Some(problem), .. }) if problem.code == operation::NO_SUCH_TIMER => {
            Err(unknown(&actor, &name))
        }
        _ => Ok(response(asked, timeout)),
    }
}

async fn of(shared: &Shared, actor: &ActorId) -> Result<TimersOf, Problem> {
    let entry = shared.api.backend.actors.get(&record::key(actor)).await?;
    let record = entry.map(|entry| Record::decode(&entry)).transpose()?.unwrap_or_default();
    let timers = record.waits.timers.into_iter().map(|timer| Timer {
        actor: actor.clone(),
        name: timer.name,
        schedule: timer.schedule.to_string(),
        missed: timer.missed,
        due: timer.due,
        body_bytes: timer.body.len(),
    });
    Ok(TimersOf { actor: actor.clone(), timers: timers.collect(), requests: record.waits.requests.len() })
}

fn unknown(actor: &ActorId, name: &str) -> Problem {
    let name = crate::id::shown(name);
    Problem::new(UNKNOWN_TIMER, format!("{actor} has no timer {name:?}: hydra timer show {actor}"))
}
