"""What may be done so often only: codes, tests, buttons of links. Counted in rows that outlive whatever it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from alerts.models import CountedUse

_LOCK_CLASS = 0x75736573  # of the advisory locks on the uses of one name


@dataclass(frozen=True, slots=True)
class Ration:
    """At most `count` uses of a name in any `window`."""

    name: str
    count: int
    window: timedelta


def take_use(*rations: Ration, now: datetime) -> timedelta | None:
    """Count one use against each ration; return None, or after how long there is one again, and then nothing was counted.

    Needs the caller's transaction: uses of one name wait for each other until it ends, and if it fails, nothing was used.
    """
    ordered = sorted(rations, key=lambda each: each.name)
    with connection.cursor() as cursor:
        for ration in ordered:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_CLASS, ration.name])
    waits = [wait for ration in ordered if (wait := _find_wait(ration, now))]
    if waits:
        return max(waits)
    CountedUse.objects.bulk_create([CountedUse(name=ration.name, at=now) for ration in ordered])
    return None


def list_used(rations: Iterable[Ration], *, now: datetime) -> set[str]:
    """Return the names of those of which no use is left."""
    return {ration.name for ration in rations if _find_wait(ration, now) is not None}


def _find_wait(ration: Ration, now: datetime) -> timedelta | None:
    lately = CountedUse.objects.filter(name=ration.name, at__gt=now - ration.window).order_by("-at")
    # The oldest of those that fill the ration: when it is out of the window, there is room.
    filling = lately.values_list("at", flat=True)[ration.count - 1 : ration.count]
    return next((at + ration.window - now for at in filling), None)
