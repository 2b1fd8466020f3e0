"""The build, really run: the template becomes a component, and mistakes are told; and the bindings are up to date.

What the component does in a host is tested with the sample actors.
"""

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SDK = Path(__file__).parent.parent
WIT = SDK / "src" / "hydra_sdk" / "wit"
GENERATED = ("wit_world", "componentize_py_types.py")


def build(project: Path, actor: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hydra_sdk.build", actor]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for file in ("handler.py", "actor.toml"):
        text = (SDK / "template" / file).read_text()
        (tmp_path / file).write_text(text.replace("{{name}}", "my-actor").replace("{{crate}}", "my_actor"))
    return tmp_path


def test_the_template_becomes_a_component(project: Path) -> None:
    done = build(project, "handler:Counter")
    assert done.returncode == 0, done.stderr
    component = project / "build" / "my-actor.wasm"
    assert component.read_bytes().startswith(b"\x00asm\x0d\x00\x01\x00")
    assert done.stdout.startswith("build/my-actor.wasm: ")
    assert sorted(path.name for path in project.rglob("*") if path.is_file() and path.suffix != ".pyc") == [
        "actor.toml",
        "handler.py",
        "my-actor.wasm",
    ]


def test_a_mistake_in_the_code_is_shown_with_its_line(project: Path) -> None:
    handler = project / "handler.py"
    handler.write_text(handler.read_text().replace("value: int = 0", "value: set[int] = ()"))
    done = build(project, "handler:Counter")
    assert done.returncode == 1
    assert 'File "handler.py", line 15, in <module>' in done.stderr
    assert done.stderr.rstrip().endswith("list[…], tuple[…], dict[str, …] and unions of them")
    assert "State.value: set[int] has no JSON form" in done.stderr


@pytest.mark.parametrize(
    ("actor", "file", "text", "said"),
    [
        ("handler", "x", "", "handler: name a module of this folder and a class in it"),
        ("handler:", "x", "", "name a module of this folder"),
        ("handlr:Counter", "x", "", "name a module of this folder"),
        ("wave:Counter", "wave.py", "", "Python has a module of that name"),
        (
            "handler:Counter",
            "handler.py",
            "def f():\n    import wave",
            "handler.py:2: wave is imported inside a function",
        ),
        ("handler:Counter", "handler.py", "def f(:", "handler.py, line 1"),
        ("handler:Counter", "actor.toml", "kind = ", "actor.toml: "),
        ("handler:Counter", "actor.toml", "kind = 'x'", "component = "),
    ],
)
def test_mistakes_are_told_at_once(project: Path, actor: str, file: str, text: str, said: str) -> None:
    (project / file).write_text(text)
    done = build(project, actor)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_checked_in_bindings_are_those_of_the_contract(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import componentize_py; componentize_py.script()"]
    subprocess.run([*command, "-q", "-d", WIT, "-w", "full-actor", "bindings", tmp_path], check=True)
    if "HYDRA_WRITE_BINDINGS" in os.environ:
        shutil.rmtree(SDK / "bindings")
        shutil.copytree(tmp_path / "wit_world", SDK / "bindings" / "wit_world")
        shutil.copy(tmp_path / "componentize_py_types.py", SDK / "bindings")
    made = sorted(path.relative_to(tmp_path) for part in GENERATED for path in python_files(tmp_path / part))
    kept = sorted(path.relative_to(SDK / "bindings") for path in python_files(SDK / "bindings"))
    assert kept == made
    _, different, missing = filecmp.cmpfiles(tmp_path, SDK / "bindings", map(str, made), shallow=False)
    assert different + missing == [], "HYDRA_WRITE_BINDINGS=1 ./check.sh writes them"


def python_files(path: Path) -> list[Path]:
    return [path] if path.is_file() else list(path.rglob("*.py"))
