"""What a check's newest result means. Pure; `now` is passed in.

A failure is tried again before it counts: `pending` until the retries are used up. Then the check is down since its first
failure, because that is since when people could not work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.uptime.cron_lines import find_next_time
from monitoring.uptime.enums import CheckState

#: A failed attempt is repeated after this long, or after the interval if that is shorter.
RETRY_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found. `reason` says why it is not up, or what was seen; its words hold no varying numbers, because a
    series is made of it. `duration_seconds`: from the first step to the whole answer, None without one.
    """

    is_up: bool
    reason: str
    duration_seconds: float | None = None
    status: int | None = None
    tls_days: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a check stood before: `failures` in a row, the first of them at `failing_since`."""

    state: CheckState
    failures: int = 0
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a check stands now, and since when if that is new (`began_at`)."""

    state: CheckState
    began_at: datetime
    failures: int
    failing_since: datetime | None


def judge(standing: Standing, finding: Finding, *, retries: int, in_maintenance: bool, now: datetime) -> Verdict:
    """Return where a check stands after a result.

    In a maintenance window failures do not count; what was down before stays down until it answers.
    """
    if finding.is_up:
        return Verdict(CheckState.MAINTENANCE if in_maintenance else CheckState.UP, now, 0, None)
    failures, since = standing.failures + 1, standing.failing_since or now
    if standing.state is CheckState.DOWN:
        return Verdict(CheckState.DOWN, since, failures, since)
    if in_maintenance:
        return Verdict(CheckState.MAINTENANCE, now, 0, None)
    if failures > retries:
        return Verdict(CheckState.DOWN, since, failures, since)
    return Verdict(CheckState.PENDING, now, failures, since)


def find_next_due(*, due_at: datetime, state: CheckState, interval_seconds: int, now: datetime) -> datetime:
    """Return when to look next: on the beat of the interval, however late this look was; sooner while retrying."""
    if state is CheckState.PENDING:
        return now + timedelta(seconds=min(RETRY_SECONDS, interval_seconds))
    interval = timedelta(seconds=interval_seconds)
    missed = max(0, int((now - due_at) / interval))
    return due_at + interval * (missed + 1)


def find_heartbeat_due(
    *, last_ping_at: datetime, interval_seconds: int, grace_seconds: int, schedule: str = "", time_zone: str = "UTC"
) -> datetime:
    """Return when a heartbeat counts as missing: grace after the next time of its cron line, or after its interval."""
    if schedule:
        return find_next_time(schedule, time_zone, after=last_ping_at) + timedelta(seconds=grace_seconds)
    return last_ping_at + timedelta(seconds=interval_seconds + grace_seconds)


def find_due_after_start(
    *,
    due_at: datetime | None,
    grace_seconds: int,
    now: datetime,
    max_runtime_seconds: int = 0,
    is_running: bool = False,
) -> datetime:
    """Return when a heartbeat counts as missing after its job said that it started.

    A job may run as long as the grace, within the time that it is expected in; or, where that is stated, as long as
    `max_runtime_seconds`, because the start came in time. A job that starts again before it ended gets no more time.
    """
    if max_runtime_seconds and not is_running:
        return now + timedelta(seconds=max_runtime_seconds)
    limit = now + timedelta(seconds=max_runtime_seconds or grace_seconds)
    return limit if due_at is None else min(due_at, limit)
