//! Which host should take a bucket, and what to do about one: pure decisions, the same on every host.
//! Asked by `ownership` with what it has read. Never reads or writes anything.

use std::collections::BTreeSet;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use super::membership::Member;
use crate::id::BucketId;

/// A host that is not the first choice waits this much longer than the one before it, in case that one does not come.
const STEP: Duration = Duration::from_secs(2);

/// How many living hosts come before this one as the owner of a bucket. Rendezvous hashing (Thaler and Ravishankar, 1998):
/// when a host goes, only its own buckets move, and they spread over all others.
pub(crate) fn rank(bucket: BucketId, me: &Member, living: &BTreeSet<Member>) -> usize {
    let score = |member: &Member| xxh3_64(format!("{bucket} {} {}", member.node, member.boot).as_bytes());
    let mine = (score(me), me);
    living.iter().filter(|member| (score(member), *member) > mine).count()
}

/// Who a bucket's ownership row names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// There is no row: the bucket was never owned.
    Nobody,
    /// This very host, and it serves the bucket.
    Serving,
    /// This very host, but it does not serve: a claim that was not finished, or whose inbox was closed.
    NotServing,
    /// Another host that lives.
    Living,
    /// A host that is gone, or has said that it will not serve.
    Gone,
    /// A host that is not to be seen, but not for long enough to be sure.
    Unseen,
}

/// What to do about a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Leave,
    /// It has no owner: somebody should take it, but not this host yet.
    Wait,
    /// Take it.
    Claim,
}

/// Decides what to do about a bucket that has been without a living owner for `vacant`.
pub(crate) fn decide(owner: Owner, rank: usize, vacant: Duration) -> Step {
    let patience = STEP.saturating_mul(u32::try_from(rank).unwrap_or(u32::MAX));
    match owner {
        Owner::Serving | Owner::Living => Step::Leave,
        Owner::NotServing => Step::Claim,
        Owner::Unseen => Step::Wait,
        Owner::Nobody | Owner::Gone if vacant >= patience => Step::Claim,
        Owner::Nobody | Owner::Gone => Step::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(count: usize) -> Vec<Member> {
        (0..count).map(|number| Member { node: format!("n{number}"), boot: "b".into() }).collect()
    }

    fn bucket(number: u16) -> BucketId {
        BucketId { number, incarnation: 1 }
    }

    #[test]
    fn every_bucket_has_one_first_choice_and_they_are_spread() {
        let members = members(4);
        let living: BTreeSet<Member> = members.iter().cloned().collect();
        let firsts = |member: &Member| (0..256).filter(|number| rank(bucket(*number), member, &living) == 0).count();
        let shares: Vec<usize> = members.iter().map(firsts).collect();
        assert_eq!(shares.iter().sum::<usize>(), 256);
        assert!(shares.iter().all(|share| (32..96).contains(share)), "{shares:?}");
    }

    #[test]
    fn only_the_buckets_of_a_host_that_went_move() {
        let members = members(4);
        let before: BTreeSet<Member> = members.iter().cloned().collect();
        let after: BTreeSet<Member> = members.iter().skip(1).cloned().collect();
        let first = |number: u16, living: &BTreeSet<Member>| {
            living.iter().find(|member| rank(bucket(number), member, living) == 0).cloned()
        };
        for number in 0..256 {
            let (was, is) = (first(number, &before), first(number, &after));
            assert!(was == is || was.as_ref() == members.first());
        }
    }

    #[test]
    fn a_bucket_without_an_owner_is_taken_by_the_first_choice_or_later_by_the_next() {
        assert_eq!(decide(Owner::Nobody, 0, Duration::ZERO), Step::Claim);
        assert_eq!(decide(Owner::Gone, 1, Duration::from_millis(1_999)), Step::Wait);
        assert_eq!(decide(Owner::Gone, 1, STEP), Step::Claim);
    }

    #[test]
    fn a_bucket_whose_owner_may_live_is_left_to_it() {
        for owner in [Owner::Living, Owner::Serving] {
            assert_eq!(decide(owner, 0, Duration::from_secs(60)), Step::Leave);
        }
        assert_eq!(decide(Owner::Unseen, 0, Duration::from_secs(60)), Step::Wait);
    }
}
