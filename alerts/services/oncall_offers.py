"""Swaps between people: one offers a time of theirs, another takes it over. Until then nothing changes."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from alerts.enums import OfferState
from alerts.models import OnCallOffer, OnCallSchedule
from alerts.oncall.drafts import MAX_OVERRIDE, ScheduleInvalid
from alerts.rosters import list_shifts
from alerts.services.oncall import MAX_REASON_CHARACTERS, OverrideDraft, add_override
from config.actors import Actor

#: What is read of a schedule at once.
STRETCH = timedelta(days=7)


class OfferGone(Exception):
    """An offer that was taken over, withdrawn or has passed can't be taken over or withdrawn."""


@transaction.atomic
def offer_shift(
    *, schedule: OnCallSchedule, person_id: int, starts_at: datetime, ends_at: datetime, reason: str, now: datetime
) -> OnCallOffer:
    """Offer a time to others; the person stays on call until one takes it. Raises ScheduleInvalid, and stores nothing.

    The time must lie ahead and be within shifts of the person, and not be offered already.
    """
    OnCallSchedule.objects.select_for_update().get(pk=schedule.pk)
    errors: dict[str, str] = {}
    if ends_at <= starts_at:
        errors["ends_at"] = "It must end after it starts."
    elif ends_at - starts_at > MAX_OVERRIDE:
        errors["ends_at"] = f"It is longer than {MAX_OVERRIDE.days} days; change the schedule instead."
    elif starts_at > now + MAX_OVERRIDE:
        errors["starts_at"] = f"It is more than {MAX_OVERRIDE.days} days ahead."
    elif ends_at <= now:
        errors["ends_at"] = "It is over already."
    elif not _has_all(schedule.pk, person_id, max(starts_at, now), ends_at):
        errors["starts_at"] = "You are not on call in all of this time."
    elif _find_open(schedule, person_id).filter(starts_at__lt=ends_at, ends_at__gt=starts_at).exists():
        errors["starts_at"] = "You offer this time, or a part of it, already."
    if len(reason) > MAX_REASON_CHARACTERS or "\x00" in reason:
        errors["reason"] = f"Write at most {MAX_REASON_CHARACTERS} characters, none of them a zero byte."
    if errors:
        raise ScheduleInvalid(errors)
    return OnCallOffer.objects.create(
        schedule=schedule, person_id=person_id, starts_at=starts_at, ends_at=ends_at, reason=reason.strip()
    )


@transaction.atomic
def take_over(*, offer_id: int, person_id: int, by: Actor, now: datetime) -> OnCallOffer:
    """Take an offered time over: a swap is added to the schedule. The first one gets it.

    Raises OfferGone, ScheduleInvalid (it is their own, or their account is off); OnCallOffer.DoesNotExist.
    """
    offer = _lock_open(offer_id, now)
    draft = OverrideDraft(
        starts_at=max(offer.starts_at, now.replace(microsecond=0)),
        ends_at=offer.ends_at,
        people=(person_id,),
        replaces=offer.person_id,
        reason=offer.reason,
    )
    offer.override = add_override(schedule=offer.schedule, draft=draft, by=by)
    offer.state, offer.taken_by_id = OfferState.TAKEN, person_id
    offer.save(update_fields=["override", "state", "taken_by"])
    return offer


@transaction.atomic
def withdraw_offer(*, offer_id: int, now: datetime) -> OnCallOffer:
    """Take an offer back. Raises OfferGone; OnCallOffer.DoesNotExist."""
    offer = _lock_open(offer_id, now)
    offer.state = OfferState.WITHDRAWN
    offer.save(update_fields=["state"])
    return offer


def _lock_open(offer_id: int, now: datetime) -> OnCallOffer:
    offer = OnCallOffer.objects.select_for_update().get(pk=offer_id)
    if offer.state != OfferState.OPEN:
        raise OfferGone(f"This shift was {'taken over' if offer.state == OfferState.TAKEN else 'withdrawn'} meanwhile.")
    if offer.ends_at <= now:
        raise OfferGone("This shift is over.")
    return offer


def _has_all(schedule_id: int, person_id: int, start: datetime, end: datetime) -> bool:
    """Whether a person is on call in all of a time. Asked day by day: the first shift of another is the answer."""
    at = start
    while at < end:
        until = min(at + STRETCH, end)
        for shift in list_shifts(schedule_id, at, until):
            if shift.start > at or person_id not in shift.people:
                return False
            at = shift.end
        if at < until:
            return False
    return True


def _find_open(schedule: OnCallSchedule, person_id: int) -> QuerySet[OnCallOffer]:
    return OnCallOffer.objects.filter(schedule=schedule, person_id=person_id, state=OfferState.OPEN)
