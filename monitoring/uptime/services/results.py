"""Claiming checks that are due, and noting what was found."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from monitoring.uptime.enums import CheckKind, CheckState
from monitoring.uptime.judgement import Finding, Standing, find_next_due, judge
from monitoring.uptime.models import KEPT_RESULTS, Check, CheckResult
from monitoring.uptime.selectors import find_open_window
from monitoring.uptime.services.recording import record_result
from monitoring.uptime.services.states import change_state

#: Beyond a look's own timeout: looking up the name, and a busy machine.
LEASE_EXTRA_SECONDS = 60
MISSING = "No heartbeat came in time."
REASON_CHARACTERS = 300

#: Takes the check that is due longest and hides it from other workers for the time of the lease.
_CLAIM_SQL = """
UPDATE monitoring_check SET
    claim_token = %(token)s, lease_until = %(now)s + make_interval(secs => timeout_seconds + %(extra)s)
WHERE id = (
    SELECT id FROM monitoring_check
    WHERE due_at <= %(now)s AND (lease_until IS NULL OR lease_until < %(now)s)
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to look at a check once, until its lease runs out."""

    check: Check
    token: uuid.UUID


def claim_check(*, now: datetime) -> Claim | None:
    """Take the check that is due longest; None when none is."""
    token = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_SQL, {"token": token, "now": now, "extra": LEASE_EXTRA_SECONDS})
        row = cursor.fetchone()
    if row is None:
        return None
    check = Check.objects.filter(pk=row[0], claim_token=token).first()
    return None if check is None else Claim(check, token)


def finish_claim(*, claim: Claim, finding: Finding, now: datetime | None = None) -> Check | None:
    """Note what a look found and when to look next; return the check, None if it was changed, taken over or deleted meanwhile."""
    moment = now or timezone.now()
    with transaction.atomic():
        found = Check.objects.select_for_update().filter(pk=claim.check.pk, claim_token=claim.token).first()
        if found is None or found.state == CheckState.PAUSED:
            return None
        found.claim_token = found.lease_until = None
        due_at = found.due_at or moment
        note_finding(found, finding, retries=found.retries if _is_probed(found) else 0, now=moment)
        # A missing heartbeat is not missing again before it came back.
        found.due_at = (
            find_next_due(
                due_at=due_at,
                state=CheckState(found.state),
                interval_seconds=found.interval_seconds,
                now=moment,
            )
            if _is_probed(found)
            else None
        )
        found.save()
    record_result(found, finding, now=moment)
    return found


def note_finding(check: Check, finding: Finding, *, retries: int, now: datetime) -> None:
    """Put what was found into a locked check, its results and, if its state changes, its story. The caller saves the row."""
    reason = finding.reason[:REASON_CHARACTERS]
    verdict = judge(
        Standing(CheckState(check.state), check.failures, check.failing_since),
        finding,
        retries=retries,
        in_maintenance=find_open_window(check, now=now) is not None,
        now=now,
    )
    check.reason, check.last_result_at = reason, now
    check.failures, check.failing_since = verdict.failures, verdict.failing_since
    check.last_duration_seconds = finding.duration_seconds
    if finding.tls_days is not None:
        check.tls_days_left = finding.tls_days
    _keep_result(check, finding, reason, now)
    _move(check, verdict.state, at=verdict.began_at, now=now, reason=reason)


def _move(check: Check, state: CheckState, *, at: datetime, now: datetime, reason: str) -> None:
    if check.state == CheckState.MAINTENANCE and state is not CheckState.MAINTENANCE:
        # The window is over; what counts begins anew.
        change_state(check, CheckState.NEW, at=now, now=now, reason="The maintenance is over.")
        at = max(at, check.changed_at)
    change_state(check, state, at=at, now=now, reason=reason)


def _keep_result(check: Check, finding: Finding, reason: str, now: datetime) -> None:
    values = {
        "at": now,
        "is_up": finding.is_up,
        "reason": reason,
        "duration_seconds": finding.duration_seconds,
        "status": finding.status,
    }
    place = check.result_count % KEPT_RESULTS
    CheckResult.objects.bulk_create(
        [CheckResult(check_row=check, place=place, **values)],
        update_conflicts=True,
        unique_fields=["check_row", "place"],
        update_fields=list(values),
    )
    check.result_count += 1


def _is_probed(check: Check) -> bool:
    return CheckKind(check.kind).is_probed
