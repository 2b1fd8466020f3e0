"""Write actors for Hydra in Python. An actor is a class with state; a message goes in, an outcome comes out:

    from dataclasses import dataclass
    from hydra_sdk import Actor, handles

    @dataclass
    class State:
        value: int = 0

    class Counter(Actor[State]):
        @handles("add")
        def add(self, amount: int) -> int:
            self.state.value += amount
            return self.state.value

The host decodes the state before a turn and stores it after: what is not in the state is gone. A turn that fails,
raises or runs out of time leaves nothing behind: no state, no message sent.

Reading order, a message's way: `export` (the component's exports), `turn` (one message: decode, handle, encode),
`actor` and `handling` (what an author writes) with `message`, `context` and `outcome`, `sandbox` (the imports;
`testing` and `simulation` stand in for them). `json_form` is state and bodies as JSON, `describe` what an actor says
about itself, `report` what is said of its bugs. `build` makes a component of it, once `check` found no late import.
"""

from hydra_sdk.actor import Actor, Codec
from hydra_sdk.context import Context
from hydra_sdk.describe import Description, Shape, Subject
from hydra_sdk.handling import handles
from hydra_sdk.headers import Headers
from hydra_sdk.message import ActorId, Answer, Message
from hydra_sdk.outcome import (
    Done,
    Fail,
    Failure,
    Fault,
    Later,
    Outcome,
    Payload,
    Refuse,
    Reply,
    Retry,
    Suspend,
    done,
    fail,
    later,
    refuse,
    reply,
    retry,
    suspend,
)

__all__ = [
    "Actor",
    "ActorId",
    "Answer",
    "Codec",
    "Context",
    "Description",
    "Done",
    "Fail",
    "Failure",
    "Fault",
    "Headers",
    "Later",
    "Message",
    "Outcome",
    "Payload",
    "Refuse",
    "Reply",
    "Retry",
    "Shape",
    "Subject",
    "Suspend",
    "done",
    "fail",
    "handles",
    "later",
    "refuse",
    "reply",
    "retry",
    "suspend",
]
