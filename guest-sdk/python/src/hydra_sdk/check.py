"""Looks for imports that work on the author's machine and fail in the sandbox: those inside functions.

Called by `build`. Reads the author's files, never runs them.
Knows nothing of other packages: what they import late shows at the message that needs it, with advice.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MODULES_MAX = 10_000
"""Most modules that a project may name: a bound, not a measure."""


@dataclass(frozen=True)
class LateImport:
    """An import that runs only when its function does."""

    path: Path
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.module} is imported inside a function: import it at the top of the file"


def late_imports(folder: Path, module: str) -> list[LateImport]:
    """The late imports of a module and of the modules that it imports from the same folder.

    One that some file also imports at its top is there, and is left out. Raises `SyntaxError`.
    """
    late: list[LateImport] = []
    early: set[str] = set()
    waiting, seen = [module], {module}
    while waiting and len(seen) < MODULES_MAX:
        name = waiting.pop(0)
        path = _source(folder, name)
        if path is None:
            continue
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path.relative_to(folder)))
        for node, is_late in _imports(tree, False):
            modules, members = _named(node, package)
            if is_late:
                late.extend(LateImport(path.relative_to(folder), node.lineno, module) for module in modules)
            else:
                early.update(modules)
            new = [found for found in modules + members if found not in seen]
            waiting.extend(new)
            seen.update(new)
    return sorted((found for found in late if found.module not in early), key=lambda found: (found.path, found.line))


def _source(folder: Path, module: str) -> Path | None:
    path = folder.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _imports(node: ast.AST, is_late: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, is_late
        else:
            yield from _imports(child, is_late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))


def _named(node: ast.Import | ast.ImportFrom, package: str) -> tuple[list[str], list[str]]:
    """The modules that an import names, and what it takes from one: those may be modules too."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names], []
    parents = package.split(".")
    above = parents[: len(parents) - node.level + 1] if node.level > 0 else []
    module = ".".join([*above, node.module] if node.module else above)
    members = [f"{module}.{alias.name}" for alias in node.names]
    return ([module], members) if node.module else (members, [])
