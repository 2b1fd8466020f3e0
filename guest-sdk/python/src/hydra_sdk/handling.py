"""From a subject to the method that handles it: the decorator `handles`, and what it learns from type hints.

Called by `actor` when a class is made, and for each message.
Never looks at a type hint during a turn.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from hydra_sdk import json_form
from hydra_sdk.context import Context
from hydra_sdk.describe import Shape, Subject
from hydra_sdk.message import Message
from hydra_sdk.outcome import Outcome, done, reply

M = TypeVar("M", bound=Callable[..., object])

Parameter: TypeAlias = Literal["context", "message", "body"]
"""What a method wants to be given."""

_MARK = "_hydra_handles"


@dataclass(frozen=True)
class _Marked:
    subject: str
    example: object
    reply_example: object


def handles(subject: str, *, example: object = None, reply_example: object = None) -> Callable[[M], M]:
    """Makes a method of an actor the handler of this subject. A method may handle several.

    What it is given is chosen by the types of its parameters: `Context`, `Message`, and at most one other, which is
    the body read as JSON of that type. What it returns is the reply, as JSON; None is an empty answer; an outcome
    (`later()`, `refuse(…)`) is itself. Types, docstring and examples are also what `describe` shows.
    """

    def mark(method: M) -> M:
        marks: tuple[_Marked, ...] = getattr(method, _MARK, ())
        setattr(method, _MARK, (_Marked(subject, example, reply_example), *marks))
        return method

    return mark


@dataclass(frozen=True)
class Handler:
    """A method that handles a subject."""

    method: Callable[..., object]
    parameters: tuple[Parameter, ...]
    """Those behind `self`."""
    body: json_form.Form
    """How the body is read, if the method wants it."""
    no_body: object
    """What an empty body stands for; `inspect.Parameter.empty`: it is read like any other."""
    subject: Subject

    def handle(self, actor: object, ctx: Context, msg: Message) -> Outcome:
        """Handles one message."""
        result = self.method(actor, *(self._given(parameter, ctx, msg) for parameter in self.parameters))
        if isinstance(result, Outcome):
            return result
        return done() if result is None else reply(result)

    def _given(self, parameter: Parameter, ctx: Context, msg: Message) -> object:
        if parameter == "context":
            return ctx
        if parameter == "message":
            return msg
        if not msg.body and self.no_body is not inspect.Parameter.empty:
            return self.no_body
        return msg.read(self.body)


def handlers_in(cls: type, taken: Container[str]) -> dict[str, Handler]:
    """The marked methods that a class itself has, by subject. Raises `TypeError` that names what is wrong with one.

    `taken` are names that no method may have, since the SDK means something else by them.
    """
    found: dict[str, Handler] = {}
    for name, method in vars(cls).items():
        for marked in getattr(method, _MARK, ()):
            if name in taken:
                raise TypeError(f"{method.__qualname__}: every actor has a {name}: give the method another name")
            if marked.subject in found:
                raise TypeError(f"{method.__qualname__}: {marked.subject} has a handler already")
            found[marked.subject] = _handler(method, marked)
    return found


def first_line(documented: object) -> str:
    """What a docstring says in its first line."""
    return inspect.cleandoc(documented.__doc__ or "").partition("\n")[0]


def _handler(method: Callable[..., object], marked: _Marked) -> Handler:
    hints = typing.get_type_hints(method)
    wanted = list(inspect.signature(method).parameters.values())[1:]
    parameters: tuple[Parameter, ...] = tuple(_wants(hints.get(parameter.name)) for parameter in wanted)
    bodies = [parameter for parameter, wants in zip(wanted, parameters, strict=True) if wants == "body"]
    untyped = [parameter.name for parameter in wanted if parameter.name not in hints]
    if untyped or len(bodies) > 1:
        problem = f"{untyped[0]} has no type" if untyped else "it has more than one body"
        raise TypeError(f"{method.__qualname__}: {problem}: give it a Context, a Message and one body, each if wanted")
    form, no_body, body_shape = json_form.form_of(Any), inspect.Parameter.empty, None
    if bodies:
        form, no_body = json_form.form_of(hints[bodies[0].name]), bodies[0].default
        body_shape = Shape.of_form(form, marked.example)
    subject = Subject(marked.subject, first_line(method), body_shape, _reply_shape(hints.get("return"), marked))
    return Handler(method, parameters, form, no_body, subject)


def _wants(hint: Any) -> Parameter:
    if hint is Context:
        return "context"
    return "message" if hint is Message else "body"


def _reply_shape(hint: Any, marked: _Marked) -> Shape | None:
    """None for a method that says nothing about its reply: it has none, or says `Outcome`."""
    says_nothing = hint is None or hint is type(None) or (isinstance(hint, type) and issubclass(hint, Outcome | bytes))
    return None if says_nothing else Shape.of(hint, marked.reply_example)
