"""The noise report: counts by rule and recipient, the night in the site's zone, advice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts.models import Alert, AlertGroup, Hold, Notice
from alerts.noise import NoisyRule, list_disturbed, list_noisy_rules
from config.deliveries.models import Delivery
from tests.support.alerts import make_alert, make_rule
from tests.support.metrics import NOW, make_application

pytestmark = pytest.mark.django_db


def tell_of(alert: Alert, *, hour: int = 12, number: int = 1, at: datetime | None = None) -> None:
    """Have a message about an alert go to ops@example.com at an hour of the day, or at a time."""
    at = at or NOW.replace(hour=hour)
    group = AlertGroup.objects.create(
        key=f"{alert.pk}-{number}", destination="default", opened_at=at, due_at=at, look_at=at
    )
    notice = Notice.objects.create(group=group, number=1, at=at, reason="first notification", firing=[alert.pk])
    Delivery.objects.create(
        channel="email",
        recipient="ops@example.com",
        idempotency_key=f"{group.pk}",
        source="notice",
        source_id=str(notice.pk),
        created_at=at,
    )


def test_rules__fired_told_at_night_flapped_and_ignored__counted_each() -> None:
    application, rule = make_application(), make_rule(name="Load")
    night, day = make_alert(application, rule=rule), make_alert(application, rule=rule, acknowledged_at=NOW)
    make_alert(application, rule=rule, fired_at=NOW - timedelta(days=30))
    tell_of(night, hour=3)
    tell_of(day, hour=12)
    tell_of(day, hour=13, number=2)
    Hold.objects.create(alert=night, kind="flapping", text="It began often.", began_at=NOW)
    (found,) = list_noisy_rules(since=NOW - timedelta(days=7))
    assert (found.name, found.fired, found.messages, found.at_night, found.flapping, found.ignored) == (
        "Load",
        2,
        3,
        1,
        1,
        1,
    )


def test_recipients__messages_of_days_and_nights__counted() -> None:
    alert = make_alert(make_application())
    tell_of(alert, hour=23)
    tell_of(alert, hour=12, number=2)
    (found,) = list_disturbed(since=NOW - timedelta(days=7))
    assert (found.recipient, found.messages, found.at_night, found.days) == ("ops@example.com", 2, 1, 1)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"flapping": 3}, "Flutters"),
        ({"short": 4}, "Mostly over within 5 min"),
        ({"ignored": 6}, "Nobody ever acknowledged"),
        ({}, ""),
    ],
)
def test_advice__what_stands_out__is_said(counts: dict[str, int], words: str) -> None:
    usual = {"fired": 6, "at_night": 0, "flapping": 0, "ignored": 1, "short": 0, "messages": 6}
    advice = NoisyRule(rule_id=1, name="Load", severity="warning", **{**usual, **counts}).advice
    assert advice.startswith(words)
    assert bool(advice) is bool(words)


def test_page__nothing_fired__says_so_and_what_next(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:alerts_noise"), {"range": "nonsense"}).content.decode()
    assert "No alert fired in 7 days." in page
    assert reverse("admin:alerts_rule_changelist") in page


def test_page__messages_went_out__counted(admin_client: Client) -> None:
    alert = make_alert(make_application(), fired_at=timezone.now())
    tell_of(alert, at=timezone.now())
    page = admin_client.get(reverse("admin:alerts_noise")).content.decode()
    assert "1 message," in page
    assert "ops@example.com" in page
