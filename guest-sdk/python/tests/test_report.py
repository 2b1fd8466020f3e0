"""What the log says about an exception that nobody expected."""

from pathlib import Path

import pytest
from hydra_sdk import Actor, handles, report
from hydra_sdk.testing import Harness

HERE = str(Path(__file__).parent)


class Broken(Actor[int]):
    @handles("divide")
    def divide(self, by: int) -> int:
        return 5 // by

    @handles("recurse")
    def recurse(self) -> None:
        self.recurse()

    @handles("import")
    def late(self) -> None:
        exec("import no_such_module")


def said(subject: str, body: object = b"") -> list[str]:
    with pytest.raises(Exception) as broken:
        Harness(Broken, "broken/1").send(subject, body)
    return report.unexpected(broken.value, HERE).splitlines()


def test_the_first_two_lines_are_what_the_host_shows_as_the_fault() -> None:
    lines = said("divide", 0)
    assert lines[0].startswith("panicked at test_report.py:")
    assert lines[0].endswith(", in divide:")
    assert lines[1] == "ZeroDivisionError: integer division or modulo by zero"
    assert lines[2] == "Traceback (most recent call last):"
    assert "return 5 // by" in "".join(lines)


def test_endless_recursion_fits_the_log() -> None:
    assert len(said("recurse")) < 100


def test_a_missing_module_gets_advice() -> None:
    assert said("import")[2].endswith("is not there: import no_such_module at the top.")
