"""What an author may rely on, checked with the harness as an author would."""

from dataclasses import dataclass, field

import pytest
from hydra_sdk import (
    Actor,
    Context,
    Failure,
    Fault,
    Message,
    Outcome,
    Refuse,
    Retry,
    Suspend,
    done,
    fail,
    handles,
    later,
    refuse,
    reply,
    retry,
    suspend,
)
from hydra_sdk.testing import Harness


@dataclass
class Book:
    entries: list[str] = field(default_factory=list)
    activations: int = 0


class Author(Actor[Book]):
    """Writes a book."""

    @handles("write")
    def write(self, ctx: Context, entry: str) -> int:
        """Adds an entry, replies with their number."""
        ctx.info(f"an entry for {ctx.actor}")
        ctx.send("mail/desk", "written", entry, headers={"X-Mark": "red"})
        self.state.entries.append(entry)
        return len(self.state.entries)

    @handles("write-and-refuse")
    def write_and_refuse(self, ctx: Context) -> None:
        self.write(ctx, "lost")
        raise refuse("no", "not today")

    @handles("write-and-break")
    def write_and_break(self, ctx: Context) -> None:
        self.write(ctx, "lost")
        raise ZeroDivisionError

    @handles("count")
    def count(self) -> int:
        return len(self.state.entries)

    @handles("activations")
    def activation_count(self) -> int:
        return self.state.activations

    @handles("forget")
    def forget(self, ctx: Context) -> None:
        ctx.delete()

    @handles("context")
    def context(self, ctx: Context) -> list[object]:
        return [ctx.now_ms, list(ctx.random(9)), list(ctx.random(9)), ctx.config("colour"), ctx.config("size")]

    @handles("who")
    def who(self, msg: Message, ctx: Context) -> list[object]:
        return [str(msg.sender), msg.id, msg.attempt, msg.headers.get("X-Mark"), str(ctx.actor)]

    @handles("return")
    def end(self, how: str) -> Outcome:
        ends: dict[str, Outcome] = {
            "done": done(),
            "bytes": reply(b"\xff", headers={"x-mark": "red"}),
            "later": later(),
            "fail": fail("broken", "never"),
            "retry": retry("busy", "soon", after_ms=5),
            "suspend": suspend("stop", "a human"),
        }
        return ends[how]

    def activated(self, ctx: Context) -> None:
        self.state.activations += 1


@pytest.fixture
def book() -> Harness:
    return Harness(Author, "book/1", config={"colour": "green"})


def test_a_turn_stores_state_and_sends(book: Harness) -> None:
    turn = book.send("write", "first")
    assert turn.outcome == reply(1)
    (sent,) = turn.sends
    assert (str(sent.to), sent.subject, sent.json(), sent.headers.get("x-mark")) == (
        "mail/desk",
        "written",
        "first",
        "red",
    )
    assert turn.logs == [("info", "an entry for book/1")]
    assert book.state == b'{"entries":["first"],"activations":1}'


def test_a_failing_turn_leaves_state_and_sends_but_its_logs_stay(book: Harness) -> None:
    book.send("write", "first")
    before = book.state
    turn = book.send("write-and-refuse")
    assert turn.outcome == refuse("no", "not today")
    assert turn.sends == []
    assert not turn.state_changed
    assert len(turn.logs) == 1
    assert book.state == before


def test_an_exception_reaches_the_test_and_leaves_nothing(book: Harness) -> None:
    with pytest.raises(ZeroDivisionError):
        book.send("write-and-break")
    assert book.state is None


def test_unchanged_state_is_not_written(book: Harness) -> None:
    book.send("write", "first")
    assert not book.send("count").state_changed


def test_reading_a_new_actor_does_not_create_it() -> None:
    class Quiet(Actor[Book]):
        @handles("count")
        def count(self) -> int:
            return len(self.state.entries)

    quiet = Harness(Quiet, "quiet/1")
    assert quiet.ask("count").reply() == 0
    assert quiet.state is None


def test_a_body_that_does_not_decode_is_refused(book: Harness) -> None:
    for body in (b"\xff\x00", b"", b"5", b"NaN"):
        turn = book.send("write", body)
        assert isinstance(turn.outcome, Refuse)
        assert turn.fault_code == "body-does-not-decode"
    assert book.send("write", b"5").fault == Fault(
        "body-does-not-decode", "write wants a body of text; these 1 bytes are not: an integer instead of text"
    )


def test_a_subject_without_handler_is_refused(book: Harness) -> None:
    turn = book.send("read")
    assert turn.fault_code == "unknown-subject"
    assert str(turn.fault).startswith("unknown-subject: read: try write, write-and-refuse, ")


@pytest.mark.parametrize("stored", [b'{"other":1}', b'{"entries":[1]}', b"", b"[]"])
def test_state_that_does_not_decode_suspends(book: Harness, stored: bytes) -> None:
    book.state = stored
    turn = book.send("count")
    assert isinstance(turn.outcome, Suspend)
    assert turn.fault_code == "state-does-not-decode"
    assert book.state == stored


def test_a_new_field_takes_its_default(book: Harness) -> None:
    book.state = b'{"entries":["old"]}'
    assert book.send("count").reply() == 1


def test_a_deleted_actor_begins_anew(book: Harness) -> None:
    book.send("write", "first")
    turn = book.send("forget")
    assert (turn.outcome, book.state) == (done(), None)
    assert book.send("count").reply() == 0


def test_activated_runs_before_the_first_message_after_sleep(book: Harness) -> None:
    assert book.send("activations").reply() == 1
    assert book.send("activations").reply() == 1
    book.sleep()
    assert book.send("activations").reply() == 2


def test_a_crash_leaves_nothing_and_the_message_comes_again(book: Harness) -> None:
    lost = book.crash("write", "first", id="m-1")
    assert (lost.reply(), len(lost.sends), book.state) == (1, 1, None)
    again = book.send("write", "first", id="m-1", attempt=2)
    assert (again.reply(), again.message.id) == (1, "m-1")


def test_clock_randomness_and_config_are_the_tests(book: Harness) -> None:
    other = Harness(Author, "book/1", config={"colour": "green"})
    book.now_ms = other.now_ms = 42
    seen = book.send("context").reply()
    assert other.send("context").reply() == seen
    now_ms, first, second, colour, size = seen
    assert (now_ms, len(first), colour, size) == (42, 9, "green", None)
    assert first != second
    other.random_seed = 7
    assert other.send("context").reply()[1] != book.send("context").reply()[1]


def test_a_message_says_where_it_comes_from(book: Harness) -> None:
    turn = book.send("who", sender="mail/desk", id="m-1", attempt=3, headers={"x-mark": "red"})
    assert turn.reply() == ["mail/desk", "m-1", 3, "red", "book/1"]


def test_every_outcome_can_be_returned(book: Harness) -> None:
    assert book.send("return", "done").outcome == done()
    assert book.send("return", "later").outcome == later()
    assert book.send("return", "fail").outcome == fail("broken", "never")
    assert book.send("return", "suspend").outcome == suspend("stop", "a human")
    again = book.send("return", "retry").outcome
    assert isinstance(again, Retry)
    assert again.after_ms == 5
    raw = book.send("return", "bytes").outcome
    assert raw == reply(b"\xff", headers={"x-mark": "red"})
    assert raw != reply(b"\xff")


def test_what_cannot_be_json_fails() -> None:
    class Odd(Actor[dict[str, object]]):
        @handles("reply")
        def answer(self) -> Outcome:
            return reply({1, 2})

        @handles("store")
        def store(self) -> None:
            self.state["odd"] = float("nan")

        @handles("send")
        def tell(self, ctx: Context) -> None:
            ctx.send("odd/2", "x", object())

    odd = Harness(Odd, "odd/1")
    assert odd.send("reply").outcome == fail("reply-does-not-encode", "the reply cannot be JSON: set has no JSON form")
    assert odd.send("store").fault_code == "state-does-not-encode"
    assert odd.send("send").fault_code == "message-does-not-encode"


class Number(Actor[int]):
    """A state in a format of its own: four bytes, and no JSON; and one handler for every subject."""

    class FourBytes:
        def encode(self, state: int) -> bytes:
            return state.to_bytes(4, "little")

        def decode(self, stored: bytes) -> int:
            if len(stored) != 4:
                raise ValueError(f"{len(stored)} bytes instead of 4")
            return int.from_bytes(stored, "little")

    codec = FourBytes()

    def handle(self, ctx: Context, msg: Message) -> Outcome:
        self.state += 1
        return reply(msg.text())

    @classmethod
    def migrate(cls, from_version: int, state: bytes) -> bytes:
        if from_version != 1:
            raise fail("unknown-version", f"version {from_version}")
        return state + bytes(3)


def test_another_codec_chooses_the_bytes() -> None:
    number = Harness(Number, "number/1")
    assert number.send("anything", "ü".encode()).outcome == reply("ü")
    assert number.state == b"\x01\x00\x00\x00"
    assert number.send("anything", b"\xff").fault_code == "body-does-not-decode"
    number.state = b"\x01\x02"
    assert str(number.send("anything").fault).startswith(
        "state-does-not-decode: 2 bytes of state do not decode: 2 bytes instead of 4; deploy"
    )


def test_old_state_migrates_or_stays() -> None:
    number = Harness(Number, "number/1")
    number.state = b"\x09"
    with pytest.raises(Failure, match="unknown-version"):
        number.migrate(0)
    assert number.state == b"\x09"
    number.migrate(1)
    assert number.state == b"\x09\x00\x00\x00"


def test_handle_must_return_an_outcome() -> None:
    class Forgetful(Actor[None]):
        def handle(self, ctx: Context, msg: Message) -> Outcome:
            return None  # type: ignore[return-value]

    with pytest.raises(TypeError, match="handle returned NoneType: return an outcome"):
        Harness(Forgetful, "forgetful/1").send("x")
