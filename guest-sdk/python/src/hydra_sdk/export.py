"""The component's exports, and `export`, which the entry module that `build` writes calls once.

Called by the host, calls `turn`. Can only be imported inside a component, where the bindings are.
The end of the raw bindings: what goes further in is `Message`, `Context`, `Outcome`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

from componentize_py_types import Err
from hydra_sdk import report, turn
from hydra_sdk.actor import Actor
from hydra_sdk.headers import Headers
from hydra_sdk.message import ActorId, Answer, Ending, Message
from hydra_sdk.outcome import Failure, Fault, Later, Outcome, Payload, Refuse, Reply, Retry, Suspend
from hydra_sdk.sandbox import SandboxHost
from wit_world import exports
from wit_world.imports import types

HOST = SandboxHost()

_actor: type[Actor[Any]]
_folder: str
"""Where the author's modules were while the component was built."""
_activated = False
"""The host called `activated`; the message that follows in the same turn acts on it: the state is decoded once."""


def export(actor: type[Actor[Any]]) -> None:
    """Makes this the component's actor. Runs while the component is built, so a mistake shows there."""
    global _actor, _folder
    _actor = actor
    actor.codec.decode(actor.codec.encode(actor.new_state()))
    _folder = str(Path(cast(str, sys.modules[actor.__module__].__file__)).parent)
    report.keep_sources(_folder)
    for stream in (sys.stdout, sys.stderr):
        # What is printed has to be out when the turn ends.
        cast(TextIO, stream).reconfigure(line_buffering=True)  # type: ignore[attr-defined]


class Handler(exports.Handler):
    """The interface `handler`."""

    def handle(self, msg: types.Message) -> types.Outcome:
        """Runs one turn."""
        global _activated
        activated, _activated = _activated, False
        try:
            outcome = turn.run(_actor, HOST, _message(msg), activated)
        except Exception as error:
            _break_off(error)
        if isinstance(outcome, Failure):
            raise Err(_failure(outcome))
        return _success(outcome)


class Lifecycle(exports.Lifecycle):
    """The interface `lifecycle`."""

    def activated(self) -> None:
        """Remembers it for the message that follows."""
        global _activated
        _activated = True

    def migrate(self, from_version: int, state: bytes) -> bytes:
        """Has the actor migrate its state."""
        try:
            return _actor.migrate(from_version, state)
        except Failure as failure:
            raise Err(_fault(failure.fault)) from None
        except Exception as error:
            _break_off(error)

    def describe(self) -> str:
        """What the actor says about itself."""
        return _actor.describe().to_json()


def _break_off(error: Exception) -> NoReturn:
    """Traps, as the host expects of a handler that is broken: the message is tried again by the host's policy."""
    sys.stderr.write(report.unexpected(error, _folder))
    os.abort()


def _message(msg: types.Message) -> Message:
    return Message(
        id=msg.id,
        subject=msg.subject,
        body=msg.body,
        headers=Headers(msg.headers),
        sender=None if msg.sender is None else ActorId(msg.sender.kind, msg.sender.id),
        accepted_at_ms=msg.accepted_at_ms,
        attempt=msg.attempt,
        reply_token=msg.reply_token,
        answer=None if msg.answer is None else _answer(msg.answer),
    )


def _answer(answer: types.Answer) -> Answer:
    ending: Ending
    fault: Fault | None = None
    match answer.ending:
        case types.Ending_Replied():
            ending = "replied"
        case types.Ending_Done():
            ending = "done"
        case types.Ending_Refused(raw):
            ending, fault = "refused", Fault(raw.code, raw.text)
        case types.Ending_Failed(raw):
            ending, fault = "failed", Fault(raw.code, raw.text)
        case types.Ending_TimedOut():
            ending = "timed-out"
    return Answer(answer.token, answer.memo, ending, fault)


def _success(outcome: Outcome) -> types.Outcome:
    if isinstance(outcome, Reply):
        payload: Payload = outcome.payload
        return types.Outcome_Reply(types.Payload(list(payload.headers), payload.body))
    return types.Outcome_Later() if isinstance(outcome, Later) else types.Outcome_Done()


def _failure(failure: Failure) -> types.Failure:
    fault = _fault(failure.fault)
    match failure:
        case Refuse():
            return types.Failure_Refuse(fault)
        case Suspend():
            return types.Failure_Suspend(fault)
        case Retry():
            return types.Failure_Retry(types.Retry(fault, failure.after_ms))
        case _:
            return types.Failure_Fail(fault)


def _fault(fault: Fault) -> types.Fault:
    return types.Fault(fault.code, fault.text)
