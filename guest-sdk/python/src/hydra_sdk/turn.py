"""One turn: state in, message handled, state out. The same code in the sandbox and in a test.

Called by `export` and `testing`, calls the author's actor.
Never writes state that did not change, and never after a failure.
"""

from __future__ import annotations

from typing import Any

from hydra_sdk.actor import Actor
from hydra_sdk.context import Context, Host
from hydra_sdk.message import Message
from hydra_sdk.outcome import Failure, Outcome, fail, suspend


def run(cls: type[Actor[Any]], host: Host, msg: Message, activated: bool) -> Outcome:
    """Handles one message; `activated` when it is the first since the actor was created or slept.

    What is not a failure is not caught: an exception that the author did not expect breaks the turn off.
    """
    try:
        return _run(cls, host, msg, activated)
    except Failure as failure:
        return failure


def _run(cls: type[Actor[Any]], host: Host, msg: Message, activated: bool) -> Outcome:
    stored = host.state()
    actor = cls()
    actor.state = cls.new_state() if stored is None else _decode(cls, stored)
    # A message that only reads a new actor must not create it, so the state of a new one counts as stored.
    before = _encode(actor) if stored is None else stored
    ctx = Context(host, msg)
    if activated:
        actor.activated(ctx)
    outcome = actor.handle(ctx, msg)
    if not isinstance(outcome, Outcome):
        raise TypeError(f"handle returned {type(outcome).__name__}: return an outcome, such as reply(…) or done()")
    if isinstance(outcome, Failure):
        return outcome
    if ctx.is_deleted:
        host.delete_state()
        return outcome
    after = _encode(actor)
    if after != before:
        host.set_state(after)
    return outcome


def _decode(cls: type[Actor[Any]], stored: bytes) -> Any:
    """State that does not decode suspends: a bad deploy must not eat the mailbox."""
    try:
        return cls.codec.decode(stored)
    except Exception as error:
        advice = "deploy a version that can read it, or raise state_version and migrate"
        text = f"{len(stored)} bytes of state do not decode: {error}; {advice}"
        raise suspend("state-does-not-decode", text) from error


def _encode(actor: Actor[Any]) -> bytes:
    try:
        return actor.codec.encode(actor.state)
    except Exception as error:
        raise fail("state-does-not-encode", f"the state does not encode: {error}") from error
