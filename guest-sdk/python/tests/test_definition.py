"""What is learned from an actor's class when it is made: handlers, description, mistakes."""

import json
from dataclasses import dataclass

import pytest
from hydra_sdk import Actor, Context, Description, Message, Outcome, Shape, Subject, done, handles, reply
from hydra_sdk.testing import Harness


@dataclass
class State:
    value: int = 0


@dataclass
class Order:
    item: str
    pieces: int = 1


class Counter(Actor[State]):
    """A number that can be added to.

    More about it.
    """

    @handles("add", example=5, reply_example=12)
    def add(self, amount: int = 1) -> int:
        """Adds a number, replies with the new value."""
        self.state.value += amount
        return self.state.value

    @handles("order")
    def order(self, order: Order) -> Outcome:
        return reply(order)

    @handles("reset")
    def reset(self) -> None:
        """Sets the value to 0."""
        self.state.value = 0


class Louder(Counter):
    """A counter that has more to say."""

    @handles("shout")
    def shout(self, ctx: Context, msg: Message) -> bytes:
        return msg.body.upper()


def test_a_description_is_made_of_hints_and_docstrings() -> None:
    said = json.loads(Counter.describe().to_json())
    assert said == {
        "sdk": "hydra-sdk-python/0.1.0",
        "about": "A number that can be added to.",
        "subjects": [
            {
                "subject": "add",
                "about": "Adds a number, replies with the new value.",
                "body": {"schema": {"type": "integer"}, "example": 5},
                "reply": {"schema": {"type": "integer"}, "example": 12},
            },
            {
                "subject": "order",
                "about": "",
                "body": {
                    "schema": {
                        "type": "object",
                        "properties": {"item": {"type": "string"}, "pieces": {"type": "integer"}},
                        "required": ["item"],
                    },
                    "example": {"item": "text", "pieces": 1},
                },
            },
            {"subject": "reset", "about": "Sets the value to 0."},
        ],
    }


def test_a_description_can_be_written() -> None:
    description = Description("Orders.", (Subject("order", "Takes one.", Shape.of(Order, Order("tea", 2))),))
    assert json.loads(description.to_json())["subjects"][0]["body"]["example"] == {"item": "tea", "pieces": 2}


def test_a_subclass_has_the_handlers_of_its_class() -> None:
    louder = Harness(Louder, "louder/1")
    assert louder.send("add").reply() == 1
    assert louder.send("shout", b"loud").outcome == reply(b"LOUD")
    assert list(Louder.handlers) == ["add", "order", "reset", "shout"]
    assert "shout" not in Counter.handlers


def test_an_empty_body_is_the_default_of_the_parameter() -> None:
    counter = Harness(Counter, "counter/1")
    assert counter.send("add", 4).reply() == 4
    assert counter.send("add").reply() == 5
    assert counter.send("order").fault_code == "body-does-not-decode"
    assert counter.send("order", Order("tea")).reply() == {"item": "tea", "pieces": 1}


def test_a_method_can_handle_several_subjects() -> None:
    class Twice(Actor[None]):
        @handles("one")
        @handles("two")
        def both(self, msg: Message) -> str:
            return msg.subject

    assert list(Twice.handlers) == ["one", "two"]
    assert Harness(Twice, "twice/1").send("two").reply() == "two"


def test_an_actor_says_what_its_state_is() -> None:
    with pytest.raises(TypeError, match=r"class Vague\(Actor\[State\]\)"):

        class Vague(Actor):  # type: ignore[type-arg]
            pass


def test_new_state_needs_no_arguments_or_a_method() -> None:
    with pytest.raises(TypeError, match=r"cannot be the state of a new actor.*give its fields defaults"):

        class Missing(Actor[Order]):
            pass

    class Given(Actor[Order]):
        @classmethod
        def new_state(cls) -> Order:
            return Order("tea")

        @handles("get")
        def get(self) -> str:
            return self.state.item

    assert Harness(Given, "given/1").send("get").reply() == "tea"


def test_state_without_json_form_is_named() -> None:
    with pytest.raises(TypeError, match="bytes"):

        class Raw(Actor[bytes]):
            pass


def test_parameters_that_cannot_be_given_are_named() -> None:
    with pytest.raises(TypeError, match=r"Untyped\.add: amount has no type"):

        class Untyped(Actor[None]):
            @handles("add")
            def add(self, amount) -> None:  # type: ignore[no-untyped-def]
                pass

    with pytest.raises(TypeError, match="more than one body"):

        class Two(Actor[None]):
            @handles("add")
            def add(self, amount: int, times: int) -> None:
                pass


def test_a_subject_has_one_handler() -> None:
    with pytest.raises(TypeError, match="add has a handler already"):

        class Double(Actor[None]):
            @handles("add")
            def add(self) -> None:
                pass

            @handles("add")
            def add_more(self) -> Outcome:
                return done()


@pytest.mark.parametrize("name", ["codec", "describe", "handle", "state"])
def test_a_method_leaves_the_names_of_the_sdk_alone(name: str) -> None:
    method = handles("x")(lambda self: None)
    with pytest.raises(TypeError, match=f"every actor has a {name}: give the method another name"):
        type("Odd", (Counter,), {name: method})
