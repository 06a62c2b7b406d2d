"""The frames of an event's document, and what becomes of one that a map explains. Pure.

A frame that was explained keeps what the browser saw under `minified`; one that a map would help has the reason why there is
none under `unresolved`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from monitoring.sourcemaps.bundles import read_debug_id
from monitoring.sourcemaps.compiled import Origin
from monitoring.sourcemaps.places import MAX_NAME, clean_source, is_own

MAX_STACKS, MAX_FRAMES, MAX_IMAGES = 20, 250, 1_000
PLATFORMS = frozenset({"javascript", "node"})
_KEPT = ("function", "filename", "abs_path", "lineno", "colno", "in_app")

#: Why a frame was not explained, in people's words.
REASONS: dict[str, str] = {
    "no_upload": "No source map was uploaded for this file.",
    "no_map": "The file was uploaded without its source map.",
    "invalid": "Its source map can't be read.",
    "outside": "Its source map does not know this place: it belongs to another build.",
    "too_many": "The event has frames of more files than are looked up.",
}


def list_frames(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the frames that are looked at, of an event whose platform has source maps."""
    if document.get("platform") not in PLATFORMS:
        return
    holders = [*_values(document.get("exception"))[-MAX_STACKS:], document, *_values(document.get("threads"))[:1]]
    for holder in holders:
        stack = holder.get("stacktrace")
        frames = stack.get("frames") if isinstance(stack, dict) else None
        for frame in frames[-MAX_FRAMES:] if isinstance(frames, list) else ():
            if isinstance(frame, dict):
                yield frame


def find_path(frame: Mapping[str, Any]) -> str:
    """Return what a frame calls its script, empty if it has none or stands in the page itself."""
    for name in ("abs_path", "filename"):
        path = frame.get(name)
        if isinstance(path, str) and path and not path.startswith(("<", "[", "native", "node:")):
            return path[:2_000]
    return ""


def find_place(frame: Mapping[str, Any]) -> tuple[int, int]:
    """Return line and column, 0 for what is not said."""
    return _number(frame.get("lineno")), _number(frame.get("colno"))


def read_images(document: Mapping[str, Any]) -> dict[str, UUID]:
    """Return the debug ids that the client names, by script."""
    meta = document.get("debug_meta")
    images = meta.get("images") if isinstance(meta, dict) else None
    found: dict[str, UUID] = {}
    for image in images[:MAX_IMAGES] if isinstance(images, list) else ():
        if isinstance(image, dict) and image.get("type") == "sourcemap" and isinstance(image.get("code_file"), str):
            debug_id = read_debug_id(image.get("debug_id"))
            if debug_id is not None:
                found[image["code_file"]] = debug_id
    return found


def explain(frame: dict[str, Any], origin: Origin) -> None:
    """Put the original place into a frame; what the browser saw stays beside."""
    frame["minified"] = {name: frame[name] for name in _KEPT if name in frame}
    frame.pop("unresolved", None)
    frame.pop("module", None)
    frame.update(
        function=origin.function,
        filename=clean_source(origin.source),
        abs_path=origin.source[:MAX_NAME],
        lineno=origin.line,
        colno=origin.column,
        in_app=is_own(origin.source),
        context_line=origin.context_line,
        pre_context=list(origin.pre_context),
        post_context=list(origin.post_context),
    )


def _values(container: Any) -> list[dict[str, Any]]:
    if isinstance(container, dict):
        container = container.get("values", [container])
    return [each for each in container if isinstance(each, dict)] if isinstance(container, list) else []


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
