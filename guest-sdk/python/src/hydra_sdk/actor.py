"""What an author writes: the actor, and how its state becomes bytes.

Called by `turn`; hands messages to the author's methods.
Never does during a turn what can be done once, when the class is made.
"""

from __future__ import annotations

import typing
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from hydra_sdk import json_form
from hydra_sdk.context import Context
from hydra_sdk.describe import Description
from hydra_sdk.handling import Handler, first_line, handlers_in
from hydra_sdk.message import Message
from hydra_sdk.outcome import Outcome, refuse

S = TypeVar("S")


class Codec(Protocol[S]):
    """How state becomes bytes. For another format than JSON give the actor one of your own: `codec = MyCodec()`."""

    def encode(self, state: S) -> bytes:
        """The bytes to store. Equal state should give equal bytes: only changed bytes are written.

        Whatever it raises ends the turn as `fail` with the code `state-does-not-encode`.
        """
        ...

    def decode(self, stored: bytes) -> S:
        """Reads stored bytes.

        Whatever it raises suspends the actor with the code `state-does-not-decode`: its messages wait.
        """
        ...


class JsonCodec(Generic[S]):
    """State as JSON. A field that is missing takes its default; one that the type does not have does not decode."""

    def __init__(self, hint: Any) -> None:
        self._form = json_form.form_of(hint, strict=True)

    def encode(self, state: S) -> bytes:
        """JSON without spaces."""
        return json_form.encode(state)

    def decode(self, stored: bytes) -> S:
        """Raises `Mismatch`, which says where."""
        return typing.cast(S, self._form.decode(stored))


class Actor(Generic[S]):
    """An actor: subclass `Actor[State]`, where `State()` is the state of a new one.

    An instance lives for one turn. Keep everything in `self.state`: globals may be gone at the next message.
    """

    state: S
    """What is stored between turns."""
    codec: ClassVar[Codec[Any]] = JsonCodec(None)
    """How the state becomes bytes."""
    handlers: ClassVar[dict[str, Handler]] = {}
    """The methods marked with `handles`, by subject."""
    _state_class: ClassVar[Any] = None

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        cls.handlers = cls.handlers | handlers_in(cls, taken={"state", *dir(Actor)})
        hint = _state_hint(cls)
        if hint is None:
            return
        cls._state_class = typing.get_origin(hint) or hint
        if "codec" not in vars(cls):
            cls.codec = JsonCodec(hint)
        try:
            cls.new_state()
        except TypeError as error:
            advice = "give its fields defaults, or the actor a `new_state`"
            raise TypeError(f"{cls.__name__}: {hint!r} cannot be the state of a new actor: {error}: {advice}") from None

    @classmethod
    def new_state(cls) -> S:
        """The state of a new actor."""
        return typing.cast(S, cls._state_class())

    def handle(self, ctx: Context, msg: Message) -> Outcome:
        """Handles one message: gives it to the method that `handles` its subject. Override it to do so yourself.

        A failure, returned or raised, drops all that the turn did: changes of `self.state`, sends, `ctx.delete()`.
        """
        handler = self.handlers.get(msg.subject)
        if handler is None:
            return refuse("unknown-subject", f"{msg.subject}: try {', '.join(self.handlers) or 'another actor'}")
        return handler.handle(self, ctx, msg)

    def activated(self, ctx: Context) -> None:
        """Runs before the first message after this actor was created or slept, as part of the same turn.

        An actor that has stored no state is new at every turn.
        """

    @classmethod
    def migrate(cls, from_version: int, state: bytes) -> bytes:
        """Turns state written under an older `state_version` of `actor.toml` into today's bytes.

        A failure that it raises suspends the actor: its messages wait for a version that can read the state.
        """
        return state

    @classmethod
    def describe(cls) -> Description:
        """The subjects it understands, with examples. Shown to whoever wants to talk to it."""
        return Description(first_line(cls), tuple(handler.subject for handler in cls.handlers.values()))


def _state_hint(cls: type) -> Any:
    """The State of `Actor[State]`; None for a subclass of a class that has one."""
    for base in vars(cls).get("__orig_bases__", ()):
        if typing.get_origin(base) is Actor:
            (hint,) = typing.get_args(base)
            return hint
    if getattr(cls, "_state_class", None) is None:
        raise TypeError(f"{cls.__name__}: say what its state is: class {cls.__name__}(Actor[State])")
    return None
