"""Requests by release, for the comparison of releases: does a new one fail more often?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Max, QuerySet, Sum

from monitoring.performance.models import EndpointHour
from monitoring.releases.enums import Reason


class Requests:
    """Requests and those that failed, by release and environment; runs of jobs are left out."""

    reason = Reason.FAILED_REQUESTS

    def list_busy(
        self, *, application_ids: Sequence[int], since: datetime
    ) -> list[tuple[int, str, str, int, datetime]]:
        """Return (application id, version, environment, how many, the newest hour)."""
        rows = (
            _hours(since)
            .filter(application_id__in=application_ids)
            .values_list("application_id", "release", "environment")
            .annotate(found=Sum("count"), newest=Max("hour"))
        )
        return list(rows.order_by())

    def count(self, *, application_id: int, version: str, environment: str, since: datetime) -> tuple[int, int]:
        """Return how many failed, and of how many."""
        hours = _hours(since).filter(application_id=application_id, release=version, environment=environment)
        sums = hours.aggregate(Sum("failed"), Sum("count"))
        return sums["failed__sum"] or 0, sums["count__sum"] or 0


def _hours(since: datetime) -> QuerySet[EndpointHour]:
    return EndpointHour.objects.filter(hour__gte=since).exclude(release="").exclude(endpoint__method="")
