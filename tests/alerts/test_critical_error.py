"""The built-in rule “Critical error”: one alert for one issue and time of quiet, told at once, linked both ways."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from alerts.models import Alert, Rule
from alerts.services.builtin import install_rules
from config.deliveries.models import Delivery
from config.outbox.services import dispatch_due_events
from monitoring.applications.models import Application
from monitoring.errors.models import ErrorIssue
from monitoring.errors.services.critical import install_patterns, record_critical_counts
from tests.support.admin import sign_in
from tests.support.alerts import evaluate, make_channel, moment, tell
from tests.support.errors import make_event, report
from tests.support.metrics import NOW, make_application

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rules() -> None:
    make_channel(is_default=True)
    install_rules()
    install_patterns()
    Rule.objects.exclude(builtin_key="critical-error").update(enabled=False)


def happen(at: float, kind: str = "PDOException") -> None:
    """Have an error arrive, told of by the outbox alone, and the rules asked."""
    with time_machine.travel(moment(at), tick=False):
        application = Application.objects.first() or make_application()
        report(application, make_event(kind, "gone", platform="php"), at=moment(at))
        dispatch_due_events()
        evaluate(at)
        tell(at)


def test_critical_error__happens__one_mail_naming_it(client: Client) -> None:
    happen(0)
    happen(20)
    happen(200)
    (alert,) = Alert.objects.all()
    (mail,) = Delivery.objects.all()
    assert (alert.state, alert.severity) == ("firing", "critical")
    assert mail.subject == "Critical: PDOException: gone"
    assert "Database error" in mail.text
    issue = ErrorIssue.objects.get()
    sign_in(client, "alerts.view_alert", "monitoring.view_errorissue")
    assert issue.get_absolute_url() in client.get(alert.get_absolute_url()).content.decode()
    assert alert.get_absolute_url() in client.get(issue.get_absolute_url()).content.decode()


def test_critical_error__two_issues__two_alerts() -> None:
    happen(0)
    happen(1, "LogicError")
    happen(2, "RuntimeException")
    assert sorted(alert.summary for alert in Alert.objects.all()) == ["PDOException: gone", "RuntimeException: gone"]


def test_critical_error__quiet_for_half_an_hour__is_over_and_the_next_is_told_anew() -> None:
    happen(0)
    for minute in range(1, 40):
        at = 60 * minute
        with time_machine.travel(moment(at), tick=False):
            record_critical_counts(now=moment(at))
            evaluate(at)
    assert [alert.state for alert in Alert.objects.all()] == ["resolved"]
    ended = Alert.objects.get().resolved_at
    assert ended is not None
    assert timedelta(minutes=29) <= ended - NOW <= timedelta(minutes=31)
    happen(41 * 60)
    assert [alert.state for alert in Alert.objects.order_by("pk")] == ["resolved", "firing"]


def test_issue_page__reader_may_not_see_alerts__has_no_link(client: Client) -> None:
    happen(0)
    sign_in(client, "monitoring.view_errorissue")
    page = client.get(ErrorIssue.objects.get().get_absolute_url()).content.decode()
    assert "/admin/alerts/alert/" not in page
