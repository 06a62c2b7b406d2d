"""Reading the loss account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from django.db.models import Sum

from monitoring.losses.enums import Signal
from monitoring.losses.models import LossAccount

COLUMNS = ("received", "stored", "refused", "limited", "dropped", "sampled", "lost")


@dataclass(frozen=True, slots=True)
class Account:
    """What was sent in an hour and what became of it: received = stored + refused + limited + dropped.

    `sampled` and `lost` were never received: clients report them.
    """

    hour: datetime
    signal: str
    received: int
    stored: int
    refused: int
    limited: int
    dropped: int = 0
    sampled: int = 0
    lost: int = 0


def list_accounts(*, application_id: int, since: datetime, signal: str = "") -> list[Account]:
    """Return an application's accounts, one for each hour and signal, newest first; of all signals or of one."""
    accounts = LossAccount.objects.filter(application_id=application_id, hour__gte=since)
    rows = (
        (accounts.filter(signal=signal) if signal else accounts)
        .values_list("hour", "signal")
        .annotate(*(Sum(column) for column in COLUMNS))
        .order_by("-hour", "signal")
    )
    return [Account(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Total:
    """Sums over several hours."""

    received: int = 0
    stored: int = 0
    refused: int = 0
    limited: int = 0
    dropped: int = 0
    sampled: int = 0
    lost: int = 0

    def __add__(self, other: Total) -> Total:
        return Total(*(getattr(self, column) + getattr(other, column) for column in COLUMNS))


def sum_accounts(*, signal: Signal, now: datetime) -> dict[int, Total]:
    """Return what became of everything each application sent since the year (UTC) began, by application id.

    Hours that can't change any more are read once per process. Every process gets the same sums, so they can be shown as
    counters; they begin anew with the year.
    """
    # An hour is closed for certain once the next one is over too: a request that began in it may commit a little later.
    hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    year = now.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    closed = _sum_closed(signal, year, hour) if hour > year else {}
    fresh = _sum_between(signal, max(hour, year), None)
    return {key: closed.get(key, Total()) + fresh.get(key, Total()) for key in sorted({*closed, *fresh})}


@lru_cache(maxsize=4)
def _sum_closed(signal: Signal, since: datetime, until: datetime) -> Mapping[int, Total]:
    return _sum_between(signal, since, until)


def _sum_between(signal: Signal, since: datetime, until: datetime | None) -> dict[int, Total]:
    accounts = LossAccount.objects.filter(signal=signal, hour__gte=since)
    if until is not None:
        accounts = accounts.filter(hour__lt=until)
    rows = accounts.values_list("application_id").annotate(*(Sum(column) for column in COLUMNS))
    return {row[0]: Total(*row[1:]) for row in rows.order_by()}


def sum_by_signal(*, application_id: int, since: datetime) -> dict[Signal, Total]:
    """Return what became of each kind of thing that an application sent; kinds it never sent are left out."""
    rows = (
        LossAccount.objects.filter(application_id=application_id, hour__gte=since)
        .values_list("signal")
        .annotate(*(Sum(column) for column in COLUMNS))
        .order_by()
    )
    found = {Signal(row[0]): Total(*row[1:]) for row in rows}
    return {signal: found[signal] for signal in Signal if signal in found}
