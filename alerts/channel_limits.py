"""Whether a message goes out by a channel now: its rate limit and its quiet hours. Pure, `now` passed in.

Only messages that say something fires are judged. News of the end of what somebody was told of always goes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts.oncall.rotations import find_instant

SEVERITIES = ("info", "warning", "critical")
CRITICAL = "critical"
MAX_LIMIT_MINUTES = 24 * 60
MAX_LIMIT_COUNT = 1_000
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `count` messages in any `minutes`; critical ones are let through unless `with_critical`."""

    count: int
    minutes: int
    with_critical: bool = False

    @property
    def window(self) -> timedelta:
        """The time in which messages are counted."""
        return timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local hours of `zone` in which messages below a severity are held.

    They begin on `weekdays` (Monday is 0; empty: every day) and go over midnight if `end` is not after `start`.
    """

    start: time
    end: time
    zone: str
    weekdays: tuple[int, ...] = ()
    below: str = CRITICAL


@dataclass(frozen=True, slots=True)
class Held:
    """Why a message does not go out now. `until`: it may go out then, if there is still a need; None: never."""

    reason: str
    until: datetime | None = None


def judge_message(
    *,
    severity: str,
    now: datetime,
    limit: RateLimit | None = None,
    sent: Sequence[datetime] = (),
    quiet: QuietHours | None = None,
) -> Held | None:
    """Return why a message about something of this severity is held, None if it goes out.

    `sent` is when messages of the channel went out lately. Quiet hours come first: what they hold does not count.
    """
    if quiet is not None and _rank(severity) < _rank(quiet.below) and (until := find_quiet_end(quiet, now)):
        local = until.astimezone(ZoneInfo(quiet.zone))
        return Held(f"quiet hours until {DAYS[local.weekday()]}, {local:%H:%M} ({quiet.zone})", until)
    if limit is not None and (severity != CRITICAL or limit.with_critical):
        lately = sorted(moment for moment in sent if now - limit.window < moment <= now)
        if len(lately) >= limit.count:
            return Held(
                f"rate limit: {len(lately)} messages in the last {limit.minutes} min, at most {limit.count} are let through",
                lately[-limit.count] + limit.window,
            )
    return None


def find_quiet_end(quiet: QuietHours, now: datetime) -> datetime | None:
    """Return when the quiet hours end that are on now, None if none are. Hours that follow each other are one."""
    end = _find_stretch_end(quiet, now)
    for _ in range(8):
        if end is None or (later := _find_stretch_end(quiet, end)) is None:
            return end
        end = later
    return end


def find_errors(
    *,
    limit: tuple[int | None, int | None] = (None, None),
    hours: tuple[time | None, time | None] = (None, None),
    zone: str = "",
    weekdays: Sequence[int] = (),
    below: str = CRITICAL,
) -> dict[str, str]:
    """Return what is wrong with limits and quiet hours, in words, by field of a channel."""
    errors: dict[str, str] = {}
    count, minutes = limit
    if (count is None) != (minutes is None):
        errors["limit_count" if count is None else "limit_minutes"] = (
            "A limit needs both: how many messages, in how many minutes."
        )
    elif count is not None and minutes is not None:
        if not 1 <= count <= MAX_LIMIT_COUNT:
            errors["limit_count"] = f"Choose 1 to {MAX_LIMIT_COUNT} messages."
        if not 1 <= minutes <= MAX_LIMIT_MINUTES:
            errors["limit_minutes"] = f"Choose 1 to {MAX_LIMIT_MINUTES} minutes (a day)."
    start, end = hours
    if (start is None) != (end is None):
        errors["quiet_from" if start is None else "quiet_until"] = "Quiet hours need a beginning and an end."
    if start is not None and not _is_zone(zone):
        errors["quiet_zone"] = f"“{zone}” is not a time zone; write one like Europe/Berlin."
    if any(not 0 <= day <= 6 for day in weekdays):
        errors["quiet_weekdays"] = "Weekdays are 0 (Monday) to 6 (Sunday)."
    if below not in SEVERITIES:
        errors["quiet_below"] = f"Choose one of {', '.join(SEVERITIES)}."
    return errors


def _find_stretch_end(quiet: QuietHours, now: datetime) -> datetime | None:
    local = now.astimezone(ZoneInfo(quiet.zone))
    for days_ago in (0, 1):
        day = local.date() - timedelta(days=days_ago)
        if quiet.weekdays and day.weekday() not in quiet.weekdays:
            continue
        last = day if quiet.start < quiet.end else day + timedelta(days=1)
        start = find_instant(datetime.combine(day, quiet.start), quiet.zone)
        end = find_instant(datetime.combine(last, quiet.end), quiet.zone)
        if start <= now < end:
            return end
    return None


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return bool(name)
