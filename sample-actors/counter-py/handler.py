"""A number that can be added to: `counter` once more, in Python, with the same subjects, replies, errors and state.

Teaches: state as a dataclass, a method per subject, refusing, forgetting an actor, `describe` made of type hints.
"""

from dataclasses import dataclass

from hydra_sdk import Actor, Context, handles, refuse

INT64 = range(-(2**63), 2**63)
"""What fits 64 bits: Python's numbers have no end, the state's have."""


@dataclass
class State:
    """One counter."""

    value: int = 0


class Counter(Actor[State]):
    """A number that can be added to."""

    @handles("add", example=5, reply_example=12)
    def add(self, amount: int) -> int:
        """Adds a number, replies with the new value."""
        if amount not in INT64:
            raise refuse("body-does-not-decode", "add wants a body of an integer of 64 bits")
        value = self.state.value + amount
        if value not in INT64:
            raise refuse("overflow", f"{self.state.value} is the value, and the sum does not fit 64 bits")
        self.state.value = value
        return value

    @handles("get", reply_example=12)
    def get(self) -> int:
        """Replies with the value."""
        return self.state.value

    @handles("reset")
    def reset(self) -> None:
        """Sets the value to 0."""
        self.state.value = 0

    @handles("delete")
    def delete(self, ctx: Context) -> None:
        """Forgets this counter."""
        ctx.delete()
