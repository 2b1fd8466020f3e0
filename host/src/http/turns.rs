//! Turns that are over: those of one actor, whichever host ran them, and whose were the slowest or failed most often here.
//! A thin edge on `inquiry` and `history`. Never has a body or state.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::input::{self, Parameters};
use super::problem::Problem;
use super::routes::{Host, Shared};
use super::view::Ranking;
use crate::history::Order;
use crate::id::{ActorId, Kind};
use crate::inquiry::History;

/// Turns that are older do not count in a ranking: it tells what is wrong now.
const RECENT: Duration = Duration::from_secs(10 * 60);

/// The query of a ranking.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    order: Order,
    kind: Option<String>,
    limit: Option<usize>,
}

/// The last turns of one actor.
pub(super) async fn of(shared: &Shared, actor: &ActorId) -> Result<Json<History>, Problem> {
    Ok(Json(shared.api.inquiry.history(actor).await?))
}

/// The actors that come first in an order, by their last turns on this host.
pub(super) async fn rank(
    State(shared): Host,
    Parameters(wanted): Parameters<Wanted>,
) -> Result<Json<Ranking>, Problem> {
    let limit = input::page_size(wanted.limit)?;
    let kind = wanted.kind.as_deref().map(Kind::new).transpose()?;
    let (inquiry, since) = (&shared.api.inquiry, shared.api.backend.log.now()?.minus(RECENT));
    let actors = inquiry.histories().rank(wanted.order, kind.as_ref(), since, limit);
    Ok(Json(Ranking { node: inquiry.node().to_owned(), since, actors }))
}
