"""Source maps made ready to be asked, kept in memory up to a number of bytes. Pure: who calls brings the bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from symbolic.exceptions import SymbolicError
from symbolic.sourcemapcache import SourceMapCache

CONTEXT_LINES = 5
MAX_LINE = 500
MAX_NUMBER = (1 << 31) - 1
SHARE = 1.5
"""A map made ready is mapped from a temporary file. Measured with a map of 5.1 MB: 1.3 times the bytes of script and map, of
which only what was asked for stays in memory."""


class MapInvalid(Exception):
    """A source map that can't be read."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a place in a built script was written. `function` is empty for one without a name."""

    source: str
    function: str
    line: int
    column: int
    context_line: str
    pre_context: tuple[str, ...]
    post_context: tuple[str, ...]


class Compiled:
    """One script with its map. Safe to ask from several threads."""

    def __init__(self, script: bytes, source_map: bytes) -> None:
        try:
            self._cache = SourceMapCache.from_bytes(script, source_map)
        except SymbolicError as error:
            raise MapInvalid(str(error)[:200]) from error
        self.size = int((len(script) + len(source_map)) * SHARE)

    def find(self, line: int, column: int) -> Origin | None:
        """Return where a place (both numbers from 1) comes from, None if the map does not know it."""
        if not (0 < line <= MAX_NUMBER and 0 < column <= MAX_NUMBER):
            return None
        try:
            token = self._cache.lookup(line, column, CONTEXT_LINES)
        except SymbolicError:
            return None
        if token is None or not token.src:
            return None
        return Origin(
            source=_clean(token.src),
            function=_clean(token.function_name),
            line=token.line,
            column=token.col,
            context_line=_clean(token.context_line),
            pre_context=tuple(_clean(text) for text in token.pre_context),
            post_context=tuple(_clean(text) for text in token.post_context),
        )


class Shelf:
    """The maps asked last, up to a number of bytes. What can't be read is remembered as such."""

    def __init__(self, *, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._kept: OrderedDict[Hashable, Compiled | str] = OrderedDict()
        self._lock = threading.Lock()
        self.size = 0

    def get(self, key: Hashable, load: Callable[[], tuple[bytes, bytes] | None]) -> Compiled | None:
        """Return the map of a key; `load` brings script and map, or None if they are gone. Raises MapInvalid.

        One that is larger than the shelf is made and not kept.
        """
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
        if known is None:
            found = load()
            if found is None:
                return None
            try:
                known = Compiled(*found)
            except MapInvalid as error:
                known = str(error) or "it can't be read"
            self._keep(key, known)
        if isinstance(known, str):
            raise MapInvalid(known)
        return known

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self.size = 0

    def _keep(self, key: Hashable, made: Compiled | str) -> None:
        size = _size_of(made)
        if size > self.max_bytes:
            return
        with self._lock:
            if (before := self._kept.pop(key, None)) is not None:
                self.size -= _size_of(before)
            self._kept[key] = made
            self.size += size
            while self.size > self.max_bytes:
                _, oldest = self._kept.popitem(last=False)
                self.size -= _size_of(oldest)


def _size_of(made: Compiled | str) -> int:
    return made.size if isinstance(made, Compiled) else 1_000


def _clean(text: str | None) -> str:
    return (text or "").rstrip("\r\n").replace("\x00", "")[:MAX_LINE]
