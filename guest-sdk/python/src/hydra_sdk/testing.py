"""Runs an actor natively, without sandbox and host: pytest or unittest is enough.

Calls `turn` as the sandbox does, and applies effects as the host does: all of a turn's, or none.
Never delivers what an actor sends: that is in the turn, for the test to look at or to deliver. Time moves only when
the test moves it, and then timers fire and requests time out. Not checked here, because the host does it: grants and
limits of `actor.toml`, the grammar of names and headers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

from hydra_sdk import turn
from hydra_sdk.actor import Actor
from hydra_sdk.context import Level
from hydra_sdk.headers import AnyHeaders, Headers
from hydra_sdk.message import ActorId, Answer, AnyActor, Ending, Message
from hydra_sdk.outcome import Failure, Fault, Outcome, Payload, Reply, to_body, to_payload
from hydra_sdk.simulation import Effects, Requested, Sent, SimulatedHost, Timer

__all__ = ["Harness", "Requested", "Sent", "Timer", "Turn"]

FIRINGS_MAX = 10_000
"""Most turns of one `advance`: a timer that sets itself again at once would never end it."""


class Fields(TypedDict, total=False):
    """What a test may say of a message beside subject and body; as in `Message`."""

    headers: AnyHeaders
    sender: AnyActor
    id: str
    attempt: int
    reply_token: str
    answer: Answer


@dataclass(frozen=True)
class Turn:
    """What one turn did. All but the outcome and the logs is empty when it failed."""

    message: Message
    outcome: Outcome
    effects: Effects

    @property
    def sends(self) -> list[Sent]:
        """What it sent, in order."""
        return self.effects.sends

    @property
    def requests(self) -> list[Requested]:
        """What it requested, in order; `Harness.answer` ends one."""
        return self.effects.requests

    @property
    def answers(self) -> list[tuple[str, Payload]]:
        """Reply tokens that it answered, with the answers."""
        return self.effects.answers

    @property
    def logs(self) -> list[tuple[Level, str]]:
        """What it logged, in order."""
        return self.effects.logs

    @property
    def state_changed(self) -> bool:
        """Whether it wrote or deleted the state."""
        return self.effects.state_changed

    def reply(self) -> Any:
        """The reply, read as JSON. Fails the test when there is none."""
        if not isinstance(self.outcome, Reply):
            raise AssertionError(f"no reply: {self.outcome!r}")
        return json.loads(self.outcome.payload.body)

    @property
    def fault(self) -> Fault | None:
        """What went wrong; None when the turn ended well."""
        return self.outcome.fault if isinstance(self.outcome, Failure) else None

    @property
    def fault_code(self) -> str | None:
        """The code of the fault; None when the turn ended well."""
        return None if self.fault is None else self.fault.code


class Harness:
    """One actor under test. Time stands still until the test moves it; randomness is the same in every run."""

    def __init__(self, cls: type[Actor[Any]], actor: AnyActor, config: Mapping[str, str] | None = None) -> None:
        self._cls = cls
        self.actor = ActorId.of(actor)
        self.config = dict(config or {})
        """What `[config]` in `actor.toml` says."""
        self.now_ms = 1_700_000_000_000
        """The clock, in Unix milliseconds. `advance` moves it and lets happen what is due; setting it does not."""
        self.random_seed = 0
        """Chooses another run of randomness."""
        self.state: bytes | None = None
        """The stored bytes; None for an actor that is new or deleted. A test may store others."""
        self.timers: dict[str, Timer] = {}
        """The timers that are set, by name."""
        self.open_requests: dict[str, Requested] = {}
        """The requests that have no answer yet, by token."""
        self._messages = 0
        self._asleep = False

    def send(self, subject: str, value: object = b"", **fields: Unpack[Fields]) -> Turn:
        """Sends a message for which nobody waits, and runs its turn. Bytes go as they are, anything else as JSON."""
        return self._run(self._message(subject, value, fields))

    def ask(self, subject: str, value: object = b"", **fields: Unpack[Fields]) -> Turn:
        """As `send`, but somebody waits: the message has a `reply_token`."""
        fields.setdefault("reply_token", f"reply:{self._messages + 1}")
        return self.send(subject, value, **fields)

    def crash(self, subject: str, value: object = b"", **fields: Unpack[Fields]) -> Turn:
        """As `send`, but the host dies before it stores the turn: nothing of it remains, and the actor slept.

        What the turn would have done is returned; the same message comes again with `attempt=2`.
        """
        lost = self._turn(self._message(subject, value, fields))
        self._asleep = True
        return lost

    def deliver(self, sent: Sent, sender: AnyActor, attempt: int = 1) -> Turn:
        """Runs the turn of what `sender` sent to this actor."""
        return self.send(sent.subject, sent.body, sender=sender, headers=sent.headers, attempt=attempt)

    def answer(
        self,
        request: Requested,
        value: object = b"",
        *,
        ending: Ending = "replied",
        fault: Fault | None = None,
        headers: AnyHeaders = (),
    ) -> Turn:
        """Ends a request of this actor and runs the turn of the answer."""
        if self.open_requests.pop(request.token, None) is None:
            raise AssertionError(f"{request.token} is no open request: exactly one answer comes to each")
        answer = Answer(request.token, request.memo, ending, fault)
        payload = to_payload("answer", value, headers)
        return self.send("answer:", payload.body, headers=payload.headers, sender=request.to, answer=answer)

    def fire(self, name: str) -> Turn:
        """Fires a timer now, whenever it is due. One that is not regular is gone then."""
        timer = self.timers.pop(name, None)
        if timer is None:
            raise AssertionError(f"no timer {name}; set are: {', '.join(self.timers) or 'none'}")
        missed = 0
        if timer.when.every_ms is not None and timer.due_ms is not None:
            missed = max(0, self.now_ms - timer.due_ms) // timer.when.every_ms
            self.timers[name] = replace(timer, due_ms=timer.due_ms + timer.when.every_ms * (missed + 1))
        elif timer.when.cron is not None:
            self.timers[name] = timer
        return self.send(f"timer:{name}", timer.body, headers={"hydra-missed": str(missed)})

    def advance(self, by_ms: int) -> list[Turn]:
        """Moves the clock, and runs in order the turns of timers that are due and of requests that time out.

        Timers by the calendar (`cron`) stand still: `fire` them.
        """
        end_ms = self.now_ms + by_ms
        turns: list[Turn] = []
        while (due := self._next(end_ms)) is not None:
            if len(turns) == FIRINGS_MAX:
                raise AssertionError(f"{FIRINGS_MAX} turns in {by_ms} ms, and still more are due")
            self.now_ms = max(self.now_ms, due.due_ms or 0)
            turns.append(self.fire(due.name) if isinstance(due, Timer) else self.answer(due, ending="timed-out"))
        self.now_ms = end_ms
        return turns

    def sleep(self) -> None:
        """Puts the actor to sleep: its next turn begins with `activated`."""
        self._asleep = True

    def migrate(self, from_version: int) -> None:
        """Migrates the stored bytes as the host does after `state_version` in `actor.toml` was raised.

        Raises the actor's own failure; the stored bytes stay then.
        """
        if self.state is not None:
            self.state = self._cls.migrate(from_version, self.state)

    def _message(self, subject: str, value: object, fields: Fields) -> Message:
        self._messages += 1
        return Message(
            id=fields.get("id", f"test:{self._messages}"),
            subject=subject,
            body=to_body("message", value),
            headers=Headers(fields.get("headers", ())),
            sender=ActorId.of(fields["sender"]) if "sender" in fields else None,
            accepted_at_ms=self.now_ms,
            attempt=fields.get("attempt", 1),
            reply_token=fields.get("reply_token"),
            answer=fields.get("answer"),
        )

    def _run(self, message: Message) -> Turn:
        done = self._turn(message)
        if isinstance(done.outcome, Failure):
            return done
        self._asleep = False
        effects = done.effects
        if effects.state_changed:
            self.state = effects.state
        if effects.deleted:
            self.timers.clear()
        for name, timer in effects.timers.items():
            if timer is None:
                self.timers.pop(name, None)
            else:
                self.timers[name] = timer
        self.open_requests |= {request.token: request for request in effects.requests}
        return done

    def _turn(self, message: Message) -> Turn:
        """Runs a turn without applying it. What the actor raises beside failures goes on to the test."""
        host = SimulatedHost(
            actor=self.actor,
            stored=self.state,
            now=self.now_ms,
            seed=f"{self.random_seed}:{self._messages}",
            settings=self.config,
        )
        outcome = turn.run(self._cls, host, message, self._asleep or self.state is None)
        effects = Effects(logs=host.effects.logs) if isinstance(outcome, Failure) else host.effects
        return Turn(message, outcome, effects)

    def _next(self, end_ms: int) -> Timer | Requested | None:
        waiting: list[Timer | Requested] = [*self.timers.values(), *self.open_requests.values()]
        due = [(one.due_ms, one) for one in waiting if one.due_ms is not None and one.due_ms <= end_ms]
        return min(due, key=lambda one: one[0], default=(0, None))[1]
