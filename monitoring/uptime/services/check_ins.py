"""Check-ins of jobs: they make and move heartbeats, in the transaction that stores what their envelope brought."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from monitoring.repetitions import Key, claim_bodies, find_claimed, make_body_key
from monitoring.uptime.check_ins import CheckIn, MonitorWish
from monitoring.uptime.drafts import CheckDraft, CheckInvalid, check_draft
from monitoring.uptime.enums import Ping
from monitoring.uptime.models import Check
from monitoring.uptime.services.checks import create_check, update_check
from monitoring.uptime.services.pings import hear
from monitoring.uptime.services.recording import record_result

logger = logging.getLogger(__name__)

#: How long the end of a run waits for a heartbeat that the run's beginning makes, and how many of a process may wait.
MADE_WITHIN_SECONDS, WAITING = 0.5, 2

MAX_MADE = 100
"""Heartbeats of one application that its programs may make by themselves."""


_waiting = threading.BoundedSemaphore(WAITING)


def write_check_ins(check_ins: Sequence[CheckIn]) -> None:
    """Note what jobs say, in the caller's transaction. A message that comes twice is noted once.

    A monitor that nobody knows and that says nothing of its schedule is passed over: the door refuses those.
    """
    # In one order for everybody, so that two transactions never wait for each other in a circle; of one monitor as they came.
    ordered = sorted(check_ins, key=lambda each: (each.application_id, each.slug, each.received_at))
    fresh = _leave_out_repeated(ordered)
    for each in fresh:
        check = _find_or_make(each)
        if check is None:
            continue
        finding = hear(check, each.ping, now=each.received_at, seconds=each.duration)
        if finding is not None:
            transaction.on_commit(
                lambda check=check, finding=finding, at=each.received_at: record_result(check, finding, now=at),  # type: ignore[misc]
                robust=True,
            )


def find_obstacle(check_in: CheckIn, *, may_wait: bool = False) -> str:
    """Return why a check-in can't be noted, empty if it can. Raises OperationalError while the database is away.

    A short job's end may come before its beginning, which makes the heartbeat, is stored: with `may_wait` it waits for that.
    """
    made = Check.objects.filter(application_id=check_in.application_id, kind="heartbeat")
    if made.filter(slug=check_in.slug).exists():
        return ""
    if check_in.wish is None:
        if may_wait and check_in.check_in_id is not None and _appears(made, check_in.slug):
            return ""
        return f"there is no heartbeat {check_in.slug!r}: send monitor_config with the check-in, which makes one"
    if made.exclude(slug="").count() >= MAX_MADE:
        return f"the application's programs have made {MAX_MADE} heartbeats already; delete those that are not needed"
    try:
        check_draft(_draft(check_in, check_in.wish))
    except CheckInvalid as error:
        return str(error)
    return ""


def _appears(made: QuerySet[Check], slug: str) -> bool:
    """Wait until there is a heartbeat; return whether there is one in time. Only a few may wait, so that nobody can hold up the doors."""
    if not _waiting.acquire(blocking=False):
        return False
    try:
        deadline = time.monotonic() + MADE_WITHIN_SECONDS
        while not (is_there := made.filter(slug=slug).exists()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return is_there
    finally:
        _waiting.release()


def _leave_out_repeated(check_ins: Sequence[CheckIn]) -> list[CheckIn]:
    keys = {_key_of(each, each.ping): each for each in check_ins if each.check_in_id is not None}
    new = claim_bodies(keys=keys, now=check_ins[0].received_at) if keys else set()
    taken = {id(keys[key]) for key in new}
    fresh = [each for each in check_ins if each.check_in_id is None or id(each) in taken]
    over = find_claimed(keys=[key for each in fresh if each.ping is Ping.START for key in _ends_of(each)])
    return [each for each in fresh if each.ping is not Ping.START or not over.intersection(_ends_of(each))]


def _ends_of(start: CheckIn) -> list[Key]:
    """Return the keys of what may have ended the same run: a beginning that comes after its end changes nothing."""
    return [_key_of(start, ping) for ping in (Ping.SUCCESS, Ping.FAIL)] if start.check_in_id is not None else []


def _key_of(each: CheckIn, ping: Ping) -> Key:
    run = each.check_in_id.bytes if each.check_in_id is not None else b""
    return each.application_id, make_body_key(b"check-in", each.slug.encode(), run, ping.value.encode())


def _find_or_make(each: CheckIn) -> Check | None:
    """Return the heartbeat, locked; made or brought up to date by what its program says of its schedule."""
    found = Check.objects.filter(application_id=each.application_id, slug=each.slug, kind="heartbeat")
    check = found.select_for_update().first()
    if each.wish is None:
        return check
    if check is None:
        try:
            with transaction.atomic():
                check = create_check(draft=_draft(each, each.wish))
                Check.objects.filter(pk=check.pk).update(slug=each.slug)
        except CheckInvalid as error:
            # The door has looked; another made the last one that there was room for a moment ago.
            logger.warning("no heartbeat %s for application %s: %s", each.slug, each.application_id, error)
            return None
    elif _differs(check, each.wish):
        try:
            with transaction.atomic():
                update_check(check=check, draft=_draft(each, each.wish, name=check.name))
        except CheckInvalid as error:
            logger.warning("heartbeat %s of application %s stays: %s", each.slug, each.application_id, error)
    return found.select_for_update().get()


def _differs(check: Check, wish: MonitorWish) -> bool:
    known = (
        check.schedule,
        check.time_zone,
        check.interval_seconds,
        check.grace_seconds,
        check.max_runtime_seconds,
    )
    return known != (
        wish.schedule,
        wish.time_zone,
        wish.interval_seconds,
        wish.margin_seconds,
        wish.max_runtime_seconds,
    )


def _draft(each: CheckIn, wish: MonitorWish, *, name: str = "") -> CheckDraft:
    return CheckDraft(
        name=name or each.slug,
        kind="heartbeat",
        application_id=each.application_id,
        interval_seconds=wish.interval_seconds,
        grace_seconds=wish.margin_seconds,
        schedule=wish.schedule,
        time_zone=wish.time_zone,
        max_runtime_seconds=wish.max_runtime_seconds,
    )
