"""What an actor says about itself: its subjects, with schemas and examples made of the author's own types.

Called by `export` for the CLI and other readers; `handling` fills it from type hints and docstrings.
Never part of a turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hydra_sdk import json_form

SDK = "hydra-sdk-python/0.1.0"
"""Which SDK a component has inside; the version is that of pyproject.toml."""


@dataclass(frozen=True)
class Shape:
    """What a body or a reply looks like."""

    schema: Mapping[str, Any]
    """JSON Schema."""
    example: Any
    """A JSON value that fits it."""

    @classmethod
    def of(cls, hint: Any, example: object = None) -> Shape:
        """The shape of a type; the example is made up when none is given."""
        return cls.of_form(json_form.form_of(hint), example)

    @classmethod
    def of_form(cls, form: json_form.Form, example: object = None) -> Shape:
        """As `of`, of a form that was made before."""
        return cls(form.schema, form.example if example is None else json_form.to_json_value(example))


@dataclass(frozen=True)
class Subject:
    """One subject: what it does, what it takes, what it gives."""

    name: str
    about: str = ""
    """What it does, in a sentence."""
    body: Shape | None = None
    reply: Shape | None = None


@dataclass(frozen=True)
class Description:
    """The subjects that an actor understands."""

    about: str = ""
    """What it is, in a sentence."""
    subjects: tuple[Subject, ...] = ()

    def to_json(self) -> str:
        """As the host reads it: `{sdk, about, subjects: [{subject, about, body, reply}]}`."""
        return json_form.encode(
            {"sdk": SDK, "about": self.about, "subjects": [_subject(one) for one in self.subjects]}
        ).decode()


def _subject(subject: Subject) -> dict[str, object]:
    said: dict[str, object] = {"subject": subject.name, "about": subject.about}
    for key, shape in (("body", subject.body), ("reply", subject.reply)):
        if shape is not None:
            said[key] = shape
    return said
