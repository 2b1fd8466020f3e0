"""What an actor can see and do during a turn, beside its state and its outcome.

Handed to the author's handler by `turn`; every call is one call of the host.
Nothing here takes effect before the turn ended well and the host stored it; only log lines stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from hydra_sdk.headers import AnyHeaders, Headers
from hydra_sdk.message import ActorId, AnyActor, Message
from hydra_sdk.outcome import Payload, to_body, to_payload

Level: TypeAlias = Literal["trace", "debug", "info", "warn", "error"]
"""How bad a log line is."""

ID_BYTES_MAX = 256
"""Longest id of an actor, in bytes."""

Missed: TypeAlias = Literal["fire-once", "skip"]
"""What becomes of a timer's times that nobody could tell of, because no host ran or the actor was suspended.

One message for all of them, whose `missed` counts the further ones; or none.
"""


@dataclass(frozen=True)
class Schedule:
    """When a timer fires: exactly one of these is given."""

    at_ms: int | None = None
    """Once, in Unix milliseconds."""
    after_ms: int | None = None
    """Once, so long after this turn."""
    every_ms: int | None = None
    """Again and again, 1,000 at least."""
    cron: str | None = None
    """By the calendar: 5 fields, or 6 with the second in front."""
    timezone: str = "UTC"
    """Whose calendar: an IANA time zone."""
    missed: Missed = "fire-once"

    def __post_init__(self) -> None:
        given = [when for when in (self.at_ms, self.after_ms, self.every_ms, self.cron) if when is not None]
        if len(given) != 1:
            raise TypeError("a timer has exactly one of at_ms, after_ms, every_ms, cron")

    def first_ms(self, now_ms: int) -> int | None:
        """When it fires first, Unix milliseconds; None: by the calendar."""
        if self.at_ms is not None:
            return self.at_ms
        wait_ms = self.after_ms if self.after_ms is not None else self.every_ms
        return None if wait_ms is None else now_ms + wait_ms


class Host(Protocol):
    """The host as a turn sees it: `sandbox` calls the component's imports, `testing` simulates them."""

    def actor(self) -> ActorId: ...
    def log(self, level: Level, text: str) -> None: ...
    def now_ms(self) -> int: ...
    def random(self, length: int) -> bytes: ...
    def config(self, key: str) -> str | None: ...
    def state(self) -> bytes | None: ...
    def set_state(self, stored: bytes) -> None: ...
    def delete_state(self) -> None: ...
    def send(self, to: ActorId, subject: str, body: bytes, headers: Headers) -> None: ...
    def request(
        self, to: ActorId, subject: str, body: bytes, headers: Headers, timeout_ms: int, memo: bytes
    ) -> str: ...
    def answer(self, reply_token: str, answer: Payload) -> None: ...
    def set_timer(self, name: str, when: Schedule, body: bytes) -> None: ...
    def cancel_timer(self, name: str) -> None: ...


class Context:
    """One turn's view of the host. Wherever a value is given, bytes go as they are and anything else as JSON."""

    def __init__(self, host: Host, message: Message) -> None:
        self._host = host
        self._actor: ActorId | None = None
        self._deleted = False
        self.message = message
        """What this turn handles."""

    @property
    def actor(self) -> ActorId:
        """Who this actor is."""
        if self._actor is None:
            self._actor = self._host.actor()
        return self._actor

    @property
    def now_ms(self) -> int:
        """Start of this try, Unix milliseconds; the same for the whole turn."""
        return self._host.now_ms()

    def random(self, length: int) -> bytes:
        """Random bytes that nobody outside can predict. Another try of the same message sees others."""
        return self._host.random(length)

    def config(self, key: str) -> str | None:
        """A setting from `[config]` in `actor.toml`."""
        return self._host.config(key)

    def send(self, to: AnyActor, subject: str, value: object = b"", headers: AnyHeaders = ()) -> None:
        """Sends to another actor, or to itself: delivered exactly once in effect, in order per receiver.

        Other kinds than its own need a grant in `actor.toml`. Raises `Fail` with the code `message-does-not-encode`.
        """
        self._host.send(ActorId.of(to), subject, to_body("message", value), Headers(headers))

    def request(
        self,
        to: AnyActor,
        subject: str,
        value: object = b"",
        *,
        timeout_ms: int,
        memo: object = b"",
        headers: AnyHeaders = (),
    ) -> str:
        """Like `send`, but exactly one message with `msg.answer` comes back, as `timed-out` at the latest.

        It brings the memo along: what this actor wants to know then and does not want to keep in its state.
        Returns the token by which the answer can be told from others.
        """
        body, memo = to_body("message", value), to_body("memo", memo)
        return self._host.request(ActorId.of(to), subject, body, Headers(headers), timeout_ms, memo)

    def http(
        self,
        endpoint: str,
        method: str,
        path: str,
        value: object = b"",
        *,
        timeout_ms: int = 30_000,
        memo: object = b"",
        headers: AnyHeaders = (),
        lane: str | None = None,
    ) -> str:
        """Calls an endpoint of the host's settings over HTTP: a request, whose answer has `msg.status`.

        The kind needs the grant `http = ["ENDPOINT"]` in `actor.toml`. At least once: after a crash the other side may
        see the same call again, with the same `Idempotency-Key`. Calls of one lane keep their order; the default is a
        lane of this actor's own. Returns the request's token.
        """
        call = to_payload("call", value, headers)
        # Two actors with very long names may share a lane: that costs time and nothing else.
        place = f"{endpoint}/{self.actor if lane is None else lane}".encode()[:ID_BYTES_MAX].decode(errors="ignore")
        to, sent = ActorId("sys-http", place), Headers([("path", path), *call.headers])
        return self._host.request(to, method.lower(), call.body, sent, timeout_ms, to_body("memo", memo))

    def answer(self, reply_token: str, value: object = b"", headers: AnyHeaders = ()) -> None:
        """Answers a message whose turn ended in `later()`. The first answer counts."""
        self._host.answer(reply_token, to_payload("answer", value, headers))

    def set_timer(
        self,
        name: str,
        value: object = b"",
        *,
        at_ms: int | None = None,
        after_ms: int | None = None,
        every_ms: int | None = None,
        cron: str | None = None,
        timezone: str = "UTC",
        missed: Missed = "fire-once",
    ) -> None:
        """Sends this actor a message `timer:NAME` with the value, once or regularly. Replaces a timer of the same name.

        Exactly one of `at_ms`, `after_ms`, `every_ms` and `cron` (with `timezone`) says when.
        """
        when = Schedule(at_ms, after_ms, every_ms, cron, timezone, missed)
        self._host.set_timer(name, when, to_body("timer", value))

    def cancel_timer(self, name: str) -> None:
        """Forgets a timer, if there is one of this name."""
        self._host.cancel_timer(name)

    def delete(self) -> None:
        """Forgets this actor: its state and timers are gone when the turn ends well, and the next message starts anew.

        What `self.state` holds at the end of this turn is not stored.
        """
        self._deleted = True

    @property
    def is_deleted(self) -> bool:
        """Whether this turn called `delete`."""
        return self._deleted

    def log(self, level: Level, text: str) -> None:
        """Logs a line for this actor. Stays also when the turn fails."""
        self._host.log(level, text)

    def debug(self, text: str) -> None:
        """Logs for developers."""
        self.log("debug", text)

    def info(self, text: str) -> None:
        """Logs an ordinary event."""
        self.log("info", text)

    def warn(self, text: str) -> None:
        """Logs what heals itself."""
        self.log("warn", text)

    def error(self, text: str) -> None:
        """Logs what somebody must look at."""
        self.log("error", text)
