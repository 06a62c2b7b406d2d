"""Evaluations over a real store: what they write, whom they tell, and what goes wrong without harm."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest
from django.db import OperationalError, connection, transaction
from django.test import override_settings

from alerts.enums import AlertState
from alerts.models import Alert, AlertTransition, Notice, Rule, RuleMemory
from alerts.services import evaluating
from alerts.services.alerts import acknowledge_alert
from alerts.services.applying import TRAIL_LENGTH, Outcome, update_values
from alerts.services.guarding import only_one
from alerts.services.rules import draft_of, update_rule
from config.actors import SYSTEM, Actor
from config.deliveries.models import Delivery
from config.outbox.models import Event
from monitoring.metrics import reading
from tests.support.alerts import evaluate, make_channel, make_rule, moment, report, states, tell
from tests.support.meeting import begin_beside
from tests.support.metrics import NOW, make_application, pack

pytestmark = pytest.mark.django_db
ADA = Actor("Ada")


def transitions() -> list[tuple[str, str]]:
    return list(AlertTransition.objects.order_by("pk").values_list("from_state", "to_state"))


def test_evaluate_rules__condition_over_time__pending_firing_resolved_and_told_once_each() -> None:
    application = make_application(name="Acme", environment="production")
    channel = make_channel("ops@example.com")
    make_rule(
        "load > 1",
        name="Load",
        for_seconds=30,
        severity="critical",
        annotations={"summary": "Load of {{ $labels.host }} above 1"},
        channel_ids=(channel.pk,),
    )
    report(application, 3)

    for second in (0, 15, 30, 45):
        evaluate(second)
    tell(60)
    report(application, 0.5, at=60)
    evaluate(75)
    tell(90)
    tell(360)

    alert = Alert.objects.get()
    assert transitions() == [("inactive", "pending"), ("pending", "firing"), ("firing", "resolved")]
    assert (alert.active_since, alert.fired_at, alert.resolved_at) == (moment(0), moment(30), moment(75))
    assert list(Delivery.objects.order_by("pk").values_list("recipient", "subject")) == [
        ("ops@example.com", "Critical: Load of erp1 above 1 for 30 s"),
        ("ops@example.com", "Resolved after 45 s: Load of erp1 above 1"),
    ]
    assert list(Event.objects.order_by("pk").values_list("type", "application_id")) == [
        ("alert.firing", application.pk),
        ("alert.resolved", application.pk),
        ("alert.group_closed", application.pk),
    ]


def test_evaluate_rules__condition_gone_before_for_is_over__nobody_is_told() -> None:
    application = make_application()
    make_channel(is_default=True)
    make_rule(for_seconds=30)
    report(application, 3)

    evaluate(0)
    report(application, 0, at=10)
    evaluate(15)

    assert transitions() == [("inactive", "pending"), ("pending", "inactive")]
    assert Delivery.objects.count() == 0
    assert Event.objects.count() == 0


def test_evaluate_rules__same_moment_twice__nothing_doubled() -> None:
    application = make_application()
    make_channel(is_default=True)
    make_rule()
    report(application, 3)

    first, second = evaluate(0), evaluate(0)

    assert first is not None
    assert second is not None
    assert (first.transitions, second.transitions) == (1, 0)
    tell(30)
    tell(30)
    assert Delivery.objects.count() == 1


def test_evaluate_rules__evaluations_missed_for_minutes__goes_on_where_it_was() -> None:
    application = make_application()
    make_rule(for_seconds=60)
    report(application, 3)
    evaluate(0)

    report(application, 3, at=290)
    evaluate(300)

    assert transitions() == [("inactive", "pending"), ("pending", "firing")]


def test_evaluate_rules__evaluations_missed_for_long__pending_alert_waits_anew() -> None:
    application = make_application()
    make_rule(for_seconds=60)
    report(application, 3)
    evaluate(0)

    report(application, 3, at=3600)
    evaluate(3600)
    evaluate(3630)
    assert states() == ["pending"]
    evaluate(3660)

    assert states() == ["firing"]
    assert Alert.objects.get().fired_at == moment(3660)


def test_evaluate_rules__older_evaluation_than_the_newest__changes_nothing() -> None:
    application = make_application()
    rule = make_rule()
    evaluate(60)
    report(application, 3)

    evaluate(0)

    assert states() == []
    rule.refresh_from_db()
    assert rule.last_evaluated_at == moment(60)


def test_evaluate_rules__several_series_and_applications__an_alert_each() -> None:
    first, second, other = make_application(), make_application(), make_application()
    make_rule("load > 1")
    make_rule("load > 1", application_id=other.pk)
    for application, host in ((first, "a"), (first, "b"), (second, "a"), (other, "a")):
        report(application, 2, host=host)

    evaluate()

    found = Alert.objects.order_by("application_id", "rule_id", "pk").values_list("application_id", "labels__host")
    assert list(found) == [
        (first.pk, "a"),
        (first.pk, "b"),
        (second.pk, "a"),
        (other.pk, "a"),
        (other.pk, "a"),
    ]


def test_evaluate_rules__clear_condition__alert_stays_until_it_holds() -> None:
    application = make_application()
    make_rule("load > 10", clear_condition="load < 5")
    report(application, 12)
    evaluate(0)
    report(application, 7, at=10)
    evaluate(15)
    assert states() == ["firing"]
    assert Alert.objects.get().value == 12

    report(application, 4, at=20)
    evaluate(30)

    assert states() == ["resolved"]


def test_evaluate_rules__series_gone_under_a_clear_condition__alert_stays() -> None:
    application = make_application()
    make_rule("load > 10", clear_condition="load < 5")
    report(application, 12)
    evaluate(0)

    evaluate(900)

    assert states() == ["firing"]


def test_evaluate_rules__keep_firing_for__resolved_when_gone_for_so_long() -> None:
    application = make_application()
    make_rule(keep_firing_for_seconds=30)
    report(application, 3)
    evaluate(0)
    report(application, 0, at=10)

    evaluate(15)
    assert Alert.objects.get().keep_until == moment(45)
    evaluate(30)
    assert states() == ["firing"]
    evaluate(45)

    assert states() == ["resolved"]


def test_evaluate_rules__alert_goes_on__value_and_trail_follow_without_a_transition() -> None:
    application = make_application()
    make_rule()
    report(application, 2)
    evaluate(0)
    Alert.objects.update(trail=[float(number) for number in range(TRAIL_LENGTH - 1)])

    for number in (1, 2):
        report(application, 100 + number, at=number * 15)
        evaluate(number * 15)

    alert = Alert.objects.get()
    assert len(transitions()) == 1
    assert alert.value == 102
    assert alert.trail == [*(float(number) for number in range(1, TRAIL_LENGTH - 1)), 101.0, 102.0]
    assert alert.version == 0


def test_evaluate_rules__broken_rule__says_why_and_stops_no_other() -> None:
    application = make_application()
    broken = make_rule("load > 1")
    Rule.objects.filter(pk=broken.pk).update(condition="nonsense(load)")
    twins = make_rule('{__name__=~"load|lead"} > 1')
    healthy = make_rule("load > 1")
    report(application, 3)
    report(application, 3, name="lead")

    run = evaluate()

    assert run is not None
    assert (run.rules, run.failed) == (3, 2)
    for rule in (broken, twins, healthy):
        rule.refresh_from_db()
    assert "nonsense" in broken.last_error
    assert twins.last_error == (
        "The condition returns two series that differ in nothing but the metric's name: host=erp1."
    )
    assert healthy.last_error == ""
    assert list(Alert.objects.values_list("rule_id", flat=True)) == [healthy.pk]


def test_evaluate_rules__broken_rule_is_mended__its_error_goes() -> None:
    make_application()
    rule = make_rule()
    Rule.objects.filter(pk=rule.pk).update(condition="nonsense(")
    evaluate(0)
    Rule.objects.filter(pk=rule.pk).update(condition="load > 1")

    evaluate(15)

    rule.refresh_from_db()
    assert (rule.last_error, rule.last_evaluated_at) == ("", moment(15))


def test_evaluate_rules__too_many_series__no_alert_and_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "MAX_ALERTS_PER_RULE", 2)
    application = make_application()
    rule = make_rule()
    for host in "abc":
        report(application, 2, host=host)

    evaluate()

    rule.refresh_from_db()
    assert rule.last_error == "The condition returns 3 series; a rule can have 2 alerts."
    assert states() == []


def test_evaluate_rules__one_application_has_too_much_to_read__the_others_are_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crowded, quiet = make_application(), make_application()
    rule = make_rule()
    report(crowded, 3)
    pack()
    report(quiet, 3)
    monkeypatch.setattr(reading, "MAX_SAMPLES", 0)

    evaluate()

    rule.refresh_from_db()
    assert "more than 0 samples" in rule.last_error
    assert list(Alert.objects.values_list("application_id", flat=True)) == [quiet.pk]


def test_evaluate_rules__condition_takes_too_long__says_so_and_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    application = make_application()
    rule = make_rule()
    report(application, 3)
    monkeypatch.setattr(evaluating, "CONDITION_SECONDS", 0.0)

    evaluate()

    rule.refresh_from_db()
    assert "time" in rule.last_error
    assert states() == []


@pytest.mark.parametrize("change", ["condition", "application"])
def test_apply_outcome__rule_edited_since_it_was_judged__changes_nothing(change: str) -> None:
    application, other = make_application(), make_application()
    rule = make_rule()
    report(application, 3)
    storage = evaluating.open_snapshot(application.pk, [rule.condition], NOW)
    outcome = evaluating.judge_rule(rule=rule, application_id=application.pk, storage=storage, alerts={}, now=NOW)

    changes = {"condition": "load > 5"} if change == "condition" else {"application_id": other.pk}
    update_rule(rule=rule, draft=replace(draft_of(rule), **changes), by=SYSTEM)

    assert evaluating.apply_outcome(outcome=outcome, now=NOW) == 0
    assert states() == []


def test_evaluate_rules__secret_of_a_channel_unreadable__others_are_told_and_the_reason_is_kept() -> None:
    application = make_application()
    make_channel("ops@example.com", is_default=True)
    with override_settings(SECRET_KEY="another key that nobody remembers any more"):
        make_channel("https://hooks.example.com/x", name="Hook", kind="webhook", signing_secret="s", is_default=True)
    make_rule()
    report(application, 3)
    evaluate(0)
    tell(30)
    told = Delivery.objects.order_by("pk").values_list("channel", "state")
    assert list(told) == [("email", "queued"), ("webhook", "suppressed")]
    report(application, 0, at=40)
    evaluate(45)
    tell(330)

    assert states() == ["resolved"]
    # Who could not be told of the beginning is not told of the end.
    assert list(told.filter(source_id=Notice.objects.latest("pk").pk)) == [("email", "queued")]
    reason = Delivery.objects.filter(channel="webhook").values_list("suppressed_because", flat=True)[0]
    assert (
        reason
        == "The signing secret of “Hook” was encrypted with a SECRET_KEY that is no longer known. Enter it again."
    )


def test_evaluate_rules__rule_fails_while_its_alert_fires__alert_stays() -> None:
    application = make_application()
    rule = make_rule()
    report(application, 3)
    evaluate(0)
    Rule.objects.filter(pk=rule.pk).update(condition="nonsense(")

    evaluate(15)

    assert states() == ["firing"]


def test_evaluate_rules__rule_switched_off__not_evaluated() -> None:
    application = make_application()
    make_rule(enabled=False)
    report(application, 3)

    run = evaluate()

    assert run is not None
    assert run.rules == 0
    assert states() == []


def test_evaluate_rules__nobody_to_tell__fires_all_the_same() -> None:
    application = make_application()
    make_rule()
    report(application, 3)

    evaluate()
    tell(30)

    assert states() == ["firing"]
    assert Delivery.objects.count() == 0


def test_evaluate_rules__channel_changed_while_firing__the_end_goes_to_those_who_were_told() -> None:
    application = make_application()
    channel = make_channel("first@example.com, second@example.com")
    make_rule(channel_ids=(channel.pk,))
    report(application, 3)
    evaluate(0)
    tell(30)
    channel.address, channel.enabled = "third@example.com", False
    channel.save()

    report(application, 0, at=40)
    evaluate(45)
    tell(330)

    assert list(Delivery.objects.order_by("pk").values_list("recipient", flat=True)) == [
        "first@example.com",
        "second@example.com",
        "first@example.com",
        "second@example.com",
    ]


def test_evaluate_rules__address_in_two_channels__told_once() -> None:
    application = make_application()
    channels = [make_channel("ops@example.com"), make_channel("Ops@example.com; boss@example.com")]
    make_rule(channel_ids=tuple(channel.pk for channel in channels))
    report(application, 3)

    evaluate()
    tell(30)

    found = {address.lower() for address in Delivery.objects.values_list("recipient", flat=True)}
    assert (Delivery.objects.count(), found) == (2, {"ops@example.com", "boss@example.com"})


def test_evaluate_rules__many_rules_at_rest__number_of_queries_does_not_grow(
    django_assert_num_queries: object,
) -> None:
    application = make_application()
    report(application, 0.5)
    counts = []
    for _ in range(2):
        for _ in range(3):
            make_rule("load > 1")
        evaluate()
        with connection.execute_wrapper(Counter()) as _:
            counter = Counter()
            with connection.execute_wrapper(counter):
                evaluate()
            counts.append(counter.number)

    assert counts[0] == counts[1]


class Counter:
    """Counts statements."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        self.number += 1
        return execute(sql, params, many, context)


@pytest.mark.django_db(transaction=True)
def test_evaluate_rules__two_evaluators_without_the_lock__one_alert_one_transition_one_message() -> None:
    """The lock is only there to save work: without it the rows themselves keep two evaluators apart."""
    application = make_application()
    make_channel(is_default=True)
    rule = make_rule()
    report(application, 3)
    storage = evaluating.open_snapshot(application.pk, [rule.condition], NOW)
    outcomes = [
        evaluating.judge_rule(rule=rule, application_id=application.pk, storage=storage, alerts={}, now=NOW)
        for _ in range(2)
    ]
    barrier, moved = threading.Barrier(2), []

    def run(outcome: evaluating.Outcome) -> None:
        barrier.wait()
        moved.append(evaluating.apply_outcome(outcome=outcome, now=NOW))
        connection.close()

    threads = [threading.Thread(target=run, args=(outcome,)) for outcome in outcomes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    tell(30)
    assert sorted(moved) == [0, 1]
    assert (states(), len(transitions()), Delivery.objects.count()) == ([AlertState.FIRING], 1, 1)


@pytest.mark.django_db(transaction=True)
def test_evaluate_rules__another_evaluation_running__leaves_the_work_to_it() -> None:
    make_rule()
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with only_one(evaluating.LOCK_KEY) as is_ours:
            assert is_ours
            entered.set()
            leave.wait(10)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(10)
    try:
        assert evaluate() is None
    finally:
        leave.set()
        holder.join()
    assert evaluate() is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("value", "state"), [(0.5, "resolved"), (4, "firing")])
def test_evaluate_rules__link_of_their_message_pressed_meanwhile__both_get_through(value: float, state: str) -> None:
    application = make_application()
    rule = make_rule()
    for host in "abc":
        report(application, 3, host=host)
    evaluate(0)
    for host in "abc":
        report(application, value, at=10, host=host)
    first, *others = Alert.objects.order_by("pk").values_list("pk", flat=True)
    # Written anew, so that whoever reads the table comes upon the oldest alert last.
    Alert.objects.filter(pk=first).update(name="Load")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE alerts_alert")

    with transaction.atomic():
        acknowledge_alert(alert_id=first, by=ADA)
        evaluation = begin_beside(partial(evaluate, 15))
        for alert_id in others:
            acknowledge_alert(alert_id=alert_id, by=ADA)
    evaluation.result()

    rule.refresh_from_db()
    found = Alert.objects.values_list("state", "value", "acknowledged_name").distinct().order_by()
    assert list(found) == [(state, 4 if state == "firing" else 3, "Ada")]
    assert (rule.last_evaluated_at, rule.last_error) == (moment(15), "")


def test_evaluate_rules__reason_with_a_character_that_cannot_be_stored__is_noted_without_it() -> None:
    application = make_application()
    for name in ("load", "jobs"):
        report(application, 3, name=name)
    broken = make_rule(r'label_replace({__name__=~"load|jobs"}, "x", "a\x00b", "", "") > 1')
    sound = make_rule("load > 1")

    evaluate(0)

    broken.refresh_from_db()
    sound.refresh_from_db()
    assert "x=ab" in broken.last_error
    assert sound.last_evaluated_at == moment(0)


def test_evaluate_rules__values_of_one_rule_cannot_be_written__it_says_so_and_the_rest_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    application = make_application()
    broken, sound = make_rule(name="Broken"), make_rule(name="Sound", no_data_after_seconds=600)
    report(application, 3)
    evaluate(0)
    report(application, 4, at=10)
    report(application, 5, at=10, host="new")

    def fail_for_one(*, outcomes: Sequence[Outcome], now: datetime) -> None:
        if any(outcome.rule == broken for outcome in outcomes):
            raise OperationalError("deadlock detected")
        update_values(outcomes=outcomes, now=now)

    monkeypatch.setattr(evaluating, "update_values", fail_for_one)
    evaluate(15)

    broken.refresh_from_db()
    sound.refresh_from_db()
    assert "could not be written" in broken.last_error
    assert (sound.last_error, sound.last_evaluated_at) == ("", moment(15))
    assert list(Alert.objects.filter(labels__host="erp1").order_by("rule").values_list("value", flat=True)) == [3, 4]
    assert len(RuleMemory.objects.get().series) == 2
