//! Dead letters as operators see them: list, show, read, replay, drop.
//! A thin edge on `deadletter`. Never changes one: a replay is a new message.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::ask::{accepted, raw};
use super::input::{self, Parameters, Segments};
use super::problem::{Problem, UNKNOWN_DEAD_LETTER};
use super::routes::Host;
use super::view::DeadLetters;
use crate::deadletter::{self, DeadLetter};
use crate::id::{Kind, Seq};
use crate::names::MessageId;

/// The query of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    kind: Option<String>,
    after: Option<Seq>,
    limit: Option<usize>,
}

/// A page of dead letters, oldest first.
pub(super) async fn list(
    State(shared): Host,
    Parameters(page): Parameters<Page>,
) -> Result<Json<DeadLetters>, Problem> {
    let limit = input::page_size(page.limit)?;
    let kind = page.kind.as_deref().map(Kind::new).transpose()?;
    let after = page.after.unwrap_or_default();
    let dead_letters = deadletter::list(&shared.api.backend, kind.as_ref(), after, limit).await?;
    let next = if dead_letters.len() == limit { dead_letters.last().map(|last| last.seq) } else { None };
    Ok(Json(DeadLetters { dead_letters, next }))
}

/// One dead letter, without its body.
pub(super) async fn show(State(shared): Host, Segments(id): Segments<String>) -> Result<Json<DeadLetter>, Problem> {
    let found = deadletter::show(&shared.api.backend, &id).await?;
    found.map(|(dead_letter, _)| Json(dead_letter)).ok_or_else(|| unknown(&id))
}

/// Exactly the bytes of its message.
pub(super) async fn body(State(shared): Host, Segments(id): Segments<String>) -> Result<Response, Problem> {
    let found = deadletter::show(&shared.api.backend, &id).await?;
    found.map(|(_, body)| raw(body)).ok_or_else(|| unknown(&id))
}

/// Puts its message into the mailbox again.
pub(super) async fn replay(State(shared): Host, Segments(id): Segments<String>) -> Result<Response, Problem> {
    let replayed = deadletter::replay(&shared.api.backend, &shared.api.client, &id).await?;
    replayed.map(|message| accepted(MessageId::stored(&message))).ok_or_else(|| unknown(&id))
}

/// Forgets it.
pub(super) async fn drop(State(shared): Host, Segments(id): Segments<String>) -> Result<StatusCode, Problem> {
    let dropped = deadletter::drop(&shared.api.backend, &id).await?;
    if dropped { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(&id)) }
}

fn unknown(id: &str) -> Problem {
    let id = crate::id::shown(id);
    Problem::new(UNKNOWN_DEAD_LETTER, format!("there is no dead letter {id:?}: hydra dlq ls"))
}
