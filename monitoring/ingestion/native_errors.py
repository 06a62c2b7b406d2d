"""Errors as JSON, from programs without an SDK: each becomes the event that an SDK would have sent. No database.

Source: seed, “Error Tracking System”: what its ErrorTracker (browsers) and ErrorMonitor (PHP) send.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import msgspec
import re2

from monitoring.errors.events import LEVELS, read_event_id
from monitoring.errors.services.inbox import Incoming
from monitoring.errors.stack_texts import MAX_FRAMES, Frame, StackText, make_frame, place_calls, read_stack_text
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.items import ItemBatch, ItemRefused, read_item, split_items

MAX_ERRORS = 1_000
MAX_ERROR_BYTES = 1024 * 1024

#: PHP's numbers for what it reports. Source: php.net/manual/en/errorfunc.constants.php.
_PHP_LEVELS = {
    1: ("fatal", "E_ERROR"), 4: ("fatal", "E_PARSE"), 16: ("fatal", "E_CORE_ERROR"), 64: ("fatal", "E_COMPILE_ERROR"),
    256: ("error", "E_USER_ERROR"), 4096: ("error", "E_RECOVERABLE_ERROR"), 2: ("warning", "E_WARNING"),
    32: ("warning", "E_CORE_WARNING"), 128: ("warning", "E_COMPILE_WARNING"), 512: ("warning", "E_USER_WARNING"),
    8: ("info", "E_NOTICE"), 1024: ("info", "E_USER_NOTICE"), 2048: ("info", "E_STRICT"),
    8192: ("info", "E_DEPRECATED"), 16384: ("info", "E_USER_DEPRECATED"),
}  # fmt: skip
_PHP_FATAL = frozenset({1, 4, 16, 64, 256, 4096})
#: What `type` says of an error, where it is no class: where it comes from and whether the program went on.
_KINDS = {
    "javascript_error": ("javascript", False),
    "unhandled_promise_rejection": ("javascript", False),
    "php_error": ("php", True),
    "php_exception": ("php", False),
}
_LEVEL_NAMES = {
    "warn": "warning",
    "critical": "fatal",
    "emergency": "fatal",
    "alert": "fatal",
    "notice": "info",
    "log": "info",
}
_TYPED = re2.compile(
    r"^(?:Uncaught )?(?:\(in promise\) )?(?P<type>[A-Z][\w.\\]{0,98}(?:Error|Exception)): ?(?P<value>(?s:.*))$"
)

Text = str | int | float | None


class NativeError(msgspec.Struct):
    """One error. Names as the seed's clients have them, with the ones that are usual elsewhere."""

    message: str
    type: str = ""
    class_: str = msgspec.field(default="", name="class")
    file: str | None = None
    filename: str | None = None
    line: int | None = None
    lineno: int | None = None
    column: int | None = None
    colno: int | None = None
    stack: str | list[Any] | None = None
    stack_trace: str | list[Any] | None = None
    trace: str | list[Any] | None = None
    url: str | None = None
    method: str | None = None
    user_agent: str | None = None
    user_id: Text = None
    user: dict[str, Any] | None = None
    context: Any = None
    server_info: dict[str, Any] | None = None
    tags: dict[str, Text] | None = None
    level: str | int | None = None
    handled: bool | None = None
    timestamp: str | float | None = None
    release: str | None = None
    environment: str | None = None
    server: str | None = None
    platform: str | None = None
    trace_id: str | None = None
    fingerprint: list[str] | None = None
    event_id: str | None = None


def decode_errors(
    body: bytes, *, application_id: int, received_at: datetime, client_ip: str = "", user_agent: str = ""
) -> ItemBatch:
    """Return the errors of a body: one object, {"errors": [...]} or a list. Raises ItemsMalformed, TooManyItems.

    An error that makes no sense is refused by itself. `client_ip` is empty unless it may be kept.
    """
    made = ItemBatch(Batch(application_id))

    def read(raw: bytes | msgspec.Raw) -> Incoming:
        event_id, document = _read(raw, received_at=received_at, user_agent=user_agent)
        payload = msgspec.json.encode(document)
        return Incoming.pack(application_id, event_id, received_at, payload, client_ip=client_ip)

    for index, raw in enumerate(split_items(body, "errors", limit=MAX_ERRORS)):
        made.take(index, "errors", partial(read, raw))
    return made


def _read(raw: bytes | msgspec.Raw, *, received_at: datetime, user_agent: str) -> tuple[UUID, dict[str, Any]]:
    error = read_item(raw, NativeError, name="error", max_bytes=MAX_ERROR_BYTES)
    if not error.message.strip() and not (error.class_ or error.type):
        raise ItemRefused("message", "is empty, and neither type nor class says what happened")
    event_id = read_event_id(error.event_id) or uuid4()
    return event_id, make_event(error, event_id=event_id, received_at=received_at, user_agent=user_agent)


def make_event(error: NativeError, *, event_id: UUID, received_at: datetime, user_agent: str = "") -> dict[str, Any]:
    """Return the event document of an error. `user_agent` is the request's, used where the error names none of its own."""
    kind, handled = _KINDS.get(error.type, ("", True))
    platform = (error.platform or kind).lower()
    php_level, php_name = _PHP_LEVELS.get(error.level, ("", "")) if isinstance(error.level, int) else ("", "")
    name, value = _find_type(error, php_name)
    stack = _read_stack(error, platform)
    platform = platform or stack.platform or ("javascript" if error.user_agent else "other")
    if isinstance(error.level, int) and php_level:
        handled = error.level not in _PHP_FATAL
    exception: dict[str, Any] = {
        "type": name,
        "value": value,
        "mechanism": {
            "type": error.type or "postlaunch",
            "handled": handled if error.handled is None else error.handled,
        },
    }
    if stack.frames:
        exception["stacktrace"] = {"frames": list(stack.frames)}
    event: dict[str, Any] = {
        "event_id": event_id.hex,
        "timestamp": _read_time(error.timestamp, received_at),
        "platform": platform,
        "level": _read_level(error.level, php_level),
        "exception": {"values": [exception]},
        "sdk": {"name": "postlaunch.json"},
    }
    agent = error.user_agent or (user_agent if platform == "javascript" else "")
    request = {"url": error.url, "method": error.method, "headers": {"User-Agent": agent} if agent else None}
    user = dict(error.user or {})
    if error.user_id is not None:
        user.setdefault("id", str(error.user_id))
    contexts = {"trace": {"trace_id": error.trace_id}} if error.trace_id else None
    optional = {
        "release": error.release,
        "environment": error.environment,
        "server_name": error.server,
        "request": {key: value for key, value in request.items() if value},
        "user": user,
        "tags": {key: str(value) for key, value in (error.tags or {}).items() if value is not None},
        "contexts": contexts,
        "fingerprint": error.fingerprint,
        "extra": _gather_extra(error, stack),
    }
    return {**event, **{key: value for key, value in optional.items() if value}}


def _find_type(error: NativeError, php_name: str) -> tuple[str, str]:
    """Return type and message; browsers put the type in front of the message."""
    if error.class_:
        return error.class_, error.message
    first = next(iter(_stack_of(error).splitlines()), "") if isinstance(_stack_of(error), str) else ""
    for text in (error.message, first):
        if match := _TYPED.match(text[:4000]):
            return str(match.group("type")), str(match.group("value")) if text is error.message else error.message
    if error.type and error.type not in _KINDS:
        return error.type, error.message
    return php_name or {"unhandled_promise_rejection": "Unhandled rejection"}.get(error.type, "Error"), error.message


def _stack_of(error: NativeError) -> Any:
    return error.stack or error.stack_trace or error.trace or ""


def _read_stack(error: NativeError, platform: str) -> StackText:
    """Return the frames of a stack as text, as lines or as calls; without one the place that the error names."""
    path, line = error.file or error.filename or "", error.line or error.lineno or 0
    found = _stack_of(error)
    if isinstance(found, list) and all(isinstance(each, str) for each in found):
        found = "\n".join(found)
    if isinstance(found, list):
        calls = [each for each in found[:MAX_FRAMES] if isinstance(each, dict)]
        return StackText(platform, tuple(_read_calls(calls, path, line)))
    stack = read_stack_text(found, path=path, line=_bound(line))
    if not path:
        return stack
    if not stack.frames:
        column = error.column or error.colno or 0
        return StackText(stack.platform, (make_frame(path=path, line=_bound(line), column=_bound(column)),))
    return stack


def _read_calls(calls: list[dict[str, Any]], path: str, line: int) -> list[Frame]:
    read = [
        {
            "file": _first(call, "file", "filename", "path"),
            "line": _bound(call.get("line") or call.get("lineno")),
            "function": "".join(
                filter(
                    None, (_first(call, "class", "module"), _first(call, "type"), _first(call, "function", "method"))
                )
            ),
        }
        for call in calls
    ]
    return place_calls(read, path=path, line=_bound(line))


def _first(call: dict[str, Any], *names: str) -> str:
    return next((value[:500] for name in names if isinstance(value := call.get(name), str) and value), "")


def _bound(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31 else 0


def _read_level(level: str | int | None, php_level: str) -> str:
    if isinstance(level, str):
        name = level.strip().lower()
        name = _LEVEL_NAMES.get(name, name)
        return name if name in LEVELS else "error"
    return php_level or "error"


def _read_time(value: str | float | None, received_at: datetime) -> str | float:
    """Return a time as events carry it. Milliseconds, as Date.now() has them, are told by their size."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return received_at.timestamp()
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).isoformat()
    if value is None:
        return received_at.timestamp()
    return value / 1000 if value > 1e11 else value


def _gather_extra(error: NativeError, stack: StackText) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if error.context:
        extra |= error.context if isinstance(error.context, dict) else {"context": error.context}
    if error.server_info:
        extra["server_info"] = error.server_info
    text = _stack_of(error)
    if isinstance(text, str) and text and not stack.frames:
        extra["stack"] = text[:16_000]
    return extra
