"""From minified frames back to the code: what the digest does before it groups, and the page of an event for later uploads.

Nothing here stops an event: whatever goes wrong with a map leaves the frame as it came, with the reason. Only errors of the
database are let through, because the caller's transaction is over then.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Hashable
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseError

from config.settings import OPTION
from monitoring.sourcemaps.compiled import MapInvalid, Shelf
from monitoring.sourcemaps.frames import explain, find_path, find_place, list_frames, read_images
from monitoring.sourcemaps.places import list_addresses, looks_minified
from monitoring.sourcemaps.selectors import Pair, find_by_address, find_by_debug_id, has_uploads, read_blobs

logger = logging.getLogger(__name__)

MAX_FILES = 30
"""How many scripts of one event are looked up."""

BELIEVED_SECONDS, DOUBTED_SECONDS = 15.0, 2.0
"""How long a process believes what it found, and that there was nothing: an upload is seen that much later at most."""

MAX_BELIEVED = 20_000

_shelf = Shelf(max_bytes=int(OPTION["SOURCEMAP_CACHE_BYTES"]))
_found: dict[Hashable, tuple[float, Any]] = {}
_used: set[int] = set()
_lock = threading.Lock()


def resolve_document(document: dict[str, Any], *, application_id: int, is_stored: bool = False) -> int:
    """Explain the frames of an event in place; return how many were. `is_stored`: it went through this before."""
    try:
        return _resolve(document, application_id, is_stored=is_stored)
    except DatabaseError:
        raise
    except Exception:
        logger.exception("the source maps of an event of application %s can't be used", application_id)
        return 0


def take_used() -> set[int]:
    """Return the uploads that explained something since the last call, and forget them."""
    with _lock:
        used = set(_used)
        _used.clear()
    return used


def forget() -> None:
    """Forget what was found and made ready."""
    with _lock:
        _found.clear()
        _used.clear()
    _shelf.clear()


def _resolve(document: dict[str, Any], application_id: int, *, is_stored: bool) -> int:
    lookup: _Lookup | None = None
    count = 0
    for frame in list_frames(document):
        if not is_stored:
            frame.pop("minified", None)
            frame.pop("unresolved", None)
        elif "minified" in frame:
            continue
        path = find_path(frame)
        line, column = find_place(frame)
        if not path or not line or not column:
            continue
        lookup = lookup or _Lookup(document, application_id)
        reason = lookup.explain(frame, path, line, column)
        if not reason:
            count += 1
        elif reason != "no_upload" or looks_minified(path, column) or path in lookup.images:
            frame["unresolved"] = reason
    return count


class _Lookup:
    """The scripts of one event."""

    def __init__(self, document: dict[str, Any], application_id: int) -> None:
        self.application_id = application_id
        self.images = read_images(document)
        self.release = _text(document.get("release"), 200)
        self.dist = _text(document.get("dist"), 64)
        self._has_uploads = bool(_believe(("any", application_id), lambda: has_uploads(application_id)))
        self._pairs: dict[str, Pair | None] = {}

    def explain(self, frame: dict[str, Any], path: str, line: int, column: int) -> str:
        """Explain a frame; return the reason why not, empty if it was."""
        if not self._has_uploads:
            return "no_upload"
        if path not in self._pairs:
            if len(self._pairs) >= MAX_FILES:
                return "too_many"
            self._pairs[path] = self._find(path)
        pair = self._pairs[path]
        if pair is None:
            return "no_upload"
        script, source_map = pair.script, pair.source_map
        if source_map is None:
            return "no_map"
        try:
            compiled = _shelf.get((script, source_map), lambda: _load(script, source_map))
        except MapInvalid:
            return "invalid"
        if compiled is None:
            return "no_upload"
        origin = compiled.find(line, column)
        if origin is None:
            return "outside"
        explain(frame, origin)
        with _lock:
            _used.add(pair.bundle)
        return ""

    def _find(self, path: str) -> Pair | None:
        debug_id = self.images.get(path)
        found = self._find_by_debug_id(debug_id) if debug_id is not None else None
        if (found is not None and found.source_map is not None) or not self.release:
            return found
        key = ("address", self.application_id, self.release, self.dist, path)
        by_address: Pair | None = _believe(
            key,
            lambda: find_by_address(
                application_id=self.application_id,
                release=self.release,
                dist=self.dist,
                addresses=list_addresses(path),
            ),
        )
        # A script with another debug id under the same address is another build.
        return by_address if by_address is not None and debug_id is None else found

    def _find_by_debug_id(self, debug_id: UUID) -> Pair | None:
        found: Pair | None = _believe(
            ("id", self.application_id, debug_id),
            lambda: find_by_debug_id(application_id=self.application_id, debug_id=debug_id),
        )
        return found


def _load(script: int, source_map: int) -> tuple[bytes, bytes] | None:
    found = read_blobs([script, source_map])
    return (found[script], found[source_map]) if {script, source_map} <= found.keys() else None


def _believe(key: Hashable, find: Any) -> Any:
    """Return what `find` returns, remembered for a while."""
    now = time.monotonic()
    known = _found.get(key)
    if known is not None and known[0] > now:
        return known[1]
    value = find()
    with _lock:
        if len(_found) >= MAX_BELIEVED:
            _found.clear()
        _found[key] = (now + (BELIEVED_SECONDS if value else DOUBTED_SECONDS), value)
    return value


def _text(value: Any, limit: int) -> str:
    return value[:limit] if isinstance(value, str) and "\x00" not in value else ""
