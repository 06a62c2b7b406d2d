"""What browsers report: the batches of the product's own script, and vitals and usage events as plain JSON. No database.

Each item is read by itself; one that makes no sense is refused and leaves the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from monitoring.attributes import bound_attributes, write_text
from monitoring.browser.agents import Agent, read_agent
from monitoring.browser.pages import clean_url, template_path
from monitoring.browser.records import (
    DEVICES,
    MAX_DETAIL,
    MAX_ENVIRONMENT,
    MAX_RELEASE,
    MAX_SESSION,
    MAX_URL,
    MAX_WORD,
    VitalRecord,
    cut,
    is_plausible,
    settle_time,
)
from monitoring.errors.scrubbing import ScrubRules, scrub
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.items import (
    ItemBatch,
    ItemRefused,
    ItemsMalformed,
    TooManyItems,
    check_count,
    decode_items,
    decode_json,
)
from monitoring.ingestion.native_errors import decode_errors
from monitoring.ingestion.times import is_number, read_time
from monitoring.releases.records import SessionInvalid, SessionItem, make_user_key, read_session
from monitoring.usage.records import KINDS, MAX_NAME, MAX_PROPERTIES, MAX_TARGET, UsageEvent

MAX_MISSING = 1_000_000

#: What an item of the script is counted as.
SIGNALS = {"vital": "vitals", "event": "events", "error": "errors", "session": "sessions"}
#: Values whose unit is the millisecond where the client says so.
_MILLISECONDS = frozenset({"ms", "millisecond", "milliseconds"})


CLOCK_STEP = 600.0
"""Seconds. A visitor's clock is put right by multiples of it: rounded, the way here makes no difference."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a body. `client_ip` is empty unless it may be kept."""

    application_id: int
    received_at: datetime
    rules: ScrubRules
    user_agent: str = ""
    client_ip: str = ""


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands above the items: of the page view or the visit."""

    caller: Caller
    agent: Agent
    release: str = ""
    environment: str = ""
    session: str = ""
    user_id: str = ""
    user_key: bytes | None = None
    device: str = ""
    connection: str = ""
    batch_id: UUID | None = None
    shift: float = 0.0


def decode_script(body: bytes, caller: Caller) -> ItemBatch:
    """Return what a batch of the script holds, and what the script says it could not or should not send.

    Times are those of the visitor's clock; how far it is off shows by when the batch says that it was sent.
    Raises ItemsMalformed, TooManyItems.
    """
    document = decode_json(body)
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise ItemsMalformed('Send {"items": [...]}.')
    check_count(items, "items")
    around = _read_around(document, caller)
    made = ItemBatch(Batch(caller.application_id))
    for index, item in enumerate(items):
        kind = item.get("t") if isinstance(item, dict) else None
        signal = SIGNALS.get(kind, "other") if isinstance(kind, str) else "other"
        made.take(index, signal, partial(_take, kind, item, around, index))
    _count_missing(document.get("missing"), made.batch)
    return made


def _take(kind: Any, item: Any, around: _Around, index: int) -> Any:
    take = _TAKERS.get(kind) if isinstance(kind, str) else None
    if take is None:
        raise ItemRefused("t", f"is none of {', '.join(SIGNALS)}")
    return take(item, around, index)


def decode_vitals(body: bytes, caller: Caller) -> ItemBatch:
    """Return vitals as plain JSON: one, {"vitals": [...]} or a list. Raises ItemsMalformed, TooManyItems."""
    return decode_items(
        body,
        member="vitals",
        signal="vitals",
        application_id=caller.application_id,
        read=lambda told: _read_vital(told, _read_around(told, caller)),
    )


def decode_events(body: bytes, caller: Caller) -> ItemBatch:
    """Return usage events as plain JSON: one, {"events": [...]} or a list. Raises ItemsMalformed, TooManyItems."""
    return decode_items(
        body,
        member="events",
        signal="events",
        application_id=caller.application_id,
        read=lambda told: _read_event(told, _read_around(told, caller)),
    )


def _read_around(document: Mapping[str, Any], caller: Caller) -> _Around:
    agent = read_agent(_text(document, "user_agent", 500) or caller.user_agent)
    device = _text(document, "device", MAX_WORD)
    user = document.get("user_id", document.get("user"))
    user_id = write_text(user, 200) if isinstance(user, (str, int)) and not isinstance(user, bool) else ""
    sent_at = document.get("sent_at")
    shift = 0.0
    if isinstance(sent_at, (int, float)) and not isinstance(sent_at, bool) and 0 < sent_at < 1e14:
        off = caller.received_at.timestamp() - sent_at / 1000
        # In whole steps: what is sent again, or goes on, gets the same times however long it was on its way.
        shift = round(off / CLOCK_STEP) * CLOCK_STEP
    return _Around(
        caller=caller,
        agent=agent,
        release=_text(document, "release", MAX_RELEASE),
        environment=_text(document, "environment", MAX_ENVIRONMENT),
        session=_text(document, "session", MAX_SESSION) or _text(document, "session_id", MAX_SESSION),
        user_id=user_id,
        user_key=make_user_key(user_id),
        device=device if device in DEVICES else agent.device,
        connection=_text(document, "connection", MAX_WORD),
        batch_id=_read_id(document.get("batch")),
        shift=shift,
    )


def _take_vital(item: Mapping[str, Any], around: _Around, index: int) -> VitalRecord:
    told = {
        "name": item.get("n"),
        "value": item.get("v"),
        "url": item.get("url"),
        "detail": item.get("d"),
        "navigation": item.get("nav"),
        "timestamp": item.get("at"),
        "id": item.get("id"),
    }
    return _read_vital(told, around)


def _read_vital(told: Mapping[str, Any], around: _Around) -> VitalRecord:
    name = _text(told, "name", MAX_WORD).lower()
    value = told.get("value")
    if not is_number(value):
        raise ItemRefused("value", "is not a number")
    if _text(told, "unit", MAX_WORD).lower() in _MILLISECONDS:
        value /= 1000
    if not is_plausible(name, float(value)):
        raise ItemRefused("name", f"{name[:32]!r} is not measured, or {value!r} can't be its value")
    url = _text(told, "url", 4_000)
    detail = _text(told, "detail", 1_000)
    return VitalRecord(
        application_id=around.caller.application_id,
        at=_read_time(told.get("timestamp"), around),
        name=name,
        value=float(value),
        page=cut(_text(told, "page", 250) or template_path(url), 250),
        url=cut(clean_url(url), MAX_URL),
        detail=cut(clean_url(detail) if "://" in detail else detail, MAX_DETAIL),
        release=around.release,
        environment=around.environment,
        device=around.device,
        browser=around.agent.browser,
        os=around.agent.os,
        connection=around.connection or _text(told, "connection", MAX_WORD),
        navigation=_text(told, "navigation", MAX_WORD),
        session_key=around.session,
        user_key=around.user_key,
        record_id=_read_id(told.get("id")),
    )


def _take_event(item: Mapping[str, Any], around: _Around, index: int) -> UsageEvent:
    told = {
        "kind": item.get("k"),
        "name": item.get("n"),
        "url": item.get("url"),
        "target": item.get("target"),
        "properties": item.get("p"),
        "timestamp": item.get("at"),
        "id": str(_derive_id(around, index) or ""),
    }
    return _read_event(told, around)


def _read_event(told: Mapping[str, Any], around: _Around) -> UsageEvent:
    # The seed's names: event_type, feature_name, context.
    kind = _text(told, "kind", MAX_WORD) or {"feature_usage": "feature"}.get(
        _text(told, "event_type", MAX_WORD), "feature"
    )
    name = _text(told, "name", MAX_NAME) or _text(told, "feature_name", MAX_NAME) or _text(told, "feature", MAX_NAME)
    if kind not in KINDS:
        raise ItemRefused("kind", f"is none of {', '.join(KINDS)}")
    if kind == "feature" and not name:
        raise ItemRefused("name", "is missing: name the feature")
    url = _text(told, "url", 4_000)
    properties = told.get("properties") or told.get("context")
    return UsageEvent(
        application_id=around.caller.application_id,
        at=_read_time(told.get("timestamp"), around),
        kind=kind,
        name=name if kind == "feature" else "",
        page=cut(_text(told, "page", 250) or template_path(url), 250),
        target=_text(told, "target", MAX_TARGET),
        properties=_clean_properties(properties, around.caller.rules),
        release=around.release,
        environment=around.environment,
        device=around.device,
        browser=around.agent.browser,
        os=around.agent.os,
        ip=around.caller.client_ip,
        session_key=around.session,
        user_key=around.user_key,
        record_id=_read_id(told.get("id")),
    )


def _clean_properties(properties: Any, rules: ScrubRules) -> dict[str, Any]:
    if not isinstance(properties, dict):
        return {}
    few = dict(list(properties.items())[:MAX_PROPERTIES])
    cleaned: dict[str, Any] = scrub({"properties": bound_attributes(few)}, rules=rules)["properties"]
    return cleaned


def _take_error(item: Mapping[str, Any], around: _Around, index: int) -> Any:
    error = item.get("error")
    if not isinstance(error, dict):
        raise ItemRefused("error", "is not a JSON object")
    told = {
        **error,
        "platform": "javascript",
        "release": around.release or None,
        "environment": around.environment or None,
        "timestamp": _read_time(item.get("at"), around).timestamp(),
    }
    if around.user_id:
        told["user_id"] = around.user_id
    try:
        body = msgspec.json.encode(told)
        made = decode_errors(
            body,
            application_id=around.caller.application_id,
            received_at=around.caller.received_at,
            client_ip=around.caller.client_ip,
            user_agent=around.caller.user_agent,
        )
    except (ItemsMalformed, TooManyItems, UnicodeEncodeError) as problem:
        raise ItemRefused("error", f"can't be read: {problem}") from problem
    if made.refused:
        _, name, reason = made.refused[0]
        raise ItemRefused(f"error.{name}", reason)
    return made.batch.records[0]


def _take_session(item: Mapping[str, Any], around: _Around, index: int) -> SessionItem:
    started, at = item.get("started"), item.get("at")
    document = {
        "sid": item.get("sid"),
        "did": around.user_id or None,
        "started": _read_time(started, around).isoformat(),
        "status": item.get("status"),
        "errors": item.get("errors"),
        "duration": (at - started) / 1000 if is_number(at) and is_number(started) else None,
        "attrs": {"release": around.release, "environment": around.environment},
    }
    try:
        record = read_session(
            document, application_id=around.caller.application_id, received_at=around.caller.received_at
        )
    except SessionInvalid as error:
        raise ItemRefused("session", str(error)) from error
    return SessionItem(reports=(record,))


_TAKERS: dict[str, Callable[[Mapping[str, Any], _Around, int], Any]] = {
    "vital": _take_vital,
    "event": _take_event,
    "error": _take_error,
    "session": _take_session,
}


def _count_missing(missing: Any, batch: Batch) -> None:
    """Enter what the script says it did not send into the account: {"lost.vital": 3, "sampled.session": 1}."""
    if not isinstance(missing, dict):
        return
    for name, count in list(missing.items())[:20]:
        column, _, kind = name.partition(".")
        is_count = isinstance(count, int) and not isinstance(count, bool) and 0 < count <= MAX_MISSING
        if column in {"lost", "sampled"} and kind in SIGNALS and is_count:
            batch.account.add(SIGNALS[kind], column, count)


def _derive_id(around: _Around, index: int) -> UUID | None:
    """Return an id that the same item of the same batch always has."""
    if around.batch_id is None:
        return None
    digest = hashlib.blake2b(around.batch_id.bytes + index.to_bytes(4, "big"), digest_size=16).digest()
    return UUID(bytes=digest)


def _read_time(value: Any, around: _Around) -> datetime:
    """Return when something happened: epoch milliseconds, seconds or RFC 3339; what can't be right is now."""
    return settle_time(read_time(value, shift=around.shift), received_at=around.caller.received_at)


def _read_id(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) and value else None
    except ValueError:
        return None


def _text(told: Mapping[str, Any], name: str, limit: int) -> str:
    value = told.get(name)
    return cut(value, limit) if isinstance(value, str) else ""
