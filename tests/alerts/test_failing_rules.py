"""A rule that can't be evaluated: its owner is told, once, and the others go on."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from alerts.models import Rule
from config.deliveries.models import Delivery
from tests.support.alerts import evaluate, make_channel, make_rule, report, states, tell
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db


def break_rule(rule: Rule, **fields: Any) -> None:
    Rule.objects.filter(pk=rule.pk).update(condition="nonsense(", **fields)


def run(until: int, *, start: int = 0) -> None:
    for second in range(start, until + 1, 15):
        evaluate(second)
        tell(second)


def mails() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("pk").values_list("recipient", "subject"))


def test_failing__for_two_minutes__owner_is_told_once_with_the_reason() -> None:
    owner = get_user_model().objects.create_user("ada", email="ada@example.com")
    make_application()
    rule = make_rule(name="Load")
    break_rule(rule, owner=owner)
    run(105)
    assert mails() == []
    run(1800, start=120)
    assert mails() == [("ada@example.com", "The rule “Load” can’t be evaluated")]
    assert "nonsense(" in Delivery.objects.get().text


def test_failing__mended_and_broken_again__told_again() -> None:
    get_user_model().objects.create_superuser("root", email="root@example.com")
    make_application()
    rule = make_rule(name="Load")
    break_rule(rule)
    run(150)
    Rule.objects.filter(pk=rule.pk).update(condition="load > 1")
    run(180, start=165)
    break_rule(rule)
    run(400, start=195)
    assert [to for to, _ in mails()] == ["root@example.com"] * 2


def test_failing__others__are_evaluated_and_told_of() -> None:
    make_channel("ops@example.com", is_default=True)
    broken = make_rule(name="Broken")
    make_rule("load > 1", name="Sound")
    break_rule(broken, owner=get_user_model().objects.create_user("ada", email="ada@example.com"))
    report(make_application(), 3)
    run(150)
    assert states() == ["firing"]
    assert sorted(to for to, _ in mails()) == ["ada@example.com", "ops@example.com"]
