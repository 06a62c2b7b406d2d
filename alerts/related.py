"""What this room knows about things of other rooms."""

from __future__ import annotations

from alerts.enums import AlertState
from alerts.selectors import list_alerts_about
from config.related import Related, relates
from monitoring.releases.selectors import find_version

VIEW = "alerts.view_alert"


@relates("error_issue", name="alerts", permission=VIEW)
def find_alerts_of_issue(application_id: int, pk: int) -> list[Related]:
    """Return the newest alerts whose labels name the issue."""
    return _describe(application_id, "issue", str(pk))


@relates("endpoint", name="alerts", permission=VIEW)
def find_alerts_of_endpoint(application_id: int, pk: int) -> list[Related]:
    """Return the newest alerts whose labels name the endpoint."""
    return _describe(application_id, "endpoint_id", str(pk))


@relates("statement", name="alerts", permission=VIEW)
def find_alerts_of_statement(application_id: int, pk: int) -> list[Related]:
    """Return the newest alerts whose labels name the database statement."""
    return _describe(application_id, "statement_id", str(pk))


@relates("check", name="alerts", permission=VIEW)
def find_alerts_of_check(application_id: int, pk: int) -> list[Related]:
    """Return the newest alerts whose labels name the uptime check."""
    return _describe(application_id, "check_id", str(pk))


@relates("release", name="alerts", permission=VIEW)
def find_alerts_of_release(application_id: int, pk: int) -> list[Related]:
    """Return the newest alerts whose labels name the release."""
    version = find_version(application_id=application_id, pk=pk)
    return _describe(application_id, "release", version) if version else []


def _describe(application_id: int, label: str, value: str) -> list[Related]:
    return [
        Related(
            kind="Alert",
            title=alert.summary,
            url=alert.get_absolute_url(),
            state=alert.state_words,
            tone=AlertState(alert.state).tone,
            at=alert.fired_at or alert.active_since,
        )
        for alert in list_alerts_about(application_id=application_id, label=label, value=value)
    ]
