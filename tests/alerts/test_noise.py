"""The noise report: counts by rule and person, the night in the site's zone, advice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alerts import noise
from alerts.models import Alert, AlertGroup, ContactMethod, Hold, Notice
from alerts.noise import Address, Disturbed, NoisyRule, list_disturbed, list_noisy_rules
from config.deliveries.models import Delivery
from tests.support.alerts import make_alert, make_rule
from tests.support.metrics import NOW, make_application
from tests.support.rosters import make_person

pytestmark = pytest.mark.django_db


def tell_of(
    *alerts: Alert,
    hour: int = 12,
    number: int = 1,
    at: datetime | None = None,
    to: tuple[str, ...] = ("ops@example.com",),
) -> None:
    """Have a message about alerts go to addresses at an hour of the day, or at a time."""
    at = at or NOW.replace(hour=hour)
    group = AlertGroup.objects.create(
        key=f"{alerts[0].pk}-{number}", destination="default", opened_at=at, due_at=at, look_at=at
    )
    ids = [alert.pk for alert in alerts]
    notice = Notice.objects.create(group=group, number=1, at=at, reason="first notification", firing=ids)
    for address in to:
        Delivery.objects.create(
            channel="email" if "@" in address else "apprise",
            recipient=address,
            idempotency_key=f"{group.pk} {address}",
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
    (found,) = list_noisy_rules(since=NOW - timedelta(days=7)).rules
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
    (found,) = list_disturbed(since=NOW - timedelta(days=7)).people
    assert found == Disturbed(None, "", (Address("ops@example.com", "email", 2),), 2, 1, 1)


def test_rules__message_to_five_about_two_alerts__five_messages() -> None:
    application, rule = make_application(), make_rule(name="Load")
    alerts = [make_alert(application, rule=rule) for _ in range(2)]
    tell_of(*alerts, to=tuple(f"p{number}@example.com" for number in range(5)))
    (found,) = list_noisy_rules(since=NOW - timedelta(days=7)).rules
    assert (found.fired, found.messages) == (2, 5)


def test_rules__message_held_back__disturbed_nobody() -> None:
    alert = make_alert(make_application())
    tell_of(alert, hour=3)
    Delivery.objects.update(state="suppressed", suppressed_because="quiet hours", finished_at=NOW)
    (found,) = list_noisy_rules(since=NOW - timedelta(days=7)).rules
    assert (found.messages, found.at_night, list_disturbed(since=NOW - timedelta(days=7)).people) == (0, 0, [])


def test_people__several_addresses__one_row_with_the_name_and_days_once() -> None:
    ada = make_person("ada", first_name="Ada", last_name="Lovelace")
    ContactMethod.objects.create(user=ada, kind="sms", address="x", label="+491701234567", verified_at=NOW)
    ContactMethod.objects.create(user=make_person("eve"), kind="email", address="x", label="ada@example.com")
    alert = make_alert(make_application())
    tell_of(alert, hour=23, to=("Ada@example.com", "+491701234567"))
    tell_of(alert, hour=12, number=2, to=("Ada@example.com", "ops@example.com"))
    addresses = (Address("Ada@example.com", "email", 2), Address("+491701234567", "apprise", 1))
    assert list_disturbed(since=NOW - timedelta(days=7)).people == [
        Disturbed(ada.pk, "Ada Lovelace", addresses, 3, 2, 1),
        Disturbed(None, "", (Address("ops@example.com", "email", 1),), 1, 0, 1),
    ]


def test_people__address_of_two_accounts__is_nobodys_alone() -> None:
    make_person("ada", email="team@example.com")
    make_person("ben", email="Team@example.com")
    tell_of(make_alert(make_application()), to=("team@example.com",))
    (found,) = list_disturbed(since=NOW - timedelta(days=7)).people
    assert (found.person_id, found.name) == (None, "")


def test_page__one_person_or_three__same_queries(admin_client: Client) -> None:
    alert = make_alert(make_application(), fired_at=timezone.now())
    admin_client.get(reverse("admin:alerts_noise"))
    counts = []
    for number, names in enumerate([("a",), ("b", "c")]):
        tell_of(alert, at=timezone.now(), number=number, to=tuple(make_person(name).email for name in names))
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(reverse("admin:alerts_noise"))
        counts.append(len(queries))
    assert counts[0] == counts[1]


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


def test_page__more_than_it_lists__totals_of_all_and_how_many_are_shown(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, now = make_application(), timezone.localtime().replace(hour=3) - timedelta(days=1)
    for number, name in enumerate(("Load", "Memory")):
        alert = make_alert(application, rule=make_rule(name=name), fired_at=now)
        tell_of(alert, at=now, number=number, to=tuple(f"p{each}@example.com" for each in range(number + 2)))
    whole = admin_client.get(reverse("admin:alerts_noise")).content.decode()
    monkeypatch.setattr(noise, "SHOWN", 1)
    cut = admin_client.get(reverse("admin:alerts_noise")).content.decode()

    totals = "In 7 days alerts fired 2 times: 5 messages, 5 of them at night; nobody acknowledged 2."
    assert (totals in whole, totals in cut) == (True, True)
    assert ("The noisiest" in whole, "The noisiest 1 of 2." in cut, "The most disturbed 1 of 3." in cut) == (
        False,
        True,
        True,
    )


def test_page__messages_went_out__counted(admin_client: Client) -> None:
    alert = make_alert(make_application(), fired_at=timezone.now())
    tell_of(alert, at=timezone.now())
    page = admin_client.get(reverse("admin:alerts_noise")).content.decode()
    assert "1 message," in page
    assert "ops@example.com" in page
