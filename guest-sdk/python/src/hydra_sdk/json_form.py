"""JSON to typed values and back: what a type hint says about the JSON that it stands for.

Ground floor: pure. State, bodies and `describe` go through here.
Never guesses: a hint without a JSON form is a mistake that shows when the actor is imported, not at a message.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Read: TypeAlias = Callable[[Any], Any]
"""Makes a typed value of a JSON value, or raises `Mismatch`."""

ENCODE_ERRORS = (TypeError, ValueError, RecursionError)
"""What `encode` raises for a value that cannot be JSON."""

DEPTH_MAX = 128
"""Most levels of lists and objects in each other: more could exhaust the sandbox's stack, which no handler survives."""

PLAIN: Mapping[type, tuple[str, str, Any]] = {
    bool: ("boolean", "true or false", True),
    int: ("integer", "an integer", 1),
    float: ("number", "a number", 1.5),
    str: ("string", "text", "text"),
}
"""Types that JSON has too: their name in a JSON Schema, their name for people, an example."""


class Mismatch(ValueError):
    """JSON that is not what a hint says, and where."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path

    def inside(self, part: str) -> Mismatch:
        """The same, seen from one level further out."""
        return Mismatch(self.problem, part + self.path)

    def __str__(self) -> str:
        return f"{self.path.removeprefix('.')}: {self.problem}" if self.path else self.problem


@dataclasses.dataclass(frozen=True)
class Form:
    """The JSON form of one type."""

    name: str
    """For people, for example `an integer`."""
    read: Read
    schema: Mapping[str, Any]
    """JSON Schema, as far as the hint says something."""
    example: Any
    """A JSON value that fits it."""

    def decode(self, body: bytes) -> Any:
        """Reads bytes. Raises `Mismatch`, whatever the bytes are."""
        try:
            value = _parse(body)
        except ValueError as error:
            raise Mismatch(f"no JSON: {error}") from None
        return self.read(value)


def form_of(hint: Any, strict: bool = False) -> Form:
    """The form of a type hint. `strict`: a field that a dataclass does not have is a mismatch, not left out.

    Raises `TypeError` for a hint that has no JSON form.
    """
    key = (hint, strict)
    if key in _FORMS:
        return _FORMS[key]
    if key in _MAKING:
        # A dataclass with a field of its own type.
        return Form(f"an object, {hint.__name__}", lambda value: _FORMS[key].read(value), {"type": "object"}, None)
    _MAKING.add(key)
    try:
        _FORMS[key] = _make(hint, strict)
    finally:
        _MAKING.remove(key)
    return _FORMS[key]


def encode(value: object) -> bytes:
    """JSON bytes without spaces; dataclasses become objects, enumerations their values. Raises `ENCODE_ERRORS`."""
    return _ENCODER.encode(value).encode()


def to_json_value(value: object) -> Any:
    """The value as plain dictionaries, lists, texts and numbers. Raises `ENCODE_ERRORS`."""
    return json.loads(encode(value))


def _parse(body: bytes) -> Any:
    text = body.decode()
    if _is_deep(body):
        raise ValueError(f"its brackets are nested more than {DEPTH_MAX} deep, or not closed")
    return _DECODER.decode(text)


def _is_deep(text: bytes) -> bool:
    """Whether brackets are nested too deep. For text with brackets that are not closed the answer may be yes too."""
    if text.count(b"[") + text.count(b"{") <= DEPTH_MAX:
        return False
    brackets = _STRINGS.sub(b"", text).translate(None, _NO_BRACKETS)
    for _ in range(DEPTH_MAX):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)


def _default(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not part of JSON")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default)
_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_FORMS: dict[tuple[Any, bool], Form] = {}
_MAKING: set[tuple[Any, bool]] = set()


def _make(hint: Any, strict: bool) -> Form:
    if hint is Any or hint is object:
        return Form("anything", lambda value: value, {}, None)
    if hint is None or hint is types.NoneType:
        return Form("null", _exactly(None, "null"), {"type": "null"}, None)
    if hint in PLAIN:
        return _plain(hint)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _choice([member.value for member in hint], {member.value: member for member in hint})
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint, strict)
    if isinstance(hint, typing.NewType):
        return form_of(hint.__supertype__, strict)
    return _generic(hint, strict)


def _generic(hint: Any, strict: bool) -> Form:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return form_of(arguments[0], strict)
    if origin is typing.Literal:
        return _choice(list(arguments), {value: value for value in arguments})
    if origin in (typing.Union, types.UnionType):
        return _union([form_of(argument, strict) for argument in arguments])
    if hint is list or origin is list:
        return _list(form_of(arguments[0] if arguments else Any, strict), list)
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return _list(form_of(arguments[0], strict), tuple)
    if origin is tuple:
        return _tuple([form_of(argument, strict) for argument in arguments])
    if hint is dict or (origin is dict and arguments[0] is str):
        return _dict(form_of(arguments[1] if arguments else Any, strict))
    raise TypeError(
        f"{hint!r} has no JSON form: use dataclasses, enumerations, Literal, int, float, str, bool, None, "
        "list[…], tuple[…], dict[str, …] and unions of them"
    )


def _found(value: Any) -> str:
    """What a JSON value is, for people; never the value itself, which is not ours to log."""
    if value is None:
        return "null"
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    return PLAIN[type(value)][1]


def _wanted(name: str, value: Any) -> Mismatch:
    return Mismatch(f"{_found(value)} instead of {name}")


def _exactly(constant: Any, name: str) -> Read:
    def read(value: Any) -> Any:
        if value is not constant:
            raise _wanted(name, value)
        return constant

    return read


def _plain(hint: type) -> Form:
    schema, name, example = PLAIN[hint]

    def read(value: Any) -> Any:
        if type(value) is hint:
            return value
        if hint is float and type(value) is int:
            return _as_float(value)
        raise _wanted(name, value)

    return Form(name, read, {"type": schema}, example)


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Mismatch("a number that is too large") from None


def _choice(shown: list[Any], members: Mapping[Any, Any]) -> Form:
    name = "one of " + ", ".join(json.dumps(value) for value in shown)

    def read(value: Any) -> Any:
        # Lists and objects cannot be looked up, and `true` would be found as 1.
        for known, member in members.items():
            if type(value) is type(known) and value == known:
                return member
        raise _wanted(name, value)

    return Form(name, read, {"enum": shown}, shown[0] if shown else None)


def _union(forms: list[Form]) -> Form:
    name = " or ".join(form.name for form in forms)

    def read(value: Any) -> Any:
        problems = []
        for form in forms:
            try:
                return form.read(value)
            except Mismatch as mismatch:
                problems.append(mismatch)
        # The one that got furthest says most.
        furthest = max(problems, key=lambda problem: len(problem.path))
        raise furthest if furthest.path else _wanted(name, value)

    return Form(name, read, {"anyOf": [form.schema for form in forms]}, forms[0].example)


def _list(item: Form, make: Callable[[list[Any]], Any]) -> Form:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise _wanted("a list", value)
        return make([_inner(item.read, entry, f"[{index}]") for index, entry in enumerate(value)])

    example = [] if item.example is None else [item.example]
    return Form(f"a list of {item.name}", read, {"type": "array", "items": item.schema}, example)


def _tuple(items: list[Form]) -> Form:
    name = f"a list of exactly {len(items)}"

    def read(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != len(items):
            raise _wanted(name, value)
        pairs = enumerate(zip(items, value, strict=True))
        return tuple(_inner(item.read, entry, f"[{index}]") for index, (item, entry) in pairs)

    schema = {"type": "array", "prefixItems": [item.schema for item in items], "minItems": len(items)}
    return Form(name, read, schema | {"maxItems": len(items)}, [item.example for item in items])


def _dict(item: Form) -> Form:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _wanted("an object", value)
        return {key: _inner(item.read, entry, f".{key}") for key, entry in value.items()}

    schema = {"type": "object", "additionalProperties": item.schema}
    return Form(f"an object of {item.name}", read, schema, {"name": item.example})


def _dataclass(hint: type, strict: bool) -> Form:
    forms = _fields(hint, strict)
    required = [field.name for field in dataclasses.fields(hint) if _is_required(field)]
    name = f"an object, {hint.__name__}"

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _wanted(name, value)
        for key in required:
            if key not in value:
                raise Mismatch(f"the field {key} is missing")
        if strict and (strange := value.keys() - forms.keys()):
            raise Mismatch(f"{hint.__name__} has no field {min(strange)}")
        known = {key: _inner(form.read, value[key], f".{key}") for key, form in forms.items() if key in value}
        try:
            return hint(**known)
        except ValueError as error:
            # What `__post_init__` does not accept.
            raise Mismatch(str(error)) from None

    properties = {key: form.schema for key, form in forms.items()}
    schema = {"type": "object", "properties": properties, "required": required}
    return Form(name, read, schema, {key: form.example for key, form in forms.items()})


def _fields(hint: type, strict: bool) -> dict[str, Form]:
    hints = typing.get_type_hints(hint)
    forms: dict[str, Form] = {}
    for field in dataclasses.fields(hint):
        if not field.init:
            raise TypeError(f"{hint.__name__}.{field.name}: a field with init=False cannot be read back from JSON")
        try:
            forms[field.name] = form_of(hints[field.name], strict)
        except TypeError as error:
            raise TypeError(f"{hint.__name__}.{field.name}: {error}") from None
    return forms


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _inner(read: Read, value: Any, part: str) -> Any:
    try:
        return read(value)
    except Mismatch as mismatch:
        raise mismatch.inside(part) from None
