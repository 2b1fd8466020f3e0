//! Who serves what, when several hosts share a store: which hosts live, and which of them takes a bucket that has no owner.
//! Started by `node`; claims through `inbox`. Decides who should work, never what is true: that is the record's
//! compare-and-swap. A store that only one process can have open needs none of it.

mod membership;
mod ownership;
mod ring;

pub(crate) use membership::{Member, Membership, leave, living};
pub(crate) use ownership::{Claim, Ownership};
