"""What this room knows about things of other rooms."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from config.related import Related, relates
from monitoring.performance.admin.parts import VIEW, endpoint_url
from monitoring.performance.attribution import list_endpoints_of

LOOKED_BACK = timedelta(days=7)


@relates("error_issue", name="performance", permission=VIEW)
def find_endpoints_of_issue(application_id: int, pk: int) -> list[Related]:
    """Return the endpoints that the issue's newest events happened in."""
    now = timezone.now()
    found = list_endpoints_of(issue_id=pk, application_id=application_id, since=now - LOOKED_BACK)
    return [
        Related(kind="Endpoint", title=str(one), url=endpoint_url(one), state="It happens here", tone="info", at=now)
        for one in found
    ]
