"""Makes a component of an actor: `python -m hydra_sdk.build MODULE:CLASS`, in the folder of its `actor.toml`.

Wraps componentize-py: checks imports, writes the entry module, puts the component where `actor.toml` says it is.
Never writes anything else into the project.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from importlib import metadata
from pathlib import Path

from hydra_sdk.check import late_imports

TOOL_VERSION = "0.25.1"
"""The componentize-py that this SDK is tested with."""
WORLD = "full-actor"
SDK = Path(__file__).parent
ENTRY = "hydra_entry"
"""The module that componentize-py is given; it may not be called like the world."""
ENTRY_TEXT = """\
import sys

# Nothing new in the project: a host in development mode watches it.
sys.dont_write_bytecode = True
from hydra_sdk.export import Handler, Lifecycle, export
from {module} import {actor}

export({actor})
"""


class Mistake(Exception):
    """What the author has to put right."""


def main(arguments: list[str] | None = None) -> int:
    """Builds; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hydra_sdk.build", description="Make a component of an actor")
    parser.add_argument("actor", metavar="MODULE:CLASS", help="for example handler:Counter")
    target: str = parser.parse_args(arguments).actor
    try:
        _build(Path.cwd(), target)
    except (Mistake, SyntaxError) as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 1
    return 0


def _build(project: Path, target: str) -> None:
    started = time.monotonic()
    module, _, actor = target.partition(":")
    if not actor.isidentifier() or not (project / f"{module}.py").is_file():
        raise Mistake(f"{target}: name a module of this folder and a class in it, for example handler:Counter")
    if module in sys.stdlib_module_names:
        raise Mistake(f"{module}.py: Python has a module of that name: choose another, for example handler.py")
    _check_tool()
    if late := late_imports(project, module):
        found = "\n".join(map(str, late))
        raise Mistake(f"the sandbox has only what is imported while the component is built\n{found}")
    component = _component(project)
    component.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / f"{ENTRY}.py").write_text(ENTRY_TEXT.format(module=module, actor=actor), encoding="utf-8")
        built = Path(made) / "component.wasm"
        _componentize(project, Path(made), built)
        # In one step, so that whoever watches the file never sees half of it.
        whole = component.with_suffix(".new")
        whole.write_bytes(built.read_bytes())
        os.replace(whole, component)
    size = component.stat().st_size / (1 << 20)
    print(f"{component.relative_to(project)}: {size:.1f} MiB in {time.monotonic() - started:.1f} s")


def _check_tool() -> None:
    try:
        version = metadata.version("componentize-py")
    except metadata.PackageNotFoundError:
        raise Mistake(f"componentize-py is not installed: pip install componentize-py=={TOOL_VERSION}") from None
    if version != TOOL_VERSION:
        raise Mistake(f"componentize-py is {version}: pip install componentize-py=={TOOL_VERSION}")


def _component(project: Path) -> Path:
    manifest = project / "actor.toml"
    try:
        path = tomllib.loads(manifest.read_text(encoding="utf-8")).get("component")
    except OSError as error:
        raise Mistake(f"{manifest.name}: {error.strerror}: build in the folder of the actor") from None
    except tomllib.TOMLDecodeError as error:
        raise Mistake(f"{manifest.name}: {error}") from None
    if not isinstance(path, str):
        raise Mistake(f'{manifest.name}: say where the component goes: component = "build/NAME.wasm"')
    return project / path


def _componentize(project: Path, made: Path, component: Path) -> None:
    command = [sys.executable, "-c", "import componentize_py; componentize_py.script()"]
    command += ["--quiet", "-d", str(SDK / "wit"), "-w", WORLD, "componentize", ENTRY, "-o", str(component)]
    # The SDK's folder is named as well: an editable install is not in site-packages.
    for folder in (project, made, SDK.parent):
        command += ["-p", str(folder)]
    environment = os.environ | {"VIRTUAL_ENV": sys.prefix, "RUST_BACKTRACE": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        # The author's traceback stands in the middle of the tool's own; `/0` is what the tool calls the project.
        said = done.stderr.rpartition("AssertionError: ")[2].partition("\nCaused by:")[0]
        raise Mistake(f"the component could not be built\n{said.strip().replace('/0/', '')}")


if __name__ == "__main__":
    sys.exit(main())
