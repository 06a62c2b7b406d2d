"""What a report does to the alert it is about. Pure.

Reports may come twice, late, and out of their order. Which one is older is told by the sender's own clock: when the alert
began and when it ended. Clocks are compared with ours only where the sender says nothing of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from alerts.incoming.reports import Report

LATE_FOR = timedelta(minutes=2)
"""How long after an end its alert's earlier reports may still be on their way, from a sender that repeats what fires about once
a minute: an alert that was left out by mistake is back soon after."""
LATE_ONCE_FOR = timedelta(seconds=10)
"""The same of a sender that tells of an alert once and then not for hours: what was left out would be lost."""
CLOCKS_DIFFER = timedelta(minutes=1)


class Effect(Enum):
    """What is done."""

    BEGIN = "begin"
    REFRESH = "refresh"
    END = "end"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Ended:
    """An alert that ended because its sender said so: when that was, by the sender's clock, and when we heard of it."""

    ended_at: datetime
    heard_at: datetime


def judge(
    report: Report, *, began_at: datetime | None, ended: Ended | None, late_for: timedelta, now: datetime
) -> Effect:
    """Return what a report does. `began_at` is when its open alert began, None if there is none; `ended` the newest end.

    `late_for`: one of the times above.
    """
    if report.is_firing:
        if began_at is not None:
            return Effect.REFRESH
        return Effect.NOTHING if _is_late(report, ended, late_for, now) else Effect.BEGIN
    if began_at is None or _is_of_an_earlier_one(report, began_at, now):
        return Effect.NOTHING
    return Effect.END


def _is_late(report: Report, ended: Ended | None, late_for: timedelta, now: datetime) -> bool:
    """Return whether it tells of what ended meanwhile: it began before that end."""
    if ended is None or report.starts_at is None or ended.heard_at < now - late_for:
        return False
    return report.starts_at < ended.ended_at


def _is_of_an_earlier_one(report: Report, began_at: datetime, now: datetime) -> bool:
    """Return whether the end was over before the open alert began."""
    allowance = CLOCKS_DIFFER if report.starts_at is None else timedelta(0)
    return (report.ends_at or now) + allowance < began_at
