"""Incidents in the room's own words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Case, Q, Value, When

from incidents.enums import OPEN_STATUSES, IncidentStatus

if TYPE_CHECKING:
    from incidents.models import Incident  # noqa: F401  (the type of the rows)


class IncidentQuerySet(models.QuerySet["Incident"]):
    """Incidents."""

    def open(self) -> IncidentQuerySet:
        """Declared or acknowledged: somebody has something to do."""
        return self.filter(status__in=OPEN_STATUSES)

    def due(self, now: datetime) -> IncidentQuerySet:
        """A clock of theirs has to be looked at."""
        return self.filter(due_at__lte=now)

    def late(self, now: datetime) -> IncidentQuerySet:
        """A running clock of theirs is over."""
        unanswered = Q(status=IncidentStatus.DECLARED, respond_by__lt=now)
        return self.filter(unanswered | Q(status__in=OPEN_STATUSES, resolve_by__lt=now))

    def by_need(self) -> IncidentQuerySet:
        """What needs somebody most first: nobody's before somebody's before those that are over, worst, newest."""
        return self.annotate(
            need=Case(
                When(status=IncidentStatus.DECLARED, then=Value(0)),
                When(status=IncidentStatus.ACKNOWLEDGED, then=Value(1)),
                default=Value(2),
                output_field=models.SmallIntegerField(),
            ),
            # Among those that are over, only time counts.
            urgency=Case(
                When(status__in=OPEN_STATUSES, then="level"), default=Value(""), output_field=models.CharField()
            ),
        ).order_by("need", "urgency", "-number")
