"""What time does to reports: the errors they are about arrive, and old reports go."""

from __future__ import annotations

from datetime import datetime, timedelta

from config.settings import OPTION
from monitoring.errors.selectors import find_group_ids
from monitoring.user_reports.models import UserReport

SOUGHT_FOR = timedelta(hours=6)
"""An error that did not arrive so long after what was said about it will not come any more."""

AT_ONCE = 500


def match_reports(*, now: datetime) -> int:
    """Find the errors of reports that came before them; return how many were found."""
    waiting = UserReport.objects.filter(group_id=None, event_id__isnull=False, received_at__gt=now - SOUGHT_FOR)
    rows = list(waiting.order_by("-received_at")[:AT_ONCE])
    groups = find_group_ids((row.application_id, row.event_id) for row in rows if row.event_id is not None)
    found = [row for row in rows if row.event_id is not None and (row.application_id, row.event_id) in groups]
    for row in found:
        assert row.event_id is not None
        row.group_id = groups[row.application_id, row.event_id]
    UserReport.objects.bulk_update(found, ["group_id"])
    return len(found)


def prune_reports(*, now: datetime) -> int:
    """Remove what was said longer ago than is kept; return how many reports went."""
    horizon = now - timedelta(days=int(OPTION["USER_REPORT_RETENTION_DAYS"]))
    removed, _ = UserReport.objects.filter(received_at__lt=horizon).delete()
    return removed
