"""The counter, natively. `scenarios/` tests the built component."""

from hydra_sdk import done, reply
from hydra_sdk.testing import Harness

from handler import INT64, Counter


def counter() -> Harness:
    return Harness(Counter, "counter-py/alice")


def test_it_adds_and_keeps_the_sum() -> None:
    alice = counter()
    assert alice.ask("add", 5).outcome == reply(5)
    assert alice.ask("add", -7).outcome == reply(-2)
    assert alice.ask("get").outcome == reply(-2)
    assert alice.state == b'{"value":-2}'


def test_reading_a_new_counter_does_not_create_it() -> None:
    alice = counter()
    assert alice.ask("get").outcome == reply(0)
    assert alice.state is None


def test_a_sum_that_does_not_fit_is_refused() -> None:
    alice = counter()
    alice.ask("add", INT64[-1])
    assert alice.ask("add", 1).fault_code == "overflow"
    assert alice.ask("get").outcome == reply(INT64[-1])
    assert alice.ask("add", INT64.stop).fault_code == "body-does-not-decode"


def test_reset_keeps_the_actor_and_delete_forgets_it() -> None:
    alice = counter()
    alice.ask("add", 5)
    assert alice.ask("reset").outcome == done()
    assert alice.state == b'{"value":0}'
    assert alice.ask("delete").outcome == done()
    assert alice.state is None


def test_what_it_does_not_understand_is_refused() -> None:
    alice = counter()
    turn = alice.ask("multiply", 2)
    assert str(turn.fault) == "unknown-subject: multiply: try add, get, reset, delete"
    assert alice.ask("add", b"five").fault_code == "body-does-not-decode"
