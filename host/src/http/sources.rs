//! Sources as operators see them: which there are, how far they have come, and what is wrong with them.
//! A thin edge on `source`. Never changes one: they are settings.

use axum::Json;
use axum::extract::State;

use super::problem::Problem;
use super::routes::Host;
use super::view::Sources;
use crate::source;

/// This host's sources, in the order of its settings.
pub(super) async fn list(State(shared): Host) -> Result<Json<Sources>, Problem> {
    let mut sources = Vec::with_capacity(shared.api.sources.len());
    for binding in &shared.api.sources {
        sources.push(source::status(&shared.api.backend, binding).await?);
    }
    Ok(Json(Sources { sources }))
}
