"""The shipped policies: exactly the channels and times of the product's table, and nobody's edits undone."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from alerts.models import Channel, Policy, Rule
from alerts.services.builtin import install_rules
from alerts.services.builtin_policies import install_policies
from config.deliveries.models import Delivery
from tests.support.alerts import evaluate, tell
from tests.support.metrics import NOW
from tests.support.uptime import DOWN, find, make_check

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _installed() -> None:
    install_rules()
    assert install_policies() == 3


def test_policies__fresh__have_exactly_these_channels_and_times() -> None:
    found = {}
    for rule in Rule.objects.exclude(policy=None).select_related("policy"):
        assert rule.policy is not None
        tells, waits, escalates = rule.policy.steps.all()
        kinds = sorted(channel.kind for channel in tells.channels.all())
        assert [channel.name for channel in escalates.channels.all()] == ["Escalation"]
        found[rule.builtin_key] = (rule.severity, kinds, waits.seconds)
    assert found == {
        "error-rate-warning": ("warning", ["email", "slack"], 600),
        "error-rate-critical": ("critical", ["email", "slack", "sms"], 300),
        "server-down": ("critical", ["email", "phone", "slack", "sms"], 120),
        "too-slow-critical": ("critical", ["email", "phone", "slack", "sms"], 120),
    }


def test_policies__installed_again__change_nothing() -> None:
    policy = Policy.objects.get(builtin_key="server-down")
    policy.steps.first().channels.clear()  # type: ignore[union-attr]
    Rule.objects.filter(builtin_key="server-down").update(policy=None)
    assert install_policies() == 0
    assert (Channel.objects.count(), Rule.objects.get(builtin_key="server-down").policy) == (5, None)


def test_policies__channels_without_an_account__rest() -> None:
    assert set(Channel.objects.filter(enabled=False).values_list("kind", flat=True)) == {"slack", "sms", "phone"}


def test_server_down__nobody_acknowledges__escalates_after_two_minutes(django_user_model: type) -> None:
    django_user_model.objects.create_superuser("root", email="root@example.com")  # type: ignore[attr-defined]
    Channel.objects.filter(name="Escalation").update(address="boss@example.com")
    with time_machine.travel(NOW + timedelta(minutes=9), tick=False):
        find(make_check(name="Login page", retries=0), DOWN)
        evaluate(1)
    tell(31)
    for second in range(41, 152, 10):
        tell(second)
    sent = Delivery.objects.order_by("pk").values_list("recipient", flat=True)
    assert list(sent) == ["root@example.com", "boss@example.com"]


def test_home__shipped_channels_without_an_account__named_until_they_are_on(admin_client: Client) -> None:
    page = reverse("admin:index")
    words = "name “Chat”, “SMS”, “Telephone”: switched off, so nobody is reached that way"
    assert words in admin_client.get(page).content.decode()
    policies = admin_client.get(reverse("admin:alerts_policy_changelist")).content.decode()
    assert "Tell Administrators, Chat (switched off), SMS (switched off), Telephone (switched off)" in policies
    Channel.objects.update(enabled=True)
    assert "Every channel that an escalation policy names is switched on." in admin_client.get(page).content.decode()


def test_rules__new_one_comes_with_an_update__gets_the_policy_that_is_there() -> None:
    Rule.objects.filter(builtin_key="too-slow-critical").delete()
    Rule.objects.filter(builtin_key="server-down").update(policy=None)
    install_rules()
    assert install_policies() == 0
    policies = dict(Rule.objects.filter(name__startswith="Server").values_list("builtin_key", "policy__builtin_key"))
    assert policies == {"too-slow-critical": "server-down", "server-down": None}
