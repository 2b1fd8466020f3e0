//! Actors as operators see them: list, show, state, and what can be done to one.
//! Reads records; what changes one goes through the actor's own mailbox by `Client::operate`.
//! Never writes a record, and never interprets state.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::ALLOW;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::ask::{raw, response};
use super::input::{self, Parameters, Segments, Wait};
use super::problem::{BAD_REQUEST, METHOD_NOT_ALLOWED, NO_STATE, Problem, UNKNOWN_ACTOR};
use super::routes::{Host, Shared};
use super::turns;
use super::view::{Actor, ActorStatus, Actors};
use crate::client::{Asked, Operation};
use crate::id::{ActorId, Kind};
use crate::message::Answer;
use crate::operation;
use crate::record::{self, Record, Status};

type Named = Segments<(String, String)>;

/// The query of a list of actors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    kind: Option<String>,
    status: Option<ActorStatus>,
    after: Option<String>,
    limit: Option<usize>,
}

/// A page of actors that have a record.
pub(super) async fn list(State(shared): Host, Parameters(page): Parameters<Page>) -> Result<Json<Actors>, Problem> {
    let limit = input::page_size(page.limit)?;
    let prefix = match page.kind {
        Some(kind) => format!("{}.", Kind::new(&kind)?),
        None => String::new(),
    };
    if page.after.as_ref().is_some_and(|after| !after.starts_with(&prefix)) {
        return Err(Problem::new(BAD_REQUEST, "after must be the `next` of a page of the same kind"));
    }
    let keys = shared.api.backend.actors.list(&prefix, page.after.as_deref(), limit).await?;
    let next = if keys.len() == limit { keys.last().cloned() } else { None };
    let mut actors = Vec::with_capacity(keys.len());
    // Rows of other things stand between the records: those are no actors.
    for actor in keys.iter().filter_map(|key| record::actor_of(key)) {
        if let Some(record) = read(&shared, &actor).await? {
            actors.push(view(actor, record));
        }
    }
    actors.retain(|actor| page.status.is_none_or(|status| actor.status == status));
    Ok(Json(Actors { actors, next }))
}

/// One actor, without its state.
pub(super) async fn show(State(shared): Host, Segments((kind, id)): Named) -> Result<Json<Actor>, Problem> {
    let actor = input::any_actor(&kind, &id)?;
    let record = existing(&shared, &actor).await?;
    Ok(Json(view(actor, record)))
}

/// What can be read below an actor: exactly the state's bytes, or its last turns.
pub(super) async fn below(
    State(shared): Host,
    Segments((kind, id, subject)): Segments<(String, String, String)>,
) -> Result<Response, Problem> {
    let actor = input::any_actor(&kind, &id)?;
    match subject.as_str() {
        "state" => {
            let record = existing(&shared, &actor).await?;
            let bytes = record.state.ok_or_else(|| Problem::new(NO_STATE, format!("{actor} has no state")))?;
            Ok(raw(bytes))
        }
        "history" => Ok(turns::of(&shared, &actor).await?.into_response()),
        _ => {
            let detail = "below an actor only its state and its history can be read; messages are sent with POST";
            Ok(([(ALLOW, "POST")], Problem::new(METHOD_NOT_ALLOWED, detail)).into_response())
        }
    }
}

/// Forgets an actor.
pub(super) async fn delete(host: Host, actor: Named, wait: Parameters<Wait>) -> Result<Response, Problem> {
    operate(host, actor, wait, Operation::Delete).await
}

/// Lets an actor's messages wait.
pub(super) async fn suspend(host: Host, actor: Named, wait: Parameters<Wait>) -> Result<Response, Problem> {
    operate(host, actor, wait, Operation::Suspend).await
}

/// Lets an actor work again.
pub(super) async fn resume(host: Host, actor: Named, wait: Parameters<Wait>) -> Result<Response, Problem> {
    operate(host, actor, wait, Operation::Resume).await
}

/// Makes the message that an actor is stuck at a dead letter.
pub(super) async fn skip(host: Host, actor: Named, wait: Parameters<Wait>) -> Result<Response, Problem> {
    operate(host, actor, wait, Operation::Skip).await
}

/// Replaces an actor's state by the request's body.
pub(super) async fn set_state(
    host: Host,
    actor: Named,
    wait: Parameters<Wait>,
    request: Request,
) -> Result<Response, Problem> {
    let bytes = input::body(request.into_body(), &input::STATE).await?;
    operate(host, actor, wait, Operation::SetState(bytes)).await
}

async fn operate(
    State(shared): Host,
    Segments((kind, id)): Named,
    Parameters(wait): Parameters<Wait>,
    operation: Operation,
) -> Result<Response, Problem> {
    let actor = input::outside_actor(&kind, &id)?;
    let timeout = input::timeout(wait.timeout.as_deref())?;
    let asked = shared.api.client.operate(actor, operation, timeout).await?;
    if let Asked::Answered(Answer { problem: Some(problem), .. }) = &asked
        && problem.code == operation::NO_SUCH_ACTOR
    {
        return Err(Problem::new(UNKNOWN_ACTOR, problem.text.clone()));
    }
    Ok(response(asked, timeout))
}

async fn existing(shared: &Shared, actor: &ActorId) -> Result<Record, Problem> {
    let unknown = || Problem::new(UNKNOWN_ACTOR, format!("{actor} has handled no message yet, or was deleted"));
    read(shared, actor).await?.ok_or_else(unknown)
}

/// An actor's record, unless it is only a deleted one's.
pub(super) async fn read(shared: &Shared, actor: &ActorId) -> Result<Option<Record>, Problem> {
    let Some(entry) = shared.api.backend.actors.get(&record::key(actor)).await? else { return Ok(None) };
    Ok(Some(Record::decode(&entry)?).filter(|record| record.status != Status::Deleted))
}

/// Whether an actor works, and why not.
pub(super) struct Standing {
    pub(super) status: ActorStatus,
    pub(super) reason: Option<crate::message::Problem>,
}

pub(super) fn standing(status: Status) -> Standing {
    match status {
        Status::Suspended(problem) => Standing { status: ActorStatus::Suspended, reason: Some(problem) },
        Status::Active | Status::Deleted => Standing { status: ActorStatus::Active, reason: None },
    }
}

fn view(actor: ActorId, record: Record) -> Actor {
    let Standing { status, reason } = standing(record.status);
    Actor {
        actor,
        status,
        reason,
        cursor: record.cursor.map(|cursor| cursor.to_string()),
        version: record.version,
        committed: record.committed,
        state_bytes: record.state.map(|state| state.len()),
    }
}
