//! One turn: state in, message handled, state out. The same code in the sandbox and in a test.
//! Called by `export` and `test`, calls the author's `Actor`.
//! Never writes state that did not change, and never after a failure.

use crate::outcome::{fail, suspend};
use crate::{Actor, Codec, Context, Failure, Message, Outcome};

/// Handles one message; `activated` when it is the first since the actor was created or slept.
pub(crate) fn run<A: Actor>(ctx: &Context, msg: &Message, activated: bool) -> Outcome {
    let stored = ctx.host.state();
    let mut actor = match &stored {
        Some(bytes) => decode::<A>(bytes)?,
        None => A::default(),
    };
    // A message that only reads a new actor must not create it, so the state of a new one counts as stored.
    let before = match &stored {
        Some(_) => stored,
        None => Some(encode(&actor)?),
    };
    if activated {
        actor.activated(ctx);
    }
    let success = actor.handle(ctx, msg)?;
    if ctx.is_deleted() {
        ctx.host.delete_state();
        return Ok(success);
    }
    let after = encode(&actor)?;
    if before.as_ref() != Some(&after) {
        ctx.host.set_state(&after);
    }
    Ok(success)
}

/// State that does not decode suspends: a bad deploy must not eat the mailbox.
fn decode<A: Codec>(bytes: &[u8]) -> Result<A, Failure> {
    A::decode(bytes).or_else(|error| {
        let advice = "deploy a version that can read it, or raise state_version and migrate";
        suspend("state-does-not-decode", format!("{} bytes of state do not decode: {error}; {advice}", bytes.len()))
    })
}

fn encode<A: Codec>(actor: &A) -> Result<Vec<u8>, Failure> {
    actor.encode().or_else(|error| fail("state-does-not-encode", format!("the state does not encode: {error}")))
}
