"""A number that can be added to. Make it yours: `State` is what is stored, the methods are what it does."""

from dataclasses import dataclass

from hydra_sdk import Actor, Context, handles


@dataclass
class State:
    """One counter. `State()` is a new one; what is not in here is gone after the turn."""

    value: int = 0


class Counter(Actor[State]):
    """A number that can be added to."""

    @handles("add", example=5, reply_example=12)
    def add(self, ctx: Context, amount: int) -> int:
        """Adds a number, replies with the new value."""
        self.state.value += amount
        ctx.info(f"{ctx.actor} is now {self.state.value}")
        return self.state.value

    @handles("get", reply_example=12)
    def get(self) -> int:
        """Replies with the value."""
        return self.state.value
