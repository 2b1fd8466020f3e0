//! Sources: streams of somebody else's that are bound to actors, each message exactly once.
//!
//! A source is an actor of the host's own, `sys-source/NAME`. Its state is a *position*; a turn of it reads what stands behind
//! that position and sends it on. So position and messages become true in one commit, like everything else: there is no second
//! protocol. A message's way: `watch` looks for news on the host that serves the actor, and asks it to pull; `handler` is the
//! turn, which reads through the seam; `mapping` says which actor a message is for; `position` decides whether the stream is
//! still the one that was read so far. `status` is what people see.
//!
//! Invariant: nothing here writes a record or a stream. A turn that is run twice is committed once.

mod handler;
mod mapping;
mod position;
mod status;
mod watch;

pub(crate) use handler::install;
pub use position::{Missed, Position, Trouble};
pub use status::{Status, status};
pub(crate) use watch::watch;
