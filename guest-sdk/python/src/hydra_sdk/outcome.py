"""How a turn ends: what a handler returns or raises, and the few functions that build it.

Ground floor: pure data. `turn` collects it, `export` hands it to the host.
Never decides anything: what follows from an outcome is the host's part.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hydra_sdk import json_form
from hydra_sdk.headers import AnyHeaders, Headers


@dataclass(frozen=True)
class Fault:
    """What went wrong, for programs (`code`, for example `insufficient-funds`) and for people (`text`)."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


@dataclass(frozen=True)
class Payload:
    """Headers and bytes of an answer. `content-type` and `x-…` travel to callers over HTTP."""

    body: bytes = b""
    headers: Headers = field(default_factory=Headers)


class Outcome:
    """How a turn ended. A failure is an exception too: return it or raise it."""

    __slots__ = ()


@dataclass(frozen=True)
class Done(Outcome):
    """Handled; whoever waits gets an empty answer."""


@dataclass(frozen=True)
class Reply(Outcome):
    """Handled, with an answer."""

    payload: Payload


@dataclass(frozen=True)
class Later(Outcome):
    """Handled; whoever waits goes on waiting, until `ctx.answer` in a later turn or a time-out."""


class Failure(Outcome, Exception):
    """The turn failed: its effects are dropped all together, only its log lines stay."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), self.fault))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.fault.code!r}, {self.fault.text!r})"


class Refuse(Failure):
    """The caller's mistake: the caller is told. If nobody waits, the message becomes a dead letter."""


class Fail(Failure):
    """This message can never be handled: it becomes a dead letter, and the caller is told."""


class Retry(Failure):
    """May work later: the same message comes again, before any other."""

    def __init__(self, fault: Fault, after_ms: int | None = None) -> None:
        super().__init__(fault)
        self.after_ms = after_ms
        """When to try again; None: the host's back-off."""


class Suspend(Failure):
    """Nothing can be handled until a human acts: the actor is suspended, its messages wait."""


def done() -> Done:
    """Handled, nothing to say."""
    return Done()


def reply(value: object, headers: AnyHeaders = ()) -> Reply:
    """Handled; answers with bytes as they are, and with anything else as JSON.

    Raises `Fail` with the code `reply-does-not-encode` when the value cannot be JSON: let it pass.
    """
    return Reply(to_payload("reply", value, headers))


def later() -> Later:
    """Handled for now: keep `msg.reply_token` in the state, and `ctx.answer` it in a later turn."""
    return Later()


def refuse(code: str, text: str) -> Refuse:
    """The caller's mistake."""
    return Refuse(Fault(code, text))


def fail(code: str, text: str) -> Fail:
    """This message can never be handled."""
    return Fail(Fault(code, text))


def retry(code: str, text: str, after_ms: int | None = None) -> Retry:
    """May work later: try this message again after so many milliseconds, or after the host's back-off."""
    return Retry(Fault(code, text), after_ms)


def suspend(code: str, text: str) -> Suspend:
    """Nothing can be handled until a human acts."""
    return Suspend(Fault(code, text))


def to_payload(what: str, value: object, headers: AnyHeaders = ()) -> Payload:
    """Bytes as they are; anything else as JSON, which the headers say unless they name a type of their own."""
    body = to_body(what, value)
    headers = Headers(headers)
    if not isinstance(value, bytes) and headers.get("content-type") is None:
        headers = Headers([("content-type", "application/json"), *headers])
    return Payload(body, headers)


def to_body(what: str, value: object) -> bytes:
    """Bytes as they are, anything else as JSON. Raises `Fail` that says what did not encode."""
    if isinstance(value, bytes):
        return value
    try:
        return json_form.encode(value)
    except json_form.ENCODE_ERRORS as error:
        raise fail(f"{what}-does-not-encode", f"the {what} cannot be JSON: {error}") from None
