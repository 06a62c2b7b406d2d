"""An error event as it arrives, read into what the product works with. Pure.

Nothing about the document can be relied on: every member may be missing or of another type, which makes it absent and
never an error. Only a document that is no JSON object at all is refused.
Source: develop.sentry.dev/sdk/data-model/event-payloads.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from monitoring.browser.agents import read_agent

LEVELS = ("debug", "info", "warning", "error", "fatal")
MAX_TITLE, MAX_VALUE, MAX_CULPRIT, MAX_SHORT, MAX_TAG = 250, 2_000, 250, 100, 200
MAX_TAGS, MAX_EXCEPTIONS, MAX_FRAMES = 50, 20, 250
MAX_AGE, MAX_AHEAD = timedelta(days=30), timedelta(minutes=10)
_OLD_NAMES = {
    "sentry.interfaces.Exception": "exception",
    "sentry.interfaces.Http": "request",
    "sentry.interfaces.User": "user",
    "sentry.interfaces.Message": "logentry",
    "sentry.interfaces.Stacktrace": "stacktrace",
    "sentry.interfaces.Breadcrumbs": "breadcrumbs",
}
_PLACE = re.compile(r"%[-+ #0-9.]{0,10}[sdifrxeg]")
_NAMED = re.compile(r"%\((\w{1,60})\)[-+ #0-9.]{0,10}[sdifrxeg]")
Document = dict[str, Any]
USER_NAMES = ("id", "email", "username", "ip_address")
"""What people are told apart by, in this order."""


def make_user_key(user: Mapping[str, str]) -> bytes | None:
    """Return 16 bytes that stand for a person, made of the first of id, email, username and ip_address that is said."""
    for name in USER_NAMES:
        if value := user.get(name):
            return hashlib.blake2b(f"{name}:{value}".encode(), digest_size=16).digest()
    return None


class EventInvalid(Exception):
    """Not an event: no JSON, or no object."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One call of a stack. `line` 0: not known.

    `minified` is where the browser saw it, if a source map explained it; `unresolved` why none did though it would help.
    """

    function: str = ""
    module: str = ""
    filename: str = ""
    path: str = ""
    line: int = 0
    column: int = 0
    in_app: bool = False
    context_line: str = ""
    pre_context: tuple[str, ...] = ()
    post_context: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    minified: str = ""
    unresolved: str = ""

    @property
    def place(self) -> str:
        """Return the file, or what comes closest."""
        return self.filename or self.path or self.module


@dataclass(frozen=True, slots=True)
class ExceptionRecord:
    """One exception of a chain. `frames` run from the outermost call to where it was raised."""

    type: str = ""
    value: str = ""
    module: str = ""
    handled: bool | None = None
    mechanism: str = ""
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorData:
    """What an event says. `exceptions` run from the cause to the one that was reported. Empty texts: not said."""

    title: str
    culprit: str
    level: str
    platform: str
    occurred_at: datetime
    type: str = ""
    value: str = ""
    message: str = ""
    template: str = ""
    fingerprint: tuple[str, ...] = ()
    exceptions: tuple[ExceptionRecord, ...] = ()
    frames: tuple[Frame, ...] = ()
    handled: bool = True
    release: str = ""
    environment: str = ""
    transaction: str = ""
    logger: str = ""
    server: str = ""
    sdk: str = ""
    trace_id: str = ""
    user: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def user_key(self) -> bytes | None:
        """Return 16 bytes that stand for the person it happened to, None if nobody is named."""
        return make_user_key(self.user)


def decode_document(payload: bytes) -> Document:
    """Return the document of an event. Raises EventInvalid.

    What strict parsers refuse and clients send all the same is let in: halves of surrogate pairs, NaN.
    """
    try:
        found = msgspec.json.decode(payload)
    except RecursionError as error:
        raise EventInvalid("the event is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = _decode_leniently(payload)
    if not isinstance(found, dict):
        raise EventInvalid("the event is not a JSON object")
    for old, new in _OLD_NAMES.items():
        if old in found:
            found.setdefault(new, found.pop(old))
    return found


def _decode_leniently(payload: bytes) -> Any:
    try:
        found = json.loads(payload.decode("utf-8", "replace"))
        # Encoding replaces what UTF-8 has no bytes for; what comes back is clean.
        text = json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
        return json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise EventInvalid(f"the event is not JSON: {error}") from error


def encode_document(document: Document) -> bytes:
    """Return a document as JSON."""
    return msgspec.json.encode(document)


def read_event_id(value: object) -> UUID | None:
    """Return an event's id from its 32 or 36 characters, None if that is not one."""
    if not isinstance(value, str) or len(value) not in {32, 36}:
        return None
    try:
        return UUID(value)
    except ValueError:
        return None


def read_event(document: Mapping[str, Any], *, received_at: datetime) -> ErrorData:
    """Return what a document says; what it does not say, or says in a way that makes no sense, is left empty."""
    exceptions = tuple(_read_exception(each) for each in _values(document.get("exception"))[-MAX_EXCEPTIONS:])
    message, template = _read_message(document)
    main = exceptions[-1] if exceptions else ExceptionRecord()
    frames = () if exceptions else _read_own_frames(document)
    transaction = _text(document.get("transaction"), MAX_CULPRIT)
    return ErrorData(
        title=_make_title(main, message),
        culprit=transaction or _make_culprit(main.frames or frames) or _text(document.get("culprit"), MAX_CULPRIT),
        level=_read_level(document.get("level"), exceptions),
        platform=_text(document.get("platform"), 30),
        occurred_at=_read_time(document.get("timestamp"), received_at),
        type=main.type,
        value=main.value or ("" if exceptions else message),
        message=message,
        template=template,
        fingerprint=_read_fingerprint(document.get("fingerprint")),
        exceptions=exceptions,
        frames=frames,
        handled=all(each.handled is not False for each in exceptions),
        release=_text(document.get("release"), MAX_TAG),
        environment=_text(document.get("environment"), 64),
        transaction=transaction,
        logger=_text(document.get("logger"), MAX_SHORT),
        server=_text(document.get("server_name"), MAX_SHORT),
        sdk=_read_sdk(document.get("sdk")),
        trace_id=_text(_mapping(_mapping(document.get("contexts")).get("trace")).get("trace_id"), 32),
        user=_read_user(document.get("user")),
        tags=_read_tags(document),
    )


def find_unresolved(event: ErrorData) -> Frame | None:
    """Return the newest frame that a source map would have helped."""
    frames = (frame for exception in reversed(event.exceptions) for frame in reversed(exception.frames))
    return next((frame for frame in (*frames, *reversed(event.frames)) if frame.unresolved), None)


def _make_title(main: ExceptionRecord, message: str) -> str:
    value = next(iter(main.value.strip().splitlines()), "")
    title = f"{main.type}: {value}" if main.type and value else main.type or value
    title = title or next(iter(message.strip().splitlines()), "") or "Error without a message"
    return title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1] + "…"


def _make_culprit(frames: tuple[Frame, ...]) -> str:
    frame = next((frame for frame in reversed(frames) if frame.in_app), frames[-1] if frames else None)
    if frame is None:
        return ""
    where = frame.module or frame.filename or frame.path
    return (f"{where} in {frame.function}" if where and frame.function else where or frame.function)[:MAX_CULPRIT]


def _read_level(value: object, exceptions: tuple[ExceptionRecord, ...]) -> str:
    level = value.lower() if isinstance(value, str) else ""
    level = {"warn": "warning", "critical": "fatal", "log": "info"}.get(level, level)
    return level if level in LEVELS else "error" if exceptions or not level else "info"


def _read_time(value: object, received_at: datetime) -> datetime:
    moment: datetime | None = None
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value, UTC)
        elif isinstance(value, str):
            moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        return received_at
    if moment is None:
        return received_at
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    try:
        return moment if received_at - MAX_AGE <= moment <= received_at + MAX_AHEAD else received_at
    except OverflowError:
        return received_at


def _read_exception(value: Any) -> ExceptionRecord:
    record = _mapping(value)
    mechanism = _mapping(record.get("mechanism"))
    handled = mechanism.get("handled")
    return ExceptionRecord(
        type=_text(record.get("type"), MAX_SHORT),
        value=_text(record.get("value"), MAX_VALUE),
        module=_text(record.get("module"), MAX_TAG),
        handled=handled if isinstance(handled, bool) else None,
        mechanism=_text(mechanism.get("type"), MAX_SHORT),
        frames=_read_frames(record.get("stacktrace")),
    )


def _read_own_frames(document: Mapping[str, Any]) -> tuple[Frame, ...]:
    """Return the stack of an event without an exception: its own, or that of the thread that matters."""
    found = _read_frames(document.get("stacktrace"))
    if found:
        return found
    threads = [_mapping(each) for each in _values(document.get("threads"))]
    chosen = [each for each in threads if each.get("crashed") or each.get("current")] or threads
    return _read_frames(chosen[0].get("stacktrace")) if chosen else ()


def _read_frames(stacktrace: Any) -> tuple[Frame, ...]:
    frames = _mapping(stacktrace).get("frames")
    return tuple(_read_frame(each) for each in frames[-MAX_FRAMES:]) if isinstance(frames, list) else ()


def _read_frame(value: Any) -> Frame:
    frame = _mapping(value)
    return Frame(
        function=_text(frame.get("function"), MAX_TAG),
        module=_text(frame.get("module"), MAX_TAG),
        filename=_text(frame.get("filename"), 500),
        path=_text(frame.get("abs_path"), 500),
        line=_number(frame.get("lineno")),
        column=_number(frame.get("colno")),
        in_app=frame.get("in_app") is True,
        context_line=_text(frame.get("context_line"), 500),
        pre_context=_lines(frame.get("pre_context")),
        post_context=_lines(frame.get("post_context")),
        variables=_mapping(frame.get("vars")),
        minified=_describe_minified(_mapping(frame.get("minified"))),
        unresolved=_text(frame.get("unresolved"), 20),
    )


def _describe_minified(frame: Mapping[str, Any]) -> str:
    if not frame:
        return ""
    where = _text(frame.get("abs_path") or frame.get("filename"), 500)
    place = f"{where}:{_number(frame.get('lineno'))}:{_number(frame.get('colno'))}"
    function = _text(frame.get("function"), MAX_TAG)
    return f"{place} in {function}" if function else place


def _read_message(document: Mapping[str, Any]) -> tuple[str, str]:
    """Return the message as it reads and its template (empty if it has no parameters)."""
    entry = document.get("logentry")
    if isinstance(entry, dict):
        template = _text(entry.get("message"), MAX_VALUE)
        formatted = _text(entry.get("formatted"), MAX_VALUE) or _fill_in(template, entry.get("params"))
        message = formatted or _text(document.get("message"), MAX_VALUE) or template
        return message, template if entry.get("params") or (formatted and formatted != template) else ""
    message_field = document.get("message")
    if isinstance(message_field, dict):
        return _read_message({"logentry": message_field})
    return _text(entry or message_field, MAX_VALUE), ""


def _fill_in(template: str, params: Any) -> str:
    """Return a template of the logging module with its parameters in place; empty if there are none."""
    if isinstance(params, dict) and params:
        return _NAMED.sub(lambda match: _text(params.get(match[1]), MAX_TAG) or match[0], template)[:MAX_VALUE]
    if isinstance(params, list) and params:
        values = iter(params)
        return _PLACE.sub(lambda match: _unquote(_text(next(values, match[0]), MAX_TAG)), template)[:MAX_VALUE]
    return ""


def _unquote(text: str) -> str:
    """Return a text without the quotes that older clients put around parameters."""
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == "'" else text


def _read_fingerprint(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(_text(each, MAX_TAG) for each in value if isinstance(each, (str, int, float)))[:20]


def _read_user(value: Any) -> dict[str, str]:
    user = _mapping(value)
    names = ("id", "email", "username", "name", "ip_address")
    return {name: found for name in names if (found := _text(user.get(name), MAX_TAG))}


def _read_sdk(value: Any) -> str:
    sdk = _mapping(value)
    return f"{_text(sdk.get('name'), 60)} {_text(sdk.get('version'), 30)}".strip()


def _read_tags(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the client's tags and those that every event has where it says so: browser, os, url and the like."""
    raw = document.get("tags")
    pairs: list[Any] = list(raw.items()) if isinstance(raw, dict) else raw if isinstance(raw, list) else []
    tags = _read_context_tags(document)
    for pair in pairs[:MAX_TAGS]:
        if isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str):
            name, value = _text(pair[0], 60), _text(pair[1], MAX_TAG)
            if name and value:
                tags[name] = value
    return tags


def _read_context_tags(document: Mapping[str, Any]) -> dict[str, str]:
    contexts = _mapping(document.get("contexts"))
    tags: dict[str, str] = {}
    for name in ("browser", "os", "device", "runtime"):
        context = _mapping(contexts.get(name))
        what = _text(context.get("name") or context.get("model") or context.get("family"), 60)
        if what:
            tags[name] = f"{what} {_text(context.get('version'), 30)}".strip()
    if document.get("platform") == "javascript" and "browser" not in tags:
        tags |= _read_agent_tags(document)
    texts = {
        "url": _text(_mapping(document.get("request")).get("url"), MAX_TAG).partition("?")[0],
        "server_name": _text(document.get("server_name"), MAX_TAG),
        "logger": _text(document.get("logger"), MAX_TAG),
        "transaction": _text(document.get("transaction"), MAX_TAG),
    }
    return {**tags, **{name: text for name, text in texts.items() if text}}


def _read_agent_tags(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what the page's browser says of itself: its SDK sends no contexts of it."""
    headers = _mapping(_mapping(document.get("request")).get("headers"))
    agent = read_agent(next((_text(value, 500) for name, value in headers.items() if name.lower() == "user-agent"), ""))
    texts = {"browser": agent.browser, "os": agent.os, "device": agent.device}
    return {name: text for name, text in texts.items() if text}


def _values(container: Any) -> list[Any]:
    """Return the list that older and newer clients write as a list, as {"values": list} or as a single object."""
    if isinstance(container, dict):
        container = container.get("values", [container])
    return [each for each in container if isinstance(each, dict)] if isinstance(container, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any, limit: int) -> str:
    """Return a text or number as a text of at most `limit` characters, without zero bytes; anything else is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        value = str(value)
    return value.replace("\x00", "")[:limit] if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31 else 0


def _lines(value: Any) -> tuple[str, ...]:
    return tuple(_text(line, 500) for line in value[:10]) if isinstance(value, list) else ()
