"""Imports that would fail in the sandbox are found, and only those."""

from pathlib import Path

from hydra_sdk.check import late_imports

HANDLER = """\
import json
import pricing
from shop import stock
try:
    import tomllib
except ImportError:
    tomllib = None

def late():
    import socket
    import json
    if True:
        from decimal import Decimal

class Actor:
    async def later(self):
        import wave, chunk
"""


def test_late_imports_are_found_in_all_files_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "handler.py").write_text(HANDLER)
    (tmp_path / "pricing.py").write_text("import handler\n\n\ndef price():\n    import statistics\n")
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "stock.py").write_text("def take():\n    from . import other\n    import colorsys\n")
    (tmp_path / "unused.py").write_text("def f():\n    import wave\n")
    found = [(late.path.name, late.line, late.module) for late in late_imports(tmp_path, "handler")]
    assert found == [
        ("handler.py", 10, "socket"),
        ("handler.py", 13, "decimal"),
        ("handler.py", 17, "wave"),
        ("handler.py", 17, "chunk"),
        ("pricing.py", 5, "statistics"),
        ("stock.py", 2, "shop.other"),
        ("stock.py", 3, "colorsys"),
    ]


def test_a_late_import_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text("def f():\n    import wave\n")
    (late,) = late_imports(tmp_path, "handler")
    assert str(late) == "handler.py:2: wave is imported inside a function: import it at the top of the file"
