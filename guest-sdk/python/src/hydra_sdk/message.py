"""What arrives: a message, and the actors it comes from and goes to.

Ground floor: pure data. `export` fills it from the host, `testing` from a test.
Never holds a type of the generated bindings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar, overload

from hydra_sdk.headers import Headers
from hydra_sdk.json_form import Form, Mismatch, form_of
from hydra_sdk.outcome import Fault, Refuse, refuse

T = TypeVar("T")

Ending: TypeAlias = Literal["replied", "done", "refused", "failed", "timed-out"]
"""How a request ended."""


@dataclass(frozen=True, order=True)
class ActorId:
    """Who: the kind names the component that handles it, the id is the actor within its kind."""

    kind: str
    id: str

    @classmethod
    def of(cls, actor: AnyActor) -> ActorId:
        """Reads `KIND/ID`. Text without a slash is a kind with an empty id, which the host refuses."""
        if isinstance(actor, ActorId):
            return actor
        kind, _, name = actor.partition("/")
        return cls(kind, name)

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"


AnyActor: TypeAlias = ActorId | str
"""What a call takes as an actor: an `ActorId`, or the text `KIND/ID`."""


@dataclass(frozen=True)
class Answer:
    """What a message says beside its body and headers when it ends a request of this actor."""

    token: str
    """What `ctx.request` returned."""
    memo: bytes
    """The bytes that were given to `ctx.request`."""
    ending: Ending
    fault: Fault | None = None
    """Why, when it was refused or failed."""


@dataclass(frozen=True)
class Message:
    """One message to this actor."""

    id: str
    """Unique, and the same on every try: usable as an idempotency key outside."""
    subject: str
    """What it is, for example `deposit`. With a colon it is the host's own: `timer:NAME`, `answer:`."""
    body: bytes = b""
    headers: Headers = field(default_factory=Headers)
    """The sender's own headers; `content-type` is one of them."""
    sender: ActorId | None = None
    """None: sent from outside."""
    accepted_at_ms: int = 0
    """When the host stored it, Unix milliseconds."""
    attempt: int = 1
    """1 for the first try of this message, one more after each retry or crash."""
    reply_token: str | None = None
    """Someone waits for the outcome; keep it to `ctx.answer` in a later turn."""
    answer: Answer | None = None
    """This message ends a request of this actor."""

    @property
    def timer(self) -> str | None:
        """The name of the timer that fired; None: this is another message."""
        return self.subject[len("timer:") :] if self.subject.startswith("timer:") else None

    @property
    def missed(self) -> int:
        """Of a timer that repeats: how many further times passed before this one was told."""
        return int(self.headers.get("hydra-missed") or 0)

    @property
    def status(self) -> int | None:
        """The HTTP status with which a call was answered; None: this is another message, or there was no response."""
        status = self.headers.get("status") if self.answer is not None and self.answer.ending == "replied" else None
        return int(status) if status is not None and status.isdecimal() else None

    @overload
    def json(self) -> Any: ...
    @overload
    def json(self, hint: type[T]) -> T: ...
    def json(self, hint: Any = Any) -> Any:
        """The body, read as JSON of this type: a dataclass, `int`, `list[str]`, `dict[str, float]`, …

        Raises `Refuse` with the code `body-does-not-decode`: let it pass.
        """
        return self.read(form_of(hint))

    def read(self, form: Form) -> Any:
        """The body, read in a form that was made before; otherwise as `json`."""
        try:
            return form.decode(self.body)
        except Mismatch as mismatch:
            raise self._undecodable(form.name, mismatch) from None

    def text(self) -> str:
        """The body, read as UTF-8. Raises `Refuse` with the code `body-does-not-decode`: let it pass."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise self._undecodable("UTF-8", error) from None

    def _undecodable(self, wanted: str, error: Exception) -> Refuse:
        text = f"{self.subject} wants a body of {wanted}; these {len(self.body)} bytes are not: {error}"
        return refuse("body-does-not-decode", text)
