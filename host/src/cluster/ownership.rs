//! One loop per host: it says that it lives, looks who owns the buckets, and takes those that have nobody.
//! Started by `node`, claims through `inbox`. Two hosts may both believe that they own a bucket; that is safe, and whoever
//! is wrong finds out here or at its next write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::TaskTracker;

use super::membership::{Living, Member, Membership, Told};
use super::ring::{Owner, Step, decide, rank};
use crate::backend::{Entry, Error};
use crate::bucket::{Bucket, Context, Waits, claim_key};
use crate::clock::Time;
use crate::id::{BucketId, Revision};
use crate::{inbox, tombstone, wake};

/// The rows are looked at this often even if nothing seems to have changed.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What an ownership row says. Rewritten only when the owner changes: its revision is the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// Who claimed the bucket.
    #[serde(flatten)]
    pub(crate) member: Member,
    /// When.
    pub(crate) claimed_at: Time,
}

/// This host's part in who owns what.
pub(crate) struct Ownership {
    context: Arc<Context>,
    membership: Membership,
    /// The buckets' loops.
    loops: TaskTracker,
    owned: BTreeMap<BucketId, Arc<Bucket>>,
    /// Since when buckets have been seen without a living owner.
    vacant: BTreeMap<BucketId, Instant>,
    /// What was seen at the last look, and when.
    looked: Option<(Instant, Living)>,
    /// The store does not answer: readiness tells.
    waits: Option<Waits>,
}

impl Ownership {
    /// A host that owns nothing yet.
    pub(crate) fn new(context: Arc<Context>, membership: Membership, loops: TaskTracker) -> Self {
        let (owned, vacant) = (BTreeMap::new(), BTreeMap::new());
        Self { context, membership, loops, owned, vacant, looked: None, waits: None }
    }

    /// Takes all buckets at once, whoever had them: for a store that only this process has open.
    ///
    /// # Errors
    /// The store's: it cannot be served.
    pub(crate) async fn take_all(&mut self) -> Result<(), Error> {
        let (table, buckets) = (&self.context.backend.actors, self.context.backend.log.buckets());
        let rows = try_join_all(buckets.iter().map(async |id| table.get(&claim_key(*id)).await)).await?;
        let claims = buckets.into_iter().zip(rows).map(|(id, row)| (id, row.map(|row| row.revision)));
        self.take(claims.collect()).await
    }

    /// Goes on until the host ends.
    pub(crate) async fn run(mut self) {
        let context = self.context.clone();
        let mut beats = tokio::time::interval(Duration::from_millis(context.settings.heartbeat_ms));
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while context.ended.run_until_cancelled(beats.tick()).await.is_some() {
            // Dropping a beat is safe: a claim that was not finished is seen by the next look, whoever's it is.
            let beat = context.ended.run_until_cancelled(self.beat()).await;
            match beat {
                Some(Ok(())) => self.waits = None,
                Some(Err(error)) => {
                    if self.waits.is_none() {
                        tracing::warn!(%error, "cannot tell the other hosts that this one lives");
                        self.waits = Some(Waits::begin(self.context.vitals.clone()));
                    }
                    self.looked = None;
                }
                None => return,
            }
        }
    }

    async fn beat(&mut self) -> Result<(), Error> {
        let told = Told { oldest: self.context.oldest.here() };
        let living = self.membership.beat(told).await?;
        let is_known = |(when, seen): &(Instant, Living)| *seen == living && when.elapsed() < LOOK_EVERY;
        if self.looked.as_ref().is_none_or(|looked| !is_known(looked)) || !self.vacant.is_empty() {
            self.look(&living).await?;
            self.looked = Some((Instant::now(), living));
        }
        Ok(())
    }

    /// Reads all ownership rows and acts on them.
    async fn look(&mut self, living: &Living) -> Result<(), Error> {
        let (table, buckets) = (self.context.backend.actors.clone(), self.context.backend.log.buckets());
        let rows = buckets.iter().map(async |id| table.get(&claim_key(*id)).await);
        let rows = try_join_all(rows).await?;
        let mut claims = Vec::new();
        for (id, row) in buckets.into_iter().zip(rows) {
            let owner = self.owner(id, row.as_ref(), living);
            if matches!(owner, Owner::Serving | Owner::Living) {
                self.vacant.remove(&id);
                continue;
            }
            let vacant = self.vacant.entry(id).or_insert_with(Instant::now).elapsed();
            let step = decide(owner, rank(id, self.membership.me(), &living.members), vacant);
            if step == Step::Claim && !self.context.draining.is_cancelled() {
                claims.push((id, row.map(|row| row.revision)));
            }
        }
        self.take(claims).await?;
        self.context.vitals.set_vacant(self.vacant.len());
        let told = self.membership.told(living).await?;
        let is_complete = self.vacant.is_empty();
        self.context.oldest.set_elsewhere(is_complete.then(|| told.iter().filter_map(|told| told.oldest).min()));
        Ok(())
    }

    /// Who owns a bucket. Stands down from it if it is somebody else.
    fn owner(&mut self, id: BucketId, row: Option<&Entry>, living: &Living) -> Owner {
        let Some(row) = row else { return Owner::Nobody };
        if let Some(bucket) = self.owned.get(&id) {
            if bucket.epoch.0 == row.revision.0 {
                return if bucket.is_over() { Owner::NotServing } else { Owner::Serving };
            }
            bucket.stand_down();
            self.owned.remove(&id);
        }
        // A row changed by hand names nobody.
        let Ok(claim) = serde_json::from_slice::<Claim>(&row.value) else { return Owner::Gone };
        if claim.member == *self.membership.me() {
            return Owner::NotServing;
        }
        match (living.members.contains(&claim.member), living.certain) {
            (true, _) => Owner::Living,
            (false, true) => Owner::Gone,
            (false, false) => Owner::Unseen,
        }
    }

    /// Claims buckets, all at once, as far as nobody else was faster.
    async fn take(&mut self, claims: Vec<(BucketId, Option<Revision>)>) -> Result<(), Error> {
        let me = self.membership.me().clone();
        let context = self.context.clone();
        let claim = async |(id, before)| inbox::claim(&context, id, &me, before).await;
        let (mut buckets, mut failed) = (Vec::new(), Ok(()));
        for taken in join_all(claims.into_iter().map(claim)).await {
            let served = match taken {
                Ok(Some(served)) => served,
                Ok(None) => continue,
                Err(error) => {
                    failed = Err(error);
                    continue;
                }
            };
            let bucket = served.bucket();
            tracing::info!(bucket = %bucket.id, epoch = %bucket.epoch, "took up a bucket");
            self.vacant.remove(&bucket.id);
            self.owned.insert(bucket.id, bucket.clone());
            self.loops.spawn(context.ended.clone().run_until_cancelled_owned(wake::search(bucket.clone())));
            buckets.push(bucket);
            self.loops.spawn(served.run());
        }
        if !buckets.is_empty() {
            self.loops.spawn(context.ended.clone().run_until_cancelled_owned(tombstone::search(buckets)));
        }
        failed
    }
}
