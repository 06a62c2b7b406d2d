"""An event as people read it: the stack from the newest call on, breadcrumbs, request, person, surroundings. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from monitoring.errors.events import ErrorData, ExceptionRecord, Frame

MAX_CRUMBS = 50
MAX_VARIABLES = 40
MAX_TEXT = 2_000
MAX_RAW = 400_000


@dataclass(frozen=True, slots=True)
class CodeLine:
    """One line of source. `number` 0: not known."""

    number: int
    text: str
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """One call, with its lines of source and its variables."""

    frame: Frame
    lines: tuple[CodeLine, ...]
    variables: tuple[tuple[str, str], ...]
    is_open: bool = False

    @property
    def has_more(self) -> bool:
        """Whether there is something to unfold."""
        return bool(self.lines or self.variables)


@dataclass(frozen=True, slots=True)
class ShownException:
    """One exception of the chain, the newest call first."""

    record: ExceptionRecord
    frames: tuple[ShownFrame, ...]

    @property
    def hidden(self) -> int:
        """How many calls are not of the application's own code."""
        own = sum(each.frame.in_app for each in self.frames)
        return len(self.frames) - own if own else 0


@dataclass(frozen=True, slots=True)
class Crumb:
    """Something that happened before."""

    at: str
    category: str
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Named texts under a title."""

    title: str
    rows: tuple[tuple[str, str], ...]


def show_exceptions(data: ErrorData) -> list[ShownException]:
    """Return the chain, the reported exception first, its causes after it."""
    records = list(data.exceptions)
    if not records and data.frames:
        records = [ExceptionRecord(type="", value=data.message, frames=data.frames)]
    return [ShownException(record, _show_frames(record.frames)) for record in reversed(records)]


def _show_frames(frames: tuple[Frame, ...]) -> tuple[ShownFrame, ...]:
    newest = list(reversed(frames))
    opened = next((place for place, frame in enumerate(newest) if frame.in_app), 0)
    return tuple(_show_frame(frame, is_open=place == opened) for place, frame in enumerate(newest))


def _show_frame(frame: Frame, *, is_open: bool) -> ShownFrame:
    variables = tuple(
        (str(name)[:100], write_json(value)) for name, value in list(frame.variables.items())[:MAX_VARIABLES]
    )
    return ShownFrame(frame, _show_lines(frame), variables, is_open)


def _show_lines(frame: Frame) -> tuple[CodeLine, ...]:
    if not frame.context_line and not frame.pre_context:
        return ()
    first = frame.line - len(frame.pre_context) if frame.line else 0
    texts = [*frame.pre_context, frame.context_line, *frame.post_context]
    current = len(frame.pre_context)
    return tuple(
        CodeLine(first + place if frame.line else 0, text, place == current) for place, text in enumerate(texts)
    )


def show_crumbs(document: Mapping[str, Any]) -> list[Crumb]:
    """Return what happened before, the newest first."""
    found = document.get("breadcrumbs")
    values = found.get("values") if isinstance(found, dict) else found
    crumbs = [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
    return [_show_crumb(each) for each in reversed(crumbs[-MAX_CRUMBS:])]


def _show_crumb(crumb: Mapping[str, Any]) -> Crumb:
    data = crumb.get("data")
    told = [str(crumb["message"])] if isinstance(crumb.get("message"), str) and crumb["message"] else []
    if isinstance(data, dict) and data:
        told += [f"{name}={write_json(value)}" for name, value in list(data.items())[:10]]
    level = crumb.get("level")
    return Crumb(
        at=_clock(crumb.get("timestamp")),
        category=str(crumb.get("category") or crumb.get("type") or "")[:60],
        level=level if isinstance(level, str) else "info",
        text=" ".join(told)[:MAX_TEXT],
    )


def show_facts(document: Mapping[str, Any], data: ErrorData) -> list[Facts]:
    """Return request, person, surroundings and further data, what there is of them."""
    contexts = document.get("contexts")
    parts = [
        Facts("Request", _show_request(document.get("request"))),
        Facts("Person", tuple(data.user.items())),
        *(
            Facts(str(name).replace("_", " ").capitalize(), _rows(context))
            for name, context in (contexts.items() if isinstance(contexts, dict) else ())
        ),
        Facts("Further data", _rows(document.get("extra"))),
    ]
    return [part for part in parts if part.rows]


def _show_request(request: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(request, dict):
        return ()
    rows = [("what", f"{request.get('method') or 'GET'} {request['url']}")] if request.get("url") else []
    headers = request.get("headers")
    pairs = headers.items() if isinstance(headers, dict) else headers if isinstance(headers, list) else ()
    rows += [(name, write_json(request[name])) for name in ("query_string", "data", "fragment") if request.get(name)]
    rows += [
        (str(pair[0]), write_json(pair[1])) for pair in pairs if isinstance(pair, (list, tuple)) and len(pair) == 2
    ]
    env = request.get("env")
    return (*rows, *_rows(env))


def _rows(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        return ()
    return tuple((str(name)[:100], write_json(each)) for name, each in list(value.items())[:60] if name != "type")


def write_json(value: Any) -> str:
    """Return a value as people read it: texts as they are, the rest as JSON, cut where it gets long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"


def write_raw(document: Mapping[str, Any]) -> str:
    """Return the whole event as indented JSON, cut where a page could not hold it."""
    text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_RAW else text[:MAX_RAW] + "\n…"


def write_stack(data: ErrorData) -> str:
    """Return the exceptions as plain text, to be copied."""
    blocks = []
    for shown in show_exceptions(data):
        record = shown.record
        lines = [f"{record.type}: {record.value}".strip(": ")]
        lines += [f"  {each.frame.place}:{each.frame.line} in {each.frame.function}" for each in shown.frames]
        blocks.append("\n".join(lines))
    return "\n\nCaused by:\n".join(blocks)


def _clock(value: Any) -> str:
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value).strftime("%H:%M:%S")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC).strftime("%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return ""
    return ""
