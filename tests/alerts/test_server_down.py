"""The built-in rule “Server down” over what checks record: one alert for one outage, one mail each way, saying what and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from alerts.builtin import BUILTIN_RULES
from alerts.models import Alert, Rule
from alerts.services.builtin import install_rules
from config.deliveries.models import Delivery
from monitoring.uptime.drafts import MAX_TIMEOUT_SECONDS
from monitoring.uptime.judgement import Finding
from monitoring.uptime.models import Check
from monitoring.uptime.services.checks import pause_check
from monitoring.uptime.services.recording import record_states
from tests.support.alerts import evaluate, make_channel, moment, tell
from tests.support.metrics import NOW
from tests.support.uptime import DOWN, UP, find, make_check

pytestmark = pytest.mark.django_db
SLOW = Finding(False, "No whole answer came in time.")


@pytest.fixture(autouse=True)
def _rules() -> Iterator[None]:
    """Only this rule, and someone who is told."""
    make_channel(is_default=True)
    install_rules()
    Rule.objects.exclude(builtin_key="server-down").update(enabled=False)
    with time_machine.travel(NOW + timedelta(minutes=9), tick=False):
        yield


def alerts() -> list[tuple[str, str]]:
    """Return state and severity of every alert."""
    return list(Alert.objects.order_by("pk").values_list("state", "severity"))


@pytest.mark.parametrize("finding", [DOWN, SLOW])
def test_server_down__no_answer_or_slower_than_30_s__critical_with_what_and_why(finding: Finding) -> None:
    check = make_check(name="Login page", retries=1)
    find(check, UP)
    find(check, finding, at=60)
    evaluate(61)
    assert alerts() == []
    find(check, finding, at=75)
    evaluate(76)

    tell(106)
    assert alerts() == [("firing", "critical")]
    (mail,) = Delivery.objects.all()
    assert mail.subject == "Critical: Login page is down"
    assert finding.reason in mail.text
    assert "https://erp.example.com/health" in mail.text


def test_server_down__alert__stands_on_the_page_of_its_check(admin_client: Client) -> None:
    check = make_check(name="Login page", retries=0)
    find(check, DOWN)
    evaluate(1)

    page = admin_client.get(reverse("admin:monitoring_check_case", args=[check.pk])).content.decode()
    assert f'href="{Alert.objects.get().get_absolute_url()}">Login page is down</a>' in page


def test_server_down__up_again__resolved() -> None:
    check = make_check(name="Login page", retries=0)
    find(check, DOWN)
    evaluate(1)
    tell(31)
    find(check, UP, at=60)
    evaluate(61)
    tell(331)

    assert alerts() == [("resolved", "critical")]
    assert Delivery.objects.order_by("pk").last().subject == "Resolved after 1 min: Login page is down"


def test_server_down__reason_and_name_change_meanwhile__one_alert() -> None:
    check = make_check(retries=0)
    find(check, DOWN)
    evaluate(1)
    Check.objects.filter(pk=check.pk).update(name="Other")
    find(check, SLOW, at=60)
    evaluate(61)

    assert alerts() == [("firing", "critical")]


def test_server_down__looks_rarely__fires_until_the_next_look() -> None:
    check = make_check(retries=0, interval_seconds=3600)
    find(check, DOWN)
    evaluate(1)
    for minute in range(1, 9):
        record_states(now=moment(60 * minute))
    evaluate(500)

    assert alerts() == [("firing", "critical")]


def test_server_down__nobody_looks_any_more__stays() -> None:
    find(make_check(retries=0), DOWN)
    evaluate(1)
    with time_machine.travel(NOW + timedelta(minutes=30), tick=False):
        evaluate(1800)

    assert alerts() == [("firing", "critical")]


def test_server_down__paused__resolved() -> None:
    check = make_check(retries=0)
    find(check, DOWN)
    evaluate(1)
    pause_check(check=check, by="Ada")
    evaluate(541)

    assert alerts() == [("resolved", "critical")]


def test_server_down__shipped__says_down_for_nothing_slower_than_30_s() -> None:
    """The limit of 30 s is the longest timeout that a check may have."""
    (rule,) = [rule for rule in BUILTIN_RULES if rule.key == "server-down"]
    assert (rule.severity, rule.for_seconds, MAX_TIMEOUT_SECONDS) == ("critical", 0, 30)
