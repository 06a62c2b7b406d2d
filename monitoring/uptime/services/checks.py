"""Making, changing, pausing and deleting checks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from config.nudges import Nudge
from monitoring.applications.selectors import list_applications
from monitoring.uptime.drafts import CheckDraft, CheckInvalid, check_draft
from monitoring.uptime.enums import CheckKind, CheckState
from monitoring.uptime.models import DRAFT_FIELDS, EXPECTED_FIELDS, Check
from monitoring.uptime.requests import RequestWish, put_back
from monitoring.uptime.services.recording import record_state
from monitoring.uptime.services.states import change_state

MAX_CHECKS_PER_APPLICATION = 1000

_prober = Nudge("monitoring.uptime.tasks.probe_checks", "default")


class CheckPaused(Exception):
    """A paused check is not looked at; resume it first."""


class NotProbed(Exception):
    """A heartbeat is not looked at: it reports by itself."""


def put_back_secrets(draft: CheckDraft, check: Check | None) -> CheckDraft:
    """Return a draft with the secrets put back that its form or REST only showed as a mask. Raises ValueError, see `put_back`.

    Only a web address is asked with any: those of a check that becomes another kind are dropped when it is saved.
    """
    if draft.kind != CheckKind.HTTP:
        return draft
    stored = None if check is None else RequestWish(check.method, check.request_headers, check.request_body)
    wish = put_back(
        RequestWish(draft.method, draft.request_headers, draft.request_body),
        address=draft.address,
        stored=stored,
        stored_address="" if check is None else check.address,
    )
    return replace(draft, request_headers=wish.headers, request_body=wish.body)


@transaction.atomic
def create_check(*, draft: CheckDraft) -> Check:
    """Create a check; raise CheckInvalid, and store nothing, if anything about it is wrong. It is looked at right away."""
    _check(draft)
    if Check.objects.filter(application_id=draft.application_id).count() >= MAX_CHECKS_PER_APPLICATION:
        raise CheckInvalid({"application": f"It has {MAX_CHECKS_PER_APPLICATION} checks already."})
    check = Check(application_id=draft.application_id)
    _write(check, draft)
    check.due_at = timezone.now() if _is_probed(check) else None
    check.save()
    _prober.on_commit()
    return check


@transaction.atomic
def update_check(*, check: Check, draft: CheckDraft) -> Check:
    """Change a check; raise CheckInvalid, and change nothing, if anything about it is wrong.

    Its state stays until the next look, which is at once. What becomes another kind of check, or looks elsewhere, begins anew.
    """
    locked = Check.objects.select_for_update().get(pk=check.pk)
    _check(replace(draft, application_id=locked.application_id))
    now = timezone.now()
    is_other = (locked.kind, locked.address.strip()) != (draft.kind, draft.address.strip())
    _write(locked, draft)
    locked.claim_token = locked.lease_until = None
    if locked.state != CheckState.PAUSED:
        if is_other and locked.state != CheckState.NEW:
            change_state(locked, CheckState.PAUSED, at=now, now=now, reason="It was changed.")
            change_state(locked, CheckState.NEW, at=now, now=now, reason="It looks elsewhere now.")
        if is_other:
            _begin_anew(locked)
        locked.due_at = _first_due(locked, now=now)
    locked.save()
    _prober.on_commit()
    return locked


@transaction.atomic
def pause_check(*, check: Check, by: str) -> bool:
    """Stop looking; whoever was told that it is down is told that this is over. Return False if it is paused already."""
    locked = Check.objects.select_for_update().get(pk=check.pk)
    now = timezone.now()
    if not change_state(locked, CheckState.PAUSED, at=now, now=now, reason=f"{by} paused it."):
        return False
    _begin_anew(locked)
    locked.due_at = locked.claim_token = locked.lease_until = None
    locked.save()
    record_state(locked, now=now)
    return True


@transaction.atomic
def resume_check(*, check: Check, by: str) -> bool:
    """Look again, at once; a heartbeat is expected from its next ping on. Return False if it is not paused."""
    locked = Check.objects.select_for_update().get(pk=check.pk)
    if locked.state != CheckState.PAUSED:
        return False
    now = timezone.now()
    change_state(locked, CheckState.NEW, at=now, now=now, reason=f"{by} resumed it.")
    locked.due_at = now if _is_probed(locked) else None
    locked.save()
    _prober.on_commit()
    return True


@transaction.atomic
def check_now(*, check: Check) -> None:
    """Make a check due at once; raise CheckPaused or NotProbed."""
    locked = Check.objects.select_for_update().get(pk=check.pk)
    if not _is_probed(locked):
        raise NotProbed("A heartbeat is not looked at: it reports by itself.")
    if locked.state == CheckState.PAUSED:
        raise CheckPaused("It is paused. Resume it first.")
    locked.due_at = timezone.now()
    locked.save(update_fields=["due_at"])
    _prober.on_commit()


@transaction.atomic
def delete_check(*, check: Check) -> None:
    """Delete a check with its story; whoever was told that it is down is told that this is over. Its points stay."""
    pause_check(check=check, by="Whoever deleted it")
    Check.objects.filter(pk=check.pk).delete()


def _check(draft: CheckDraft) -> None:
    check_draft(draft)
    if not list_applications().filter(pk=draft.application_id).exists():
        raise CheckInvalid({"application": "This application does not exist any more."})


def _write(check: Check, draft: CheckDraft) -> None:
    for name in DRAFT_FIELDS:
        if name != "application_id":
            setattr(check, name, getattr(draft, name))
    for name in EXPECTED_FIELDS:
        setattr(check, name, getattr(draft.expected, name))
    if check.kind != CheckKind.HTTP:
        # Nobody looked at what only a web address is asked with; kept, it would be shown as if it were right.
        check.request_headers = check.request_body = ""
    check.name, check.address = draft.name.strip(), draft.address.strip() if _is_probed(check) else ""
    check.schedule, check.resolver = " ".join(draft.schedule.split()), draft.resolver.strip()
    check.updated_at = timezone.now()


def _begin_anew(check: Check) -> None:
    check.failures, check.failing_since = 0, None
    check.started_at = check.tls_days_left = check.last_duration_seconds = None


def _first_due(check: Check, *, now: datetime) -> datetime | None:
    """Return when a changed check is due: at once, or, for a heartbeat, as its last ping and its new interval say."""
    if _is_probed(check):
        return now
    if check.state not in {CheckState.UP, CheckState.PENDING} or check.last_result_at is None:
        return None
    return check.expected_by(after=check.last_result_at)


def _is_probed(check: Check) -> bool:
    return CheckKind(check.kind).is_probed
