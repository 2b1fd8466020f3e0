//! Buckets as operators see them: who serves each, how long its oldest message has waited, and which actors hold theirs up.
//! Asks the store, so every host tells the same, whoever owns what. Never changes anything.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use futures_util::future::try_join_all;

use super::actors;
use super::problem::Problem;
use super::routes::{Host, Shared};
use super::view::{Bucket, Buckets, ParkedActor};
use crate::bucket::claim_key;
use crate::cluster::{self, Claim, Member};
use crate::id::{ActorId, BucketId};

/// Parked actors that are shown with their records; the others are counted.
const PARKED_SHOWN_MAX: usize = 50;

/// All buckets, and the actors whose messages are parked.
pub(super) async fn list(State(shared): Host) -> Result<Json<Buckets>, Problem> {
    let backend = &shared.api.backend;
    let living: BTreeSet<Member> = cluster::living(&*backend.liveness).await?.into_iter().collect();
    let looks = backend.log.buckets().into_iter().map(|id| look(&shared, id, &living));
    let (buckets, parked): (Vec<Bucket>, Vec<Vec<ActorId>>) = try_join_all(looks).await?.into_iter().unzip();
    let mut parked: Vec<ActorId> = parked.into_iter().flatten().collect();
    parked.sort();
    parked.truncate(PARKED_SHOWN_MAX);
    let parked = try_join_all(parked.into_iter().map(|actor| show(&shared, actor))).await?;
    let (node, time) = (shared.api.inquiry.node().to_owned(), backend.log.now()?);
    Ok(Json(Buckets { node, time, buckets, parked: parked.into_iter().flatten().collect() }))
}

/// One bucket, and whose messages are parked there.
async fn look(shared: &Shared, id: BucketId, living: &BTreeSet<Member>) -> Result<(Bucket, Vec<ActorId>), Problem> {
    let backend = &shared.api.backend;
    let (key, log) = (claim_key(id), &backend.log);
    let looked = tokio::try_join!(backend.actors.get(&key), log.standing(id), log.parked_actors(id));
    let (row, standing, parked) = looked?;
    let claim: Option<Claim> = row.and_then(|row| serde_json::from_slice(&row.value).ok());
    // Where hosts share a store, one that is gone serves nothing; where none does, it is this one.
    let owner = claim.filter(|claim| backend.exclusive || living.contains(&claim.member));
    let bucket = Bucket {
        bucket: id.to_string(),
        node: owner.map(|claim| claim.member.node),
        floor: standing.floor,
        waiting_since: standing.since,
        parked: parked.len(),
    };
    Ok((bucket, parked))
}

/// An actor whose messages are parked; none if it was worked off meanwhile.
async fn show(shared: &Shared, actor: ActorId) -> Result<Option<ParkedActor>, Problem> {
    let Some(record) = actors::read(shared, &actor).await? else { return Ok(None) };
    let messages = record.parked.map_or(0, |parked| parked.count);
    let actors::Standing { status, reason } = actors::standing(record.status);
    Ok(Some(ParkedActor { actor, status, reason, messages }))
}
