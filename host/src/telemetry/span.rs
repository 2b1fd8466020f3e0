//! Names of spans, as in the table on the module's page.

/// One message of one actor.
pub const TURN: &str = "turn";
/// The handler's own time within a turn.
pub const HANDLE: &str = "handle";
/// The write of an actor's record.
pub const COMMIT: &str = "commit";
/// The outbox and the answer of a commit.
pub const FLUSH: &str = "flush";
