"""Checks in domain words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Case, Q, Value, When

from monitoring.uptime.enums import CheckState

if TYPE_CHECKING:
    from monitoring.uptime.models import Check  # noqa: F401  (named in the string below)


class CheckQuerySet(models.QuerySet["Check"]):
    """Checks."""

    def down(self) -> CheckQuerySet:
        """Those that are down."""
        return self.filter(state=CheckState.DOWN)

    def watched(self) -> CheckQuerySet:
        """Those that say something: all but paused ones and those that were never looked at."""
        return self.filter(state__in=[CheckState.UP, CheckState.PENDING, CheckState.DOWN])

    def due(self, *, now: datetime) -> CheckQuerySet:
        """Those whose time has come and that nobody is looking at."""
        return self.filter(Q(lease_until=None) | Q(lease_until__lt=now), due_at__lte=now)

    def by_need(self) -> CheckQuerySet:
        """What needs someone most first."""
        order = (CheckState.DOWN, CheckState.PENDING, CheckState.MAINTENANCE, CheckState.NEW, CheckState.UP)
        rank = Case(
            *(When(state=state, then=Value(place)) for place, state in enumerate(order)),
            default=Value(len(order)),
            output_field=models.SmallIntegerField(),
        )
        return self.annotate(need=rank).order_by("need", "name", "pk")
