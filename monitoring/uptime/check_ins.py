"""Check-ins of jobs, as Sentry's SDKs send them, on their way to a heartbeat. Pure.

Source: develop.sentry.dev/sdk/telemetry/check-ins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from monitoring.uptime.cron_lines import check_cron_line, find_zone
from monitoring.uptime.drafts import MAX_INTERVAL_SECONDS, MIN_INTERVAL_SECONDS
from monitoring.uptime.enums import Ping

MAX_SLUG = 50
DEFAULT_MARGIN_MINUTES = 5
MAX_DURATION_SECONDS = 30 * 86_400.0
_PINGS = {"in_progress": Ping.START, "ok": Ping.SUCCESS, "error": Ping.FAIL}
_SLUG = re.compile(r"[^a-z0-9_-]+")
_UNITS = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800, "month": 30 * 86_400, "year": 365 * 86_400}


class CheckInInvalid(Exception):
    """Not a check-in that can be noted; the text says why."""


@dataclass(frozen=True, slots=True)
class MonitorWish:
    """When a job should report: a cron line, or every so many seconds. `max_runtime_seconds` 0: not said."""

    schedule: str = ""
    time_zone: str = "UTC"
    interval_seconds: int = 86_400
    margin_seconds: int = DEFAULT_MARGIN_MINUTES * 60
    max_runtime_seconds: int = 0


@dataclass(frozen=True, slots=True)
class CheckIn:
    """What a job says of one run. `wish` is what its program says of when it should come; None: nothing.

    The same id with the same `ping` is the same message.
    """

    application_id: int
    slug: str
    ping: Ping
    received_at: datetime
    check_in_id: UUID | None = None
    duration: float | None = None
    wish: MonitorWish | None = None


def read_check_in(document: Mapping[str, Any], *, application_id: int, received_at: datetime) -> CheckIn:
    """Return what a `check_in` item says. Raises CheckInInvalid."""
    status = document.get("status")
    ping = _PINGS.get(status) if isinstance(status, str) else None
    if ping is None:
        raise CheckInInvalid(f"the check-in's status is none of {', '.join(_PINGS)}")
    duration = document.get("duration")
    is_number = isinstance(duration, (int, float)) and not isinstance(duration, bool)
    config = document.get("monitor_config")
    return CheckIn(
        application_id=application_id,
        slug=read_slug(document.get("monitor_slug")),
        ping=ping,
        received_at=received_at,
        check_in_id=_read_id(document.get("check_in_id")),
        duration=float(duration) if is_number and 0 <= duration <= MAX_DURATION_SECONDS else None,  # type: ignore[arg-type,operator]  # a number
        wish=read_wish(config) if isinstance(config, Mapping) else None,
    )


def read_slug(value: Any) -> str:
    """Return a monitor's name as SDKs put it: lower case, letters, digits, - and _. Raises CheckInInvalid."""
    slug = _SLUG.sub("-", value.strip().lower())[:MAX_SLUG].strip("-") if isinstance(value, str) else ""
    if not slug:
        raise CheckInInvalid("the check-in names no monitor")
    return slug


def read_wish(config: Mapping[str, Any]) -> MonitorWish:
    """Return what a program says of when its job should come. Raises CheckInInvalid."""
    schedule = config.get("schedule")
    schedule = schedule if isinstance(schedule, Mapping) else {}
    zone = config.get("timezone") or "UTC"
    common: dict[str, Any] = {
        "margin_seconds": _minutes(config.get("checkin_margin"), default=DEFAULT_MARGIN_MINUTES),
        "max_runtime_seconds": _minutes(config.get("max_runtime"), default=0),
    }
    try:
        if not isinstance(zone, str):
            raise ValueError("the time zone is no text")
        find_zone(zone)
        if schedule.get("type") == "crontab":
            line = str(schedule.get("value"))
            check_cron_line(line, zone)
            return MonitorWish(schedule=" ".join(line.split()), time_zone=zone, **common)
        if schedule.get("type") == "interval":
            return MonitorWish(interval_seconds=_interval(schedule), time_zone=zone, **common)
    except ValueError as error:
        raise CheckInInvalid(f"the monitor's schedule can't be read: {error}") from error
    raise CheckInInvalid("the monitor's schedule is neither a crontab nor an interval")


def _interval(schedule: Mapping[str, Any]) -> int:
    value, unit = schedule.get("value"), schedule.get("unit")
    if not isinstance(value, int) or isinstance(value, bool) or not isinstance(unit, str) or unit not in _UNITS:
        raise ValueError(f"an interval is a number of {', '.join(_UNITS)}")
    seconds = value * _UNITS[unit]
    if not MIN_INTERVAL_SECONDS <= seconds <= MAX_INTERVAL_SECONDS:
        raise ValueError("an interval is at least ten seconds and at most a year")
    return seconds


def _minutes(value: Any, *, default: int) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value * 60 <= MAX_INTERVAL_SECONDS
    return (value if is_number else default) * 60


def _read_id(value: Any) -> UUID | None:
    """Return an id; none, or all zeros, stands for the newest run that has not ended."""
    try:
        found = UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.int else None
