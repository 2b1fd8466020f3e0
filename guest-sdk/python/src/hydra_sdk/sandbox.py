"""The host in the sandbox: each method is one import of the component.

Called by `context` and `turn`. Can only be imported inside a component, where the bindings are.
An import that the host denies ends the turn there: nothing here raises an error of its own.
"""

from __future__ import annotations

from hydra_sdk.context import Level, Missed, Schedule
from hydra_sdk.headers import Headers
from hydra_sdk.message import ActorId
from hydra_sdk.outcome import Payload
from wit_world.imports import messaging, runtime, state, timers, types

LEVELS: dict[Level, runtime.Level] = {
    "trace": runtime.Level.TRACE,
    "debug": runtime.Level.DEBUG,
    "info": runtime.Level.INFO,
    "warn": runtime.Level.WARN,
    "error": runtime.Level.ERROR,
}
MISSED: dict[Missed, timers.Missed] = {"fire-once": timers.Missed.FIRE_ONCE, "skip": timers.Missed.SKIP}


class SandboxHost:
    """The component's imports."""

    def actor(self) -> ActorId:
        actor = runtime.self()
        return ActorId(actor.kind, actor.id)

    def log(self, level: Level, text: str) -> None:
        runtime.log(LEVELS[level], text)

    def now_ms(self) -> int:
        return runtime.now_ms()

    def random(self, length: int) -> bytes:
        return runtime.random(length)

    def config(self, key: str) -> str | None:
        return runtime.config(key)

    def state(self) -> bytes | None:
        return state.get()

    def set_state(self, stored: bytes) -> None:
        state.set(stored)

    def delete_state(self) -> None:
        state.delete()

    def send(self, to: ActorId, subject: str, body: bytes, headers: Headers) -> None:
        messaging.send(types.ActorId(to.kind, to.id), subject, body, _options(headers))

    def request(self, to: ActorId, subject: str, body: bytes, headers: Headers, timeout_ms: int, memo: bytes) -> str:
        to_raw = types.ActorId(to.kind, to.id)
        return messaging.request(to_raw, subject, body, timeout_ms, memo, _options(headers))

    def answer(self, reply_token: str, answer: Payload) -> None:
        messaging.answer(reply_token, types.Payload(list(answer.headers), answer.body))

    def set_timer(self, name: str, when: Schedule, body: bytes) -> None:
        timers.set(name, _schedule(when), body, MISSED[when.missed])

    def cancel_timer(self, name: str) -> None:
        timers.cancel(name)


def _options(headers: Headers) -> messaging.Options | None:
    return messaging.Options(list(headers), messaging.Priority.NORMAL) if headers else None


def _schedule(when: Schedule) -> timers.Schedule:
    if when.at_ms is not None:
        return timers.Schedule_AtMs(when.at_ms)
    if when.after_ms is not None:
        return timers.Schedule_AfterMs(when.after_ms)
    if when.every_ms is not None:
        return timers.Schedule_EveryMs(when.every_ms)
    return timers.Schedule_Cron((when.cron or "", when.timezone))
