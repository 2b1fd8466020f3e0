"""The actor, natively: no host, no WebAssembly. `scenarios/` tests the built component."""

from hydra_sdk import reply
from hydra_sdk.testing import Harness

from handler import Counter


def test_it_adds_and_keeps_the_sum() -> None:
    counter = Harness(Counter, "{{name}}/alice")
    assert counter.ask("add", 5).outcome == reply(5)
    assert counter.ask("add", 7).outcome == reply(12)
    assert counter.ask("get").outcome == reply(12)
    assert counter.state == b'{"value":12}'


def test_a_refused_message_changes_nothing() -> None:
    counter = Harness(Counter, "{{name}}/alice")
    counter.ask("add", 5)
    assert counter.ask("add", "five").fault_code == "body-does-not-decode"
    assert counter.ask("get").outcome == reply(5)
