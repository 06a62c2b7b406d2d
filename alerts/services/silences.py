"""Silences: begun, ended early, extended."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from alerts.models import Silence
from alerts.silencing import SilenceDraft, SilenceInvalid, check_silence, judge_end
from config.actors import Actor
from config.nudges import Nudge

_turn = Nudge("alerts.tasks.notify", "evaluate")


class SilenceOver(Exception):
    """The silence is over; a new one has to be begun."""


@transaction.atomic
def create_silence(*, draft: SilenceDraft, by: Actor, now: datetime) -> Silence:
    """Begin a silence, now or later; raise SilenceInvalid. Alerts that match tell nobody from its beginning on."""
    check_silence(draft, now=now)
    silence = Silence.objects.create(
        matchers=draft.matchers.strip(),
        application_id=draft.application_id,
        starts_at=max(draft.starts_at, now),
        ends_at=draft.ends_at,
        reason=draft.reason.strip(),
        author_id=by.user_id,
        author_name=by.name[:150],
    )
    _turn.on_commit()
    return silence


@transaction.atomic
def end_silence(*, silence_id: int, by: Actor, now: datetime) -> bool:
    """End a silence now, or take one back that is to come; return False if it is over. What still fires is told."""
    silence = _lock(silence_id)
    if silence.ends_at <= now:
        return False
    silence.starts_at, silence.ends_at = min(silence.starts_at, now), now
    silence.ended_by_name = by.name[:150]
    silence.save(update_fields=["starts_at", "ends_at", "ended_by_name"])
    _turn.on_commit()
    return True


@transaction.atomic
def extend_silence(*, silence_id: int, ends_at: datetime, now: datetime) -> Silence:
    """Move a silence's end, to later or sooner; its author stays. Raise SilenceOver or SilenceInvalid."""
    silence = _lock(silence_id)
    if silence.ends_at <= now:
        raise SilenceOver("This silence is over. Begin a new one.")
    if wrong := judge_end(starts_at=silence.starts_at, ends_at=ends_at, now=now):
        raise SilenceInvalid({"ends_at": wrong})
    silence.ends_at = ends_at
    silence.save(update_fields=["ends_at"])
    _turn.on_commit()
    return silence


def _lock(silence_id: int) -> Silence:
    """Return a silence, locked; raise Silence.DoesNotExist."""
    return Silence.objects.select_for_update().get(pk=silence_id)
