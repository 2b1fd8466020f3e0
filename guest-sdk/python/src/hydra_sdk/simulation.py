"""The host in a native test: settings go in, effects come out, nothing happens by itself.

Called by `context` and `turn`; `testing` makes one for each turn and applies the effects if the turn ended well.
Never applies anything itself.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hydra_sdk.context import Level, Schedule
from hydra_sdk.headers import Headers
from hydra_sdk.message import ActorId
from hydra_sdk.outcome import Payload


@dataclass(frozen=True)
class Sent:
    """A message that a turn sent."""

    to: ActorId
    subject: str
    body: bytes
    headers: Headers

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Requested(Sent):
    """A message that a turn sent as a request."""

    token: str
    memo: bytes
    due_ms: int
    """When it times out, Unix milliseconds."""


@dataclass(frozen=True)
class Timer:
    """A timer that is set."""

    name: str
    when: Schedule
    body: bytes
    due_ms: int | None
    """When it fires next, Unix milliseconds; None: by the calendar, which is not simulated."""


@dataclass
class Effects:
    """What a turn asked for."""

    state: bytes | None = None
    state_changed: bool = False
    deleted: bool = False
    sends: list[Sent] = field(default_factory=list)
    requests: list[Requested] = field(default_factory=list)
    answers: list[tuple[str, Payload]] = field(default_factory=list)
    timers: dict[str, Timer | None] = field(default_factory=dict)
    """Set by name; None: cancelled."""
    logs: list[tuple[Level, str]] = field(default_factory=list)


class SimulatedHost:
    """One turn's host."""

    def __init__(self, actor: ActorId, stored: bytes | None, now: int, seed: str, settings: Mapping[str, str]) -> None:
        self.effects = Effects()
        self._actor = actor
        self._stored = stored
        self._now = now
        self._seed = seed
        self._random = random.Random(seed)
        self._settings = settings

    def actor(self) -> ActorId:
        return self._actor

    def log(self, level: Level, text: str) -> None:
        self.effects.logs.append((level, text))

    def now_ms(self) -> int:
        return self._now

    def random(self, length: int) -> bytes:
        return self._random.randbytes(length)

    def config(self, key: str) -> str | None:
        return self._settings.get(key)

    def state(self) -> bytes | None:
        return self._stored

    def set_state(self, stored: bytes) -> None:
        self.effects.state, self.effects.state_changed = stored, True

    def delete_state(self) -> None:
        self.effects.state, self.effects.state_changed, self.effects.deleted = None, True, True

    def send(self, to: ActorId, subject: str, body: bytes, headers: Headers) -> None:
        self.effects.sends.append(Sent(to, subject, body, headers))

    def request(self, to: ActorId, subject: str, body: bytes, headers: Headers, timeout_ms: int, memo: bytes) -> str:
        token = f"request:{self._seed}:{len(self.effects.requests) + 1}"
        self.effects.requests.append(Requested(to, subject, body, headers, token, memo, self._now + timeout_ms))
        return token

    def answer(self, reply_token: str, answer: Payload) -> None:
        self.effects.answers.append((reply_token, answer))

    def set_timer(self, name: str, when: Schedule, body: bytes) -> None:
        self.effects.timers[name] = Timer(name, when, body, when.first_ms(self._now))

    def cancel_timer(self, name: str) -> None:
        self.effects.timers[name] = None
