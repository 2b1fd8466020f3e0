"""What type hints say about JSON: typed values in, mistakes with their place out."""

import enum
import json
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NewType

import pytest
from hydra_sdk.json_form import DEPTH_MAX, Form, Mismatch, encode, form_of

Euro = NewType("Euro", float)


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Item:
    name: str
    pieces: int = 1

    def __post_init__(self) -> None:
        if self.pieces < 1:
            raise ValueError("pieces: 1 at least")


@dataclass
class Order:
    items: list[Item]
    colour: Colour = Colour.RED
    price: Euro | None = None
    kind: Literal["gift", "own"] = "own"
    place: tuple[int, str] = (0, "")
    days: tuple[int, ...] = ()
    marks: dict[str, bool] = field(default_factory=dict)
    more: Any = None


@dataclass
class Tree:
    value: int
    branches: list["Tree"] = field(default_factory=list)


def decoded(hint: Any, value: object) -> Any:
    return form_of(hint).decode(json.dumps(value).encode())


def test_typed_values_come_back() -> None:
    order = Order([Item("tea", 2)], Colour.GREEN, Euro(1.5), "gift", (1, "a"), (1, 2), {"fast": True}, [None, {"a": 1}])
    assert form_of(Order, strict=True).decode(encode(order)) == order
    assert form_of(Order).decode(b'{"items":[{"name":"tea"}],"price":2}') == Order([Item("tea")], price=Euro(2.0))
    tree = Tree(1, [Tree(2, [Tree(3)])])
    assert form_of(Tree).decode(encode(tree)) == tree


def test_bytes_are_short_and_unicode() -> None:
    assert encode({"a": ["ü", 1.0, None]}) == '{"a":["ü",1.0,null]}'.encode()


@pytest.mark.parametrize(
    ("hint", "value", "said"),
    [
        (int, "5", "text instead of an integer"),
        (int, True, "true or false instead of an integer"),
        (int, 5.0, "a number instead of an integer"),
        (float, None, "null instead of a number"),
        (str, [], "a list instead of text"),
        (None, 0, "an integer instead of null"),
        (Colour, "blue", 'text instead of one of "red", "green"'),
        (Literal[1, 2], True, "true or false instead of one of 1, 2"),
        (int | None, "x", "text instead of an integer or null"),
        (list[int], [1, "x"], "[1]: text instead of an integer"),
        (dict[str, int], {"a": {}}, "a: an object instead of an integer"),
        (tuple[int, str], [1], "a list instead of a list of exactly 2"),
        (Order, {"items": [{"name": "a"}, {"name": 5}]}, "items[1].name: an integer instead of text"),
        (Order, {"items": [{}]}, "items[0]: the field name is missing"),
        (Order, {"items": [{"name": "a", "pieces": 0}]}, "items[0]: pieces: 1 at least"),
        (Order, 5, "an integer instead of an object, Order"),
        (Item | list[Item], [{"name": 5}], "[0].name: an integer instead of text"),
        (float, 10**400, "a number that is too large"),
    ],
)
def test_a_mismatch_says_what_and_where(hint: Any, value: object, said: str) -> None:
    with pytest.raises(Mismatch) as mismatch:
        decoded(hint, value)
    assert str(mismatch.value) == said


def test_strange_fields_are_left_out_unless_state_is_read() -> None:
    body = b'{"name":"tea","colour":"red"}'
    assert form_of(Item).decode(body) == Item("tea")
    with pytest.raises(Mismatch, match="Item has no field colour"):
        form_of(Item, strict=True).decode(body)
    with pytest.raises(Mismatch, match=r"\[0\]: Item has no field colour"):
        form_of(list[Item], strict=True).decode(b"[" + body + b"]")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"{",
        b"NaN",
        b"-Infinity",
        b"1 2",
        b"9" * 5_000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'"[" ]' * 1_000,
    ],
)
def test_hostile_bytes_are_a_mismatch(body: bytes) -> None:
    with pytest.raises(Mismatch):
        form_of(Any).decode(body)


def test_depth_is_bounded_and_brackets_in_text_do_not_count() -> None:
    deepest = b"[" * DEPTH_MAX + b"]" * DEPTH_MAX
    assert form_of(Any).decode(deepest)
    with pytest.raises(Mismatch, match=f"more than {DEPTH_MAX} deep"):
        form_of(Any).decode(b"[" + deepest + b"]")
    assert decoded(list[str], ['[{\\"' * 1_000] * 200) == ['[{\\"' * 1_000] * 200
    assert len(decoded(Any, [{"a": []}] * 1_000)) == 1_000


def test_a_deep_tree_of_dataclasses_can_be_read() -> None:
    levels = DEPTH_MAX // 2
    body = b'{"value":1,"branches":[' * levels + b"]}" * levels
    assert form_of(Tree).decode(body).branches[0].value == 1


@pytest.mark.parametrize("hint", [set[int], bytes, dict[int, str], object(), complex, "unresolved"])
def test_what_has_no_json_form_is_named(hint: Any) -> None:
    with pytest.raises(TypeError, match="has no JSON form: use dataclasses"):
        form_of(hint)


def test_the_field_without_json_form_is_named() -> None:
    @dataclass
    class Bad:
        when: set[int]

    for _ in range(2):
        with pytest.raises(TypeError, match=r"Bad\.when: set\[int\] has no JSON form"):
            form_of(list[Bad])


@pytest.mark.parametrize("hint", [Order, Tree, list[Item], dict[str, Colour], Annotated[int, "metres"], Any])
def test_examples_fit_their_form(hint: Any) -> None:
    form: Form = form_of(hint)
    form.decode(encode(form.example))
    encode(form.schema)


def test_schemas_say_what_hints_say() -> None:
    assert form_of(Item).schema == {
        "type": "object",
        "properties": {"name": {"type": "string"}, "pieces": {"type": "integer"}},
        "required": ["name"],
    }
    assert form_of(tuple[int, str]).schema["prefixItems"] == [{"type": "integer"}, {"type": "string"}]
    assert form_of(Colour).schema == {"enum": ["red", "green"]}
