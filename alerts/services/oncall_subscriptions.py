"""Calendars that are read from an address every hour: what they bring is replaced as a whole, or stays as it was."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from alerts.calendar_fetching import CalendarUnreachable, Fetched, fetch_calendar, is_private_allowed
from alerts.models import OnCallCalendar, OnCallSchedule
from alerts.oncall.addresses import CalendarAddressInvalid, tidy_address
from alerts.oncall.calendars import CalendarInvalid
from alerts.services.oncall_calendars import (
    Import,
    check_name,
    lock_calendar,
    lock_schedule,
    preview_calendar,
    take_shifts,
)
from alerts.services.rationing import Ration, take_use
from config.actors import Actor
from config.crypto import SecretUnreadable
from config.lengths import describe_seconds

logger = logging.getLogger(__name__)

MAX_SUBSCRIPTIONS = 10
#: Without asking again for all of it, the last of its 400 days would come nearer and nearer.
READ_WHOLE_EVERY = timedelta(hours=20)
#: How long one round of fetching may take; whoever was tried longest ago comes first, so that nobody is left out for good.
#: With its last calendar it has to end before the broker takes the worker for dead (visibility_timeout, 600 s) and another
#: one begins it again.
ROUND_SECONDS = 500.0
#: How often somebody may have a schedule's calendars fetched, so that nobody's server is called for ever.
FETCHES = 30
FETCHES_WINDOW = timedelta(hours=1)


class SubscriptionInvalid(Exception):
    """A calendar that can't be subscribed to: `errors` by field (name, url), in words."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Answered:
    """An address as it is kept, the host in it, and what it answered just now. Nothing of it is stored yet."""

    address: str
    host: str
    fetched: Fetched


def subscribe(
    *, schedule: OnCallSchedule, name: str, url: str, by: Actor, now: datetime
) -> tuple[OnCallCalendar, Import]:
    """Read a calendar from its address, and from now on every hour; raise SubscriptionInvalid, and keep nothing, if it can't be read."""
    answered = read_address(schedule=schedule, name=name, url=url, now=now)
    return keep_subscription(schedule=schedule, name=name, answered=answered, by=by, now=now)


def read_address(*, schedule: OnCallSchedule, name: str, url: str, now: datetime) -> Answered:
    """Take the first step of `subscribe`, outside of any transaction: it may take 20 s, and counts even if it is refused."""
    return _fetch_new(schedule, url, _find_errors(OnCallCalendar(schedule=schedule), name), now)


def keep_subscription(
    *, schedule: OnCallSchedule, name: str, answered: Answered, by: Actor, now: datetime
) -> tuple[OnCallCalendar, Import]:
    """Take the second step of `subscribe`; raise SubscriptionInvalid if that can't be any more, or the answer can't be used."""
    return _keep(OnCallCalendar(schedule=schedule), name, answered, by, now)


def change_subscription(
    *, calendar: OnCallCalendar, name: str, url: str, by: Actor, now: datetime
) -> tuple[OnCallCalendar, Import | None]:
    """Rename a calendar, and with `url` read it from another address; empty: from the one it has. Raises SubscriptionInvalid."""
    if not url.strip():
        return _rename(calendar, name), None
    answered = _fetch_new(calendar.schedule, url, _find_errors(calendar, name), now)
    return _keep(calendar, name, answered, by, now)


def fetch_now(*, calendar: OnCallCalendar, now: datetime) -> bool:
    """Read a calendar at somebody's wish; return whether it could be read. Raises SubscriptionInvalid if that was asked too often."""
    _take_fetch(calendar.schedule, now)
    return refresh(calendar_id=calendar.pk, now=now)


def refresh_all(*, clock: Callable[[], datetime]) -> tuple[int, int]:
    """Read every calendar that has an address; return how many were read, and how many could not be.

    `clock` is asked for each: a shift that began while others were read has begun, and is not replaced as one to come.
    """
    calendars = OnCallCalendar.objects.exclude(host="").order_by(F("tried_at").asc(nulls_first=True), "pk")
    read, failed, started = 0, 0, time.monotonic()
    for calendar_id in calendars.values_list("pk", flat=True):
        if time.monotonic() - started > ROUND_SECONDS:
            break
        is_read = _refresh_anyhow(calendar_id, clock())
        read, failed = read + is_read, failed + (not is_read)
    return read, failed


def _refresh_anyhow(calendar_id: int, now: datetime) -> bool:
    calendar = _find_subscribed(calendar_id)
    if calendar is None:
        return False
    url = _read_url(calendar)
    try:
        return _refresh(calendar, url, now)
    except Exception:
        # The outermost edge of one calendar: whatever is wrong with it must not stop the others.
        logger.exception("calendar %s could not be read", calendar_id)
        return _note_failure(calendar, url, "It could not be handled; the log of the worker says why.", now)


def refresh(*, calendar_id: int, now: datetime) -> bool:
    """Read a calendar from its address. What it brought stays if it can't be read; that and the reason are noted then."""
    calendar = _find_subscribed(calendar_id)
    return calendar is not None and _refresh(calendar, _read_url(calendar), now)


def _find_subscribed(calendar_id: int) -> OnCallCalendar | None:
    return OnCallCalendar.objects.filter(pk=calendar_id).exclude(host="").select_related("schedule").first()


def _read_url(calendar: OnCallCalendar) -> str | None:
    """Return the address of a calendar, None if it can't be decrypted or the calendar is gone."""
    try:
        return calendar.url
    except (SecretUnreadable, OnCallCalendar.DoesNotExist):
        return None


def _refresh(calendar: OnCallCalendar, url: str | None, now: datetime) -> bool:
    if url is None:
        words = "Its address was encrypted with a SECRET_KEY that is no longer known. Enter it again."
        return _note_failure(calendar, url, words, now)
    try:
        is_whole = now - calendar.imported_at >= READ_WHOLE_EVERY or calendar.failures > 0
        validators = {} if is_whole else {"etag": calendar.etag, "last_modified": calendar.last_modified}
        fetched = fetch_calendar(url, **validators)
        found = (
            None if fetched.data is None else preview_calendar(schedule=calendar.schedule, data=fetched.data, now=now)
        )
        _take(calendar, url, fetched, found, now)
    except (CalendarUnreachable, CalendarInvalid) as error:
        return _note_failure(calendar, url, str(error), now)
    return True


@transaction.atomic
def _take(calendar: OnCallCalendar, url: str, fetched: Fetched, found: Import | None, now: datetime) -> None:
    """Write what an address answered, unless the calendar was taken out or moved to another address meanwhile."""
    row = _lock_unmoved(calendar, url)
    if row is None:
        return
    if found is not None:
        take_shifts(calendar=row, found=found, author_name=row.imported_by_name, now=now)
        row.etag, row.last_modified = fetched.etag, fetched.last_modified
    _note_answer(row, now)
    row.save(update_fields=["etag", "last_modified", *_STANDING])


_STANDING = ["tried_at", "answered_at", "failures", "failing_since", "last_error"]


def _note_answer(row: OnCallCalendar, now: datetime) -> None:
    row.tried_at = row.answered_at = now
    row.failures, row.failing_since, row.last_error = 0, None, ""


@transaction.atomic
def _note_failure(calendar: OnCallCalendar, url: str | None, why: str, now: datetime) -> bool:
    """Note why an address could not be read, unless the calendar was taken out or moved to another one meanwhile; return False."""
    logger.warning("calendar %s can't be read: %s", calendar.pk, why)
    row = _lock_unmoved(calendar, url)
    if row is not None:
        row.tried_at, row.failures = now, row.failures + 1
        row.failing_since, row.last_error = row.failing_since or now, why[:1000]
        row.save(update_fields=_STANDING)
    return False


def _lock_unmoved(calendar: OnCallCalendar, url: str | None) -> OnCallCalendar | None:
    """Return a calendar as it is under its schedule's lock, in the caller's transaction; None if it is not at that address any more."""
    row = lock_calendar(calendar)
    return row if row is not None and _read_url(row) == url else None


def _find_errors(calendar: OnCallCalendar, name: str) -> dict[str, str]:
    """Return what speaks against a calendar under a name, by field, in words, whether it is there or to be added."""
    others = calendar.schedule.calendars.exclude(pk=calendar.pk)
    if calendar._state.adding and others.exclude(host="").count() >= MAX_SUBSCRIPTIONS:
        return {"name": f"A schedule can read {MAX_SUBSCRIPTIONS} addresses at most."}
    try:
        is_taken = others.filter(name=check_name(name)).exists()
    except CalendarInvalid as error:
        return {"name": str(error)}
    return {"name": "There is a calendar of this name already. Choose another name."} if is_taken else {}


def _fetch_new(schedule: OnCallSchedule, url: str, errors: dict[str, str], now: datetime) -> Answered:
    """Return what an address answers now; raise SubscriptionInvalid, also for errors there were before."""
    try:
        address, host = tidy_address(url, allow_http=is_private_allowed())
    except CalendarAddressInvalid as error:
        raise SubscriptionInvalid({**errors, "url": str(error)}) from error
    if errors:
        raise SubscriptionInvalid(errors)
    _take_fetch(schedule, now)
    try:
        return Answered(address, host, fetch_calendar(address))
    except CalendarUnreachable as error:
        raise SubscriptionInvalid({"url": str(error)}) from error


@transaction.atomic
def _take_fetch(schedule: OnCallSchedule, now: datetime) -> None:
    if wait := take_use(Ration(f"calendar-fetch:{schedule.pk}", FETCHES, FETCHES_WINDOW), now=now):
        raise SubscriptionInvalid(
            {
                "url": f"The calendars of this schedule were fetched {FETCHES} times in the last hour. "
                f"Try again in {describe_seconds(wait.total_seconds())}."
            }
        )


def _keep(
    calendar: OnCallCalendar, name: str, answered: Answered, by: Actor, now: datetime
) -> tuple[OnCallCalendar, Import]:
    try:
        return _keep_at_once(calendar, name, answered, by, now)
    except CalendarInvalid as error:
        raise SubscriptionInvalid({"url": str(error)}) from error


@transaction.atomic
def _keep_at_once(
    calendar: OnCallCalendar, name: str, answered: Answered, by: Actor, now: datetime
) -> tuple[OnCallCalendar, Import]:
    row = _lock(calendar, name)
    found = preview_calendar(schedule=row.schedule, data=answered.fetched.data or b"", now=now)
    row.name, row.url, row.host = check_name(name), answered.address, answered.host
    row.etag, row.last_modified = answered.fetched.etag, answered.fetched.last_modified
    _note_answer(row, now)
    row.save()
    take_shifts(calendar=row, found=found, author_name=by.name, now=now)
    return row, found


@transaction.atomic
def _rename(calendar: OnCallCalendar, name: str) -> OnCallCalendar:
    row = _lock(calendar, name)
    row.name = check_name(name)
    row.save(update_fields=["name"])
    return row


def _lock(calendar: OnCallCalendar, name: str) -> OnCallCalendar:
    """Return a calendar as it is under the schedule's lock, in the caller's transaction; raise SubscriptionInvalid if it can't be.

    An address takes a while to answer: what was true before may not be any more.
    """
    try:
        lock_schedule(calendar.schedule)
        row = calendar if calendar._state.adding else OnCallCalendar.objects.select_for_update().get(pk=calendar.pk)
    except OnCallSchedule.DoesNotExist as error:
        raise SubscriptionInvalid({"name": "The schedule was deleted meanwhile."}) from error
    except OnCallCalendar.DoesNotExist as error:
        raise SubscriptionInvalid({"name": "The calendar was taken out meanwhile. Subscribe to it again."}) from error
    if errors := _find_errors(row, name):
        raise SubscriptionInvalid(errors)
    return row
