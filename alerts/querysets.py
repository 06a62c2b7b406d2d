"""Rules, channels and alerts in domain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Case, Value, When

from alerts.enums import OPEN_STATES, AlertState, Severity

if TYPE_CHECKING:
    from alerts.models import Alert, Channel, Rule  # noqa: F401  (named in the strings below)


class ChannelQuerySet(models.QuerySet["Channel"]):
    """Channels."""

    def enabled(self) -> ChannelQuerySet:
        """Channels that rules may use."""
        return self.filter(enabled=True)


class RuleQuerySet(models.QuerySet["Rule"]):
    """Rules."""

    def enabled(self) -> RuleQuerySet:
        """Rules that are evaluated."""
        return self.filter(enabled=True)

    def builtin(self) -> RuleQuerySet:
        """Rules that came with the product."""
        return self.exclude(builtin_key="")

    def for_application(self, application_id: int) -> RuleQuerySet:
        """Rules that judge this application: its own and those of all applications."""
        return self.filter(models.Q(application=None) | models.Q(application_id=application_id))


class AlertQuerySet(models.QuerySet["Alert"]):
    """Alerts."""

    def open(self) -> AlertQuerySet:
        """Pending or firing."""
        return self.filter(state__in=OPEN_STATES)

    def firing(self) -> AlertQuerySet:
        """Firing, acknowledged or not."""
        return self.filter(state=AlertState.FIRING)

    def unacknowledged(self) -> AlertQuerySet:
        """Nobody has said yet that they look after them."""
        return self.filter(acknowledged_at=None)

    def by_need(self) -> AlertQuerySet:
        """What needs someone most first: firing before pending before ended, nobody's before somebody's, worst, newest."""
        return self.annotate(
            need=Case(
                When(state=AlertState.FIRING, acknowledged_at=None, then=Value(3)),
                When(state=AlertState.FIRING, then=Value(2)),
                When(state=AlertState.PENDING, then=Value(1)),
                default=Value(0),
                output_field=models.SmallIntegerField(),
            ),
            severity_rank=Case(
                *(When(severity=severity, then=Value(rank)) for rank, severity in enumerate(Severity)),
                default=Value(0),
                output_field=models.SmallIntegerField(),
            ),
        ).order_by("-need", "-severity_rank", "-id")
