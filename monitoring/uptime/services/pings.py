"""What heartbeats say."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from monitoring.uptime.enums import CheckState, Ping
from monitoring.uptime.judgement import Finding, find_due_after_start
from monitoring.uptime.models import Check
from monitoring.uptime.services.recording import record_result
from monitoring.uptime.services.results import note_finding

RECEIVED = "The heartbeat came."
FAILED = "The job said that it failed."


def note_ping(*, ping_key: UUID, ping: Ping, now: datetime) -> bool:
    """Note what a heartbeat says; return False if there is no such heartbeat. A paused one is heard and changes nothing.

    A success expects the next one after interval and grace. A start expects the success within the grace. A failure counts at once.
    """
    with transaction.atomic():
        check = Check.objects.select_for_update().filter(ping_key=ping_key, kind="heartbeat").first()
        if check is None:
            return False
        finding = hear(check, ping, now=now)
    if finding is not None:
        record_result(check, finding, now=now)
    return True


def hear(check: Check, ping: Ping, *, now: datetime, seconds: float | None = None) -> Finding | None:
    """Change a locked heartbeat by what it says, in the caller's transaction; return what is to be recorded, None for nothing.

    `seconds` is how long the job says that it ran; without it, the time since its start.
    """
    if check.state == CheckState.PAUSED:
        return None
    # Someone is about to call it missing; this is news.
    check.claim_token = check.lease_until = None
    if ping is Ping.START:
        check.due_at = find_due_after_start(
            due_at=check.due_at,
            grace_seconds=check.grace_seconds,
            now=now,
            max_runtime_seconds=check.max_runtime_seconds,
            is_running=check.started_at is not None,
        )
        check.started_at = now
        check.save(update_fields=["started_at", "due_at", "claim_token", "lease_until"])
        return None
    finding = _read(check, ping, now=now, seconds=seconds)
    note_finding(check, finding, retries=0, now=now)
    check.started_at = None
    check.due_at = check.expected_by(after=now) if finding.is_up else None
    check.save()
    return finding


def _read(check: Check, ping: Ping, *, now: datetime, seconds: float | None) -> Finding:
    took = seconds
    if took is None and check.started_at:
        took = (now - check.started_at).total_seconds()
    is_up = ping is Ping.SUCCESS
    return Finding(is_up, RECEIVED if is_up else FAILED, duration_seconds=took)
