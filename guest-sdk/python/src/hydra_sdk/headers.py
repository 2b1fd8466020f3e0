"""Header names and values: what travels beside a body.

Ground floor: pure data, used by messages and replies.
Never checks the grammar of names and values: the host does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias, cast


class Headers:
    """Header names and values in order. Names are `[A-Za-z0-9-]+` and compare without regard to case."""

    __slots__ = ("_pairs",)

    def __init__(self, headers: AnyHeaders = ()) -> None:
        pairs: Iterable[tuple[str, str]]
        pairs = cast(Mapping[str, str], headers).items() if isinstance(headers, Mapping) else headers
        self._pairs = tuple(pairs)

    def get(self, name: str) -> str | None:
        """The first value under this name."""
        wanted = name.lower()
        return next((value for have, value in self._pairs if have.lower() == wanted), None)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._pairs == other._pairs

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __repr__(self) -> str:
        return f"Headers({list(self._pairs)!r})"


AnyHeaders: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
"""What a call takes as headers: `{"x-mark": "red"}`, pairs, or `Headers`."""
