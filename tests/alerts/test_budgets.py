"""One application's share of an evaluation: rules take turns, nobody else waits, and what waits changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from alerts.budgets import Budget, measure_period, order_rules
from alerts.models import Alert, AlertTransition, EvaluationBacklog, Rule
from alerts.services.evaluating import evaluate_rules
from config.deliveries.models import Delivery
from tests.support.admin import sign_in
from tests.support.alerts import make_rule, moment, report, states, tell
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db

MINUTE = 60


def slow(seconds: float = 2.0) -> Callable[[], float]:
    """Return a clock by which reading and every rule take so many seconds."""
    ticks = count()
    return lambda: next(ticks) * seconds


def evaluate(at: float, *, seconds: float = 2.0) -> None:
    evaluate_rules(now=moment(at), clock=slow(seconds))


def evaluated() -> list[float]:
    """Return when each rule was evaluated last, in seconds after NOW; -1 for never."""
    found = Rule.objects.order_by("pk").values_list("last_evaluated_at", flat=True)
    return [-1 if at is None else (at - moment(0)).total_seconds() for at in found]


def test_budget__reading_took_all_of_it__a_second_is_left_for_judging() -> None:
    budget = Budget(began=0.0, opened=9.0)
    assert [budget.is_spent(at) for at in (9.0, 9.9, 10.0)] == [False, False, True]


@given(seconds=st.floats(0.01, 20), number=st.integers(1, 30), turns=st.integers(1, 40))
def test_order__any_rules_that_take_any_time__none_waits_longer_than_one_round(
    seconds: float, number: int, turns: int
) -> None:
    judged: dict[int, float] = {}
    fit = max(1, int(5 // seconds))
    for turn in range(1, turns + 1):
        for rule_id in order_rules(range(1, number + 1), judged)[:fit]:
            judged[rule_id] = float(turn)
    rounds = -(-number // fit)
    assert all(judged.get(rule_id, 0.0) > turns - rounds for rule_id in range(1, number + 1) if turns >= rounds)


def test_period__longest_of_those_judged_now__others_do_not_count() -> None:
    assert measure_period([1, 2, 9], {1: 10.0, 2: 25.0, 3: 0.0}, now=40.0) == 30.0
    assert measure_period([9], {}, now=40.0) is None


def test_evaluate__rules_take_longer_than_their_share__each_has_its_turn() -> None:
    application = make_application()
    report(application, 3)
    for number in range(5):
        make_rule(name=f"Load {number}", application_id=application.pk)
    seen = []
    for second in (0, 15, 30):
        evaluate(second)
        seen.append(evaluated())
    # Reading takes 2 s of 5, so there is time to begin two rules.
    assert seen == [[0, 0, -1, -1, -1], [0, 0, 15, 15, -1], [30, 0, 15, 15, 30]]
    assert EvaluationBacklog.objects.get().words == "evaluated every 30 s: its rules take longer than 5 s together"
    assert len(states()) == 5


def test_evaluate__one_application_takes_too_long__others_are_judged_every_time() -> None:
    first, second = make_application(name="First"), make_application(name="Second")
    for number in range(4):
        make_rule(name=f"Slow {number}", application_id=first.pk)
    rule = make_rule(name="Quick", application_id=second.pk)
    report(second, 3)
    for at in (0, 15, 30):
        evaluate(at)
        rule.refresh_from_db()
        assert rule.last_evaluated_at == moment(at)
    assert Alert.objects.get().state == "firing"
    assert list(EvaluationBacklog.objects.values_list("application__name", flat=True)) == ["First"]


def test_evaluate__fast_again__judged_at_once_and_the_backlog_is_gone() -> None:
    application = make_application()
    for number in range(4):
        make_rule(name=f"Load {number}", application_id=application.pk)
    evaluate(0)
    assert EvaluationBacklog.objects.count() == 1
    evaluate(15, seconds=0.1)
    assert (EvaluationBacklog.objects.count(), evaluated()) == (0, [15.0] * 4)


def test_evaluate__alert_of_a_rule_that_waits__neither_resolved_nor_missing() -> None:
    application = make_application()
    report(application, 3)
    rules = [
        make_rule(name=f"Load {number}", application_id=application.pk, no_data_after_seconds=60) for number in range(3)
    ]
    evaluate(0, seconds=0.1)
    assert states() == ["firing"] * 3
    waiting = Alert.objects.get(rule=rules[2])
    report(application, 0, at=1)
    evaluate(15)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.no_data_since, waiting.last_seen_at) == ("firing", None, moment(0))
    assert AlertTransition.objects.filter(alert=waiting).count() == 1
    evaluate(30)
    waiting.refresh_from_db()
    assert waiting.state == "resolved"


def make_patient_rules() -> list[Rule]:
    """Return six rules of an application that reports all the time; two of them are judged in each evaluation."""
    application = make_application()
    for at in range(0, 90 * MINUTE, 4 * MINUTE):
        report(application, 3, at=at)
    return [make_rule(name=f"Load {number}", application_id=application.pk, for_seconds=600) for number in range(6)]


def test_evaluate__each_rule_judged_every_fifteen_minutes__alerts_fire_all_the_same() -> None:
    make_patient_rules()
    for minute in (0, 5, 10):
        evaluate(minute * MINUTE)
    assert states() == ["pending"] * 6
    for minute in (15, 20, 25):
        evaluate(minute * MINUTE)
    assert states() == ["firing"] * 6


def test_evaluate__nobody_evaluated_while_rules_waited__each_of_them_begins_anew() -> None:
    make_patient_rules()
    for minute in (0, 5, 10, 40, 45, 50):
        evaluate(minute * MINUTE)
    began = Alert.objects.order_by("rule").values_list("state", "active_since")
    assert list(began) == [("pending", moment(minute * MINUTE)) for minute in (40, 40, 45, 45, 50, 50)]


def test_evaluate__rule_failed_in_its_turn__its_alert_begins_anew() -> None:
    rules = make_patient_rules()
    for minute in (0, 5, 10):
        evaluate(minute * MINUTE)
    Rule.objects.filter(pk=rules[0].pk).update(condition="nonsense(")
    evaluate(15 * MINUTE)
    Rule.objects.filter(pk=rules[0].pk).update(condition="load > 1")
    for minute in (20, 25, 30):
        evaluate(minute * MINUTE)
    assert states() == ["pending", *["firing"] * 5]
    assert Alert.objects.get(rule=rules[0]).active_since == moment(30 * MINUTE)


def test_evaluate__broken_rule_that_waits_in_one_application__stays_broken() -> None:
    first = make_application(name="First")
    make_application(name="Second")
    for number in range(2):
        make_rule(name=f"Own {number}", application_id=first.pk)
    broken = make_rule(name="Of all")
    Rule.objects.filter(pk=broken.pk).update(condition="nonsense(")
    evaluate(0, seconds=0.1)
    since = Rule.objects.get(pk=broken.pk).failing_since
    Rule.objects.filter(pk=broken.pk).update(condition="load > 1")
    # It waits in the first application, and works in the second.
    evaluate(15)
    broken.refresh_from_db()
    assert (broken.last_error != "", broken.failing_since, broken.last_evaluated_at) == (True, since, moment(15))
    evaluate(30)
    evaluate(45, seconds=0.1)
    broken.refresh_from_db()
    assert (broken.last_error, broken.failing_since) == ("", None)


@pytest.mark.parametrize(("place", "seen"), [(0, [True, True, False, False]), (1, [False, True, True, False])])
def test_evaluate__rule_that_fails_in_one_application_and_waits_in_another__says_so_while_it_is_so(
    monkeypatch: pytest.MonkeyPatch, place: int, seen: list[bool]
) -> None:
    applications = [make_application(), make_application()]
    for number in range(3):
        make_rule(name=f"Own {number}", application_id=applications[1].pk)
    rule = make_rule("load > 100", name="Of all")
    monkeypatch.setattr("alerts.services.evaluating.MAX_ALERTS_PER_RULE", 0)
    report(applications[place], 200)
    found = []
    for second in (0, 15, 30, 45):
        # In the slow one it is judged at 15 and 45.
        if second == 30:
            report(applications[place], 0, at=second)
        evaluate(second)
        rule.refresh_from_db()
        assert (rule.failing_since is not None) == (rule.last_error != "")
        found.append(rule.last_error != "")
    assert found == seen


def test_slow__for_two_minutes__owners_are_told_once() -> None:
    application = make_application(name="Acme")
    owner = get_user_model().objects.create_user("ada", email="ada@example.com")
    for number in range(4):
        rule = make_rule(name=f"Load {number}", application_id=application.pk)
        Rule.objects.filter(pk=rule.pk).update(owner=owner)
    for second in range(0, 300, 15):
        evaluate(second)
        tell(second)
    mail = Delivery.objects.get()
    assert (mail.recipient, "are evaluated less often" in mail.subject) == ("ada@example.com", True)
    assert "evaluated every 30 s: its rules take longer than 5 s together" in mail.text


def test_slow__rule_of_all_applications__counts_with_the_time_that_it_took_in_this_one() -> None:
    get_user_model().objects.create_superuser("root", email="root@example.com")
    application = make_application()
    for number in range(4):
        make_rule(name=f"Load {number}", application_id=application.pk)
    make_rule(name="Of all")
    for _ in range(3):
        make_application()
    for second in range(0, 135, 15):
        evaluate(second)
    tell(120)
    text = Delivery.objects.get().text
    assert [line for line in text.splitlines() if "2.00 s" in line or "Of all" in line] == [
        *(f"Load {number}: 2.00 s" for number in range(4)),
        "Of all: 2.00 s",
    ]


def test_slow__nobody_owns_its_rules__administrators_are_told() -> None:
    get_user_model().objects.create_superuser("root", email="root@example.com")
    application = make_application()
    for number in range(4):
        make_rule(name=f"Load {number}", application_id=application.pk)
    for second in (0, 120):
        evaluate(second)
        tell(second)
    assert list(Delivery.objects.values_list("recipient", flat=True)) == ["root@example.com"]


def test_rules_page__application_with_a_backlog__said_in_words(client: Client) -> None:
    application = make_application(name="Acme")
    for number in range(4):
        make_rule(name=f"Load {number}", application_id=application.pk)
    for second in (0, 15, 30):
        evaluate(second)
    sign_in(client, "alerts.view_rule")
    page = client.get(reverse("admin:alerts_rule_changelist")).content.decode()
    assert "evaluated every 30 s: its rules take longer than 5 s together" in page
