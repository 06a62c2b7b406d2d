"""What this room knows about things of other rooms."""

from __future__ import annotations

from alerts.enums import AlertState
from alerts.selectors import list_alerts_of_issue
from config.related import Related, relates


@relates("error_issue", name="alerts", permission="alerts.view_alert")
def find_alerts_of_issue(application_id: int, pk: int) -> list[Related]:
    """Return the newest alerts whose labels name the issue."""
    return [
        Related(
            kind="Alert",
            title=alert.summary,
            url=alert.get_absolute_url(),
            state=str(AlertState(alert.state).label),
            tone=AlertState(alert.state).tone,
            at=alert.fired_at or alert.active_since,
        )
        for alert in list_alerts_of_issue(application_id=application_id, issue_id=pk)
    ]
