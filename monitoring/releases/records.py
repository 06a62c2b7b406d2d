"""Sessions on their way in: a use of a program from its start to its end, alone or already counted. Pure.

Of a single session clients send the state again whenever it changes. Reports of one session are brought together by
taking the worst of each: so their order, and how often each comes, makes no difference.
Source: develop.sentry.dev/sdk/telemetry/sessions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any
from uuid import UUID

MAX_RELEASE, MAX_ENVIRONMENT = 200, 64
MAX_AGE, MAX_AHEAD = timedelta(days=5), timedelta(minutes=10)
MAX_BUCKETS = 1_000
MAX_COUNT = 1_000_000_000
MAX_ERRORS = 1_000_000
MAX_DURATION = 30 * 86_400.0


class Outcome(IntEnum):
    """How a session went, from good to bad; the worst that was said of it counts."""

    HEALTHY = 0
    ERRORED = 1
    ABNORMAL = 2
    CRASHED = 3


_STATUSES = {
    "ok": Outcome.HEALTHY,
    "exited": Outcome.HEALTHY,
    "errored": Outcome.ERRORED,
    "unhandled": Outcome.ERRORED,
    "abnormal": Outcome.ABNORMAL,
    "crashed": Outcome.CRASHED,
}


class SessionInvalid(Exception):
    """Not a session that can be counted; the text says why."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What one report says of one session. `user_key` stands for the person as in errors; `duration` None: not said."""

    application_id: int
    sid: UUID
    started_at: datetime
    release: str
    received_at: datetime
    environment: str = ""
    outcome: Outcome = Outcome.HEALTHY
    errors: int = 0
    duration: float | None = None
    user_key: bytes | None = None

    @property
    def key(self) -> tuple[int, datetime, UUID]:
        """Return what tells it from other sessions, in the order in which everybody writes."""
        return self.application_id, self.started_at, self.sid


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """Sessions that a client counted itself, by outcome, those of one minute or hour together.

    `body_key` tells a body that is sent again (monitoring/repetitions.py); None: that can't be told.
    """

    application_id: int
    started_at: datetime
    release: str
    received_at: datetime
    environment: str = ""
    healthy: int = 0
    errored: int = 0
    abnormal: int = 0
    crashed: int = 0
    user_key: bytes | None = None
    body_key: bytes | None = None

    @property
    def total(self) -> int:
        """Return how many sessions these are."""
        return self.healthy + self.errored + self.abnormal + self.crashed


@dataclass(frozen=True, slots=True)
class SessionItem:
    """What one item of an envelope brought: the record that the store takes, so that both kinds are counted together."""

    reports: tuple[SessionRecord, ...] = ()
    counts: tuple[SessionCounts, ...] = ()

    @property
    def size(self) -> int:
        """Return about how many bytes it holds."""
        return 300 * (len(self.reports) + len(self.counts))


def merge_reports(one: SessionRecord, other: SessionRecord) -> SessionRecord:
    """Return what two reports of the same session say together."""
    durations = [each.duration for each in (one, other) if each.duration is not None]
    keys = [each.user_key for each in (one, other) if each.user_key is not None]
    return replace(
        one,
        received_at=min(one.received_at, other.received_at),
        release=max(one.release, other.release),
        environment=max(one.environment, other.environment),
        outcome=max(one.outcome, other.outcome),
        errors=max(one.errors, other.errors),
        duration=max(durations, default=None),
        user_key=max(keys, default=None),
    )


def read_session(document: Mapping[str, Any], *, application_id: int, received_at: datetime) -> SessionRecord:
    """Return the record of a `session` item. Raises SessionInvalid."""
    release, environment = _read_attributes(document.get("attrs"))
    errors = document.get("errors")
    errors = min(max(errors, 0), MAX_ERRORS) if isinstance(errors, int) and not isinstance(errors, bool) else 0
    status = document.get("status", "ok")
    if not isinstance(status, str) or status not in _STATUSES:
        raise SessionInvalid(f"the session's status {str(status)[:40]!r} is none of {', '.join(_STATUSES)}")
    outcome = _STATUSES[status]
    duration = document.get("duration")
    is_number = isinstance(duration, (int, float)) and not isinstance(duration, bool)
    return SessionRecord(
        application_id=application_id,
        sid=_read_sid(document.get("sid")),
        started_at=_read_start(document.get("started"), received_at),
        release=release,
        received_at=received_at,
        environment=environment,
        outcome=max(outcome, Outcome.ERRORED) if errors else outcome,
        errors=errors,
        duration=duration if is_number and 0 <= duration <= MAX_DURATION else None,  # type: ignore[operator]  # a number
        user_key=make_user_key(document.get("did")),
    )


def read_counts(
    document: Mapping[str, Any], *, application_id: int, received_at: datetime, body_key: bytes | None = None
) -> tuple[list[SessionCounts], list[str]]:
    """Return the records of a `sessions` item, and why any of its groups can't be taken. Raises SessionInvalid."""
    release, environment = _read_attributes(document.get("attrs"))
    groups = document.get("aggregates")
    if not isinstance(groups, list) or len(groups) > MAX_BUCKETS:
        raise SessionInvalid(f"aggregates is not a list of at most {MAX_BUCKETS}")
    records: list[SessionCounts] = []
    reasons: list[str] = []
    for group in groups:
        try:
            if not isinstance(group, dict):
                raise SessionInvalid("a group of sessions is not a JSON object")
            record = SessionCounts(
                application_id=application_id,
                started_at=_read_start(group.get("started"), received_at),
                release=release,
                received_at=received_at,
                environment=environment,
                healthy=_read_count(group, "exited"),
                errored=_read_count(group, "errored") + _read_count(group, "unhandled"),
                abnormal=_read_count(group, "abnormal"),
                crashed=_read_count(group, "crashed"),
                user_key=make_user_key(group.get("did")),
                body_key=body_key,
            )
        except SessionInvalid as error:
            reasons.append(str(error))
        else:
            if record.total:
                records.append(record)
    return records, reasons


def make_user_key(value: object) -> bytes | None:
    """Return 16 bytes that stand for a person, the same as an error event with this user id has; None for nobody."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        return None
    return hashlib.blake2b(f"id:{value[:200]}".encode(errors="replace"), digest_size=16).digest()


def _read_attributes(value: Any) -> tuple[str, str]:
    attributes = value if isinstance(value, dict) else {}
    release, environment = attributes.get("release"), attributes.get("environment")
    if not isinstance(release, str) or not release.strip():
        raise SessionInvalid("the session names no release: set `release` where the SDK is started")
    name = environment if isinstance(environment, str) else ""
    return _clean(release, MAX_RELEASE), _clean(name, MAX_ENVIRONMENT)


def _clean(text: str, limit: int) -> str:
    return text.replace("\x00", "").strip()[:limit].encode("utf-8", "replace").decode()


def _read_sid(value: Any) -> UUID:
    if not isinstance(value, str) or not value:
        raise SessionInvalid("the session has no sid")
    try:
        sid = UUID(value)
    except ValueError:
        return UUID(bytes=hashlib.blake2b(value[:200].encode(errors="replace"), digest_size=16).digest())
    if not sid.int:
        raise SessionInvalid("the session's sid is all zeros")
    return sid


def _read_start(value: Any, received_at: datetime) -> datetime:
    """Return when it started. Raises SessionInvalid: a session that is moved would be another one the next time."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value, UTC)
        else:
            raise SessionInvalid("the session does not say when it started")
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        age = received_at - moment
    except (ValueError, OverflowError, OSError) as error:
        raise SessionInvalid("the session's start is not a time") from error
    if age > MAX_AGE:
        raise SessionInvalid(f"the session started more than {MAX_AGE.days} days ago")
    if age < -MAX_AHEAD:
        raise SessionInvalid("the session starts in the future: the client's clock is wrong")
    return moment


def _read_count(group: Mapping[str, Any], name: str) -> int:
    count = group.get(name) or 0
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= MAX_COUNT:
        raise SessionInvalid(f"{name} is not a number of sessions")
    return count
