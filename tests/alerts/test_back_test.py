"""Playing a rule over days gone by, before it is saved."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts.drafts import RuleDraft
from alerts.models import Alert, Rule
from alerts.previews import BACK_TESTS, back_test
from monitoring.applications.models import Application
from tests.support.metrics import make_application, store

pytestmark = pytest.mark.django_db


def record(application: Application, *, days: int = 6) -> None:
    """Record a load that is high for an hour every day, in the past `days`."""
    now = timezone.now().replace(second=0, microsecond=0)
    points = []
    for minutes in range(0, days * 1440, 5):
        at = now - timedelta(minutes=minutes)
        points.append(({"__name__": "load", "host": "erp1"}, int(at.timestamp() * 1000), 9.0 if at.hour == 10 else 1.0))
    store(application, points[::-1], now=now)


def test_back_test__high_an_hour_a_day__fired_once_a_day_for_about_an_hour() -> None:
    application = make_application()
    record(application)
    draft = RuleDraft(name="Load", condition="load > 5", for_seconds=600)
    found = back_test(draft=draft, application_id=application.pk, choice="7d", now=timezone.now())
    lengths = {(firing.resolved_at - firing.fired_at) for firing in found.firings if firing.resolved_at}
    assert found.problem == ""
    assert 5 <= len(found.firings) <= 7
    assert all(timedelta(minutes=20) <= length <= timedelta(minutes=60) for length in lengths)
    assert set(found.labels.values()) == {"host=erp1"}


@pytest.mark.parametrize("choice", BACK_TESTS)
def test_back_test__holds_for_long__fires_whatever_the_step(choice: str) -> None:
    application = make_application()
    record(application)
    draft = RuleDraft(name="Load", condition="load > 0.5", for_seconds=3600)
    found = back_test(draft=draft, application_id=application.pk, choice=choice, now=timezone.now())
    assert len(found.firings) == 1


def test_page__played__says_how_often_and_writes_nothing(admin_client: Client) -> None:
    application = make_application()
    record(application)
    form = {"name": "Load", "condition": "load > 5", "severity": "warning", "application": application.pk, "span": "7d"}
    page = admin_client.post(reverse("admin:alerts_rule_back_test"), form).content.decode()
    assert "In the last 7 days it would have fired" in page
    assert "host=erp1" in page
    assert (Rule.objects.filter(name="Load").count(), Alert.objects.count()) == (0, 0)


def test_page__condition_broken__says_what_to_do(admin_client: Client) -> None:
    make_application()
    form = {"name": "Load", "condition": "load >", "severity": "warning", "span": "7d"}
    assert "First fill in a rule" in admin_client.post(reverse("admin:alerts_rule_back_test"), form).content.decode()
