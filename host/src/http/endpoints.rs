//! Endpoints as operators see them: which there are, and whether calls reach them.
//! A thin edge on `connector`. Never changes one: they are settings. Never shows what the host puts into requests.

use axum::Json;
use axum::extract::State;

use super::routes::Host;
use super::view::Endpoints;

/// The endpoints of the host that answers, by name.
pub(super) async fn list(State(shared): Host) -> Json<Endpoints> {
    Json(Endpoints { endpoints: shared.api.endpoints.status() })
}
