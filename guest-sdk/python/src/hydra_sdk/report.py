"""What is said about an exception that the author did not expect, before it breaks the turn off.

Called by `export`. Writes nothing itself: what it makes goes to standard error, whose lines the host logs.
Never says anything about a failure: that is an outcome.
"""

from __future__ import annotations

import linecache
import sys
import traceback
from pathlib import Path
from types import TracebackType

SDK = str(Path(__file__).parent)
FRAMES_MAX = 30
"""Most frames of one traceback: the host keeps 100 lines of a turn."""


def keep_sources(folder: str) -> None:
    """Keeps the source of the modules below a folder for tracebacks: while a component runs there are no files."""
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        if path.startswith(folder) and path.endswith(".py"):
            text = Path(path).read_text(encoding="utf-8")
            # Without a time of change it is never compared with the file.
            linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)


def unexpected(error: Exception, folder: str) -> str:
    """Two lines that the host takes as the fault, since it looks for `panicked at`; then advice and traceback.

    Paths are shown as seen from the folder of the author's module.
    """
    error.__traceback__ = _authors(error.__traceback__)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}, in {frames[-1].name}:" if frames else "an unknown place:"
    lines = [f"panicked at {place}", "".join(traceback.format_exception_only(error)).strip()]
    if isinstance(error, ModuleNotFoundError):
        lines.append(f"What is not imported while the component is built is not there: import {error.name} at the top.")
    limit = -FRAMES_MAX if len(frames) > FRAMES_MAX else None
    lines.append("".join(traceback.format_exception(error, limit=limit)))
    return "\n".join(lines).replace(f"{folder}/", "")


def _authors(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without the SDK's own frames at its beginning."""
    start = trace
    while start is not None and start.tb_frame.f_code.co_filename.startswith(SDK):
        start = start.tb_next
    return start or trace
