"""Series that stop, over a real store: who is told of it and of its end, and what a rule remembers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.db.utils import IntegrityError
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts.backtests import back_test
from alerts.builtin import BUILTIN_RULES
from alerts.evaluation import Action
from alerts.models import Alert, AlertTransition, EvaluationBacklog, Rule, RuleMemory
from alerts.services import evaluating
from alerts.services.alerts import close_alert
from alerts.services.builtin import install_rules
from alerts.services.inhibitions import install_inhibitions
from alerts.services.missing import LOOK_BACK, Memory
from alerts.services.rules import draft_of, update_rule
from alerts.services.telling import describe_notice
from config.actors import SYSTEM
from config.deliveries.models import Delivery
from tests.support.alerts import evaluate, make_alert, make_channel, make_rule, moment, report, states, tell
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db

MINUTE = 60
#: A value counts for five minutes: the first evaluation after that finds the series gone.
GONE = 315
HOUR = 3600
DAY = 24 * HOUR


def watch(condition: str = "load > 10", **fields: Any) -> Rule:
    """Return a rule that tells after ten minutes without data."""
    return make_rule(condition, **{"name": "Load", "no_data_after_seconds": 10 * MINUTE, **fields})


def causes() -> list[tuple[str, str]]:
    """Return cause and state of every alert, oldest first."""
    return list(Alert.objects.order_by("pk").values_list("cause", "state"))


def subjects() -> list[tuple[str, str]]:
    """Return who was told what, in order."""
    return list(Delivery.objects.order_by("pk").values_list("recipient", "subject"))


def go(start: int, end: int, *, step: int = 105) -> None:
    """Evaluate every so many seconds."""
    for at in range(start, end + 1, step):
        evaluate(at)


def test_evaluate_rules__series_stops_and_comes_back__told_as_no_data_and_of_its_end_to_the_same_people() -> None:
    application = make_application(name="Acme", environment="production")
    channel = make_channel("ops@example.com")
    watch(severity="critical", channel_ids=(channel.pk,), annotations={"summary": "Load of {{ $labels.host }}"})
    report(application, 3, host="web-1")
    report(application, 3, host="web-2")

    evaluate(0)
    for at in range(MINUTE, 16 * MINUTE, MINUTE):
        report(application, 3, at=at, host="web-2")
        evaluate(at)
    assert causes() == [("no_data", "pending")]
    report(application, 3, at=16 * MINUTE, host="web-2")
    evaluate(16 * MINUTE)
    tell(17 * MINUTE)
    channel.address = "others@example.com"
    channel.save()
    report(application, 3, at=20 * MINUTE, host="web-1")
    evaluate(20 * MINUTE)
    tell(30 * MINUTE)

    assert causes() == [("no_data", "resolved")]
    assert subjects() == [
        ("ops@example.com", "Critical: No data from host web-1 for 10 min (rule “Load”)"),
        ("ops@example.com", "Resolved after 4 min: No data from host web-1 for 10 min (rule “Load”)"),
    ]
    alert = Alert.objects.get()
    assert (alert.labels, alert.value, alert.no_data_since) == ({"host": "web-1"}, None, None)
    assert [transition.reason for transition in alert.transitions.all()] == [
        "No data comes any more; people are told if that lasts 10 min.",
        "No data came for 10 min.",
        "Data is back.",
    ]
    assert "Data is back." in Delivery.objects.order_by("pk").values_list("text", flat=True)[1]


def test_evaluate_rules__without_the_option__nothing_is_remembered_or_asked() -> None:
    application = make_application()
    make_rule("load > 10")
    report(application, 3)

    with CaptureQueriesContext(connection) as queries:
        evaluate(0)
    evaluate(GONE)

    assert [query for query in queries.captured_queries if "rulememory" in str(query["sql"]).lower()] == []
    assert (states(), RuleMemory.objects.count()) == ([], 0)


def test_evaluate_rules__series_at_rest__memory_is_written_once() -> None:
    application = make_application()
    watch()
    for at in (0, 15, 30):
        report(application, 3, at=at)
        evaluate(at)

    memory = RuleMemory.objects.get()
    assert (list(memory.series.values()), memory.written_at) == ([{"host": "erp1"}], moment(0))


def test_evaluate_rules__back_before_people_are_told__nobody_is_told() -> None:
    application = make_application()
    make_channel(is_default=True)
    watch()
    report(application, 3)
    go(0, 600)

    report(application, 3, at=700)
    evaluate(705)
    tell(800)

    assert causes() == [("no_data", "inactive")]
    assert subjects() == []
    assert AlertTransition.objects.latest("pk").reason == "Data came back before 10 min were over."


def test_evaluate_rules__threshold_alert_loses_its_data__goes_on_marked_and_nobody_is_told_again() -> None:
    application = make_application()
    make_channel(is_default=True)
    watch("load > 1")
    report(application, 3)
    evaluate(0)
    tell(30)

    go(GONE, 1500)
    tell(1600)

    alert = Alert.objects.get()
    assert (causes(), alert.no_data_since) == ([("condition", "firing")], moment(GONE))
    assert len(subjects()) == 1
    report(application, 0.5, at=1600)
    evaluate(1605)
    tell(1900)
    assert states() == ["resolved"]
    assert [subject for _, subject in subjects()][1].startswith("Resolved after 26 min")


def test_evaluate_rules__threshold_alert_whose_data_is_back_and_bad__goes_on_unmarked() -> None:
    application = make_application()
    watch("load > 1")
    report(application, 3)
    go(0, 600, step=GONE)
    report(application, 4, at=900)

    evaluate(905)

    alert = Alert.objects.get()
    assert (alert.state, alert.no_data_since, alert.value) == ("firing", None, 4)


def test_evaluate_rules__pending_alert_loses_its_data__ends_and_the_missing_data_takes_over() -> None:
    application = make_application()
    watch("load > 1", for_seconds=600)
    report(application, 3)

    evaluate(0)
    evaluate(GONE)
    evaluate(GONE + 15)

    assert causes() == [("condition", "inactive"), ("no_data", "pending")]
    assert (
        AlertTransition.objects.filter(to_state="inactive").get().reason == "Its data stopped before 10 min were over."
    )


def test_evaluate_rules__clear_condition_and_missing_data__both_hold() -> None:
    application = make_application()
    watch("load > 10", clear_condition="load < 5")
    report(application, 12)
    evaluate(0)
    evaluate(GONE)
    report(application, 7, at=400)
    evaluate(405)
    between = Alert.objects.get()
    report(application, 4, at=410)

    evaluate(420)

    assert (between.state, between.no_data_since) == ("firing", None)
    assert causes() == [("condition", "resolved")]


def test_evaluate_rules__data_is_back_and_bad__one_ends_the_other_begins_and_both_are_told() -> None:
    application = make_application()
    make_channel(is_default=True)
    watch("load > 1", keep_firing_for_seconds=300)
    report(application, 0.5)
    go(0, 1000)
    tell(1030)
    report(application, 9, at=1100)

    evaluate(1105)
    evaluate(1120)
    tell(1330)

    assert causes() == [("no_data", "resolved"), ("condition", "firing")]
    assert AlertTransition.objects.filter(to_state="resolved").get().reason == "Data is back, and the condition is met."
    assert "1 alert, 1 resolved" in subjects()[-1][1]


def test_evaluate_rules__keep_firing_for__holds_for_data_that_is_back() -> None:
    application = make_application()
    watch(keep_firing_for_seconds=60)
    report(application, 3)
    go(0, 1000)
    assert causes() == [("no_data", "firing")]

    for at in (1100, 1130, 1160):
        report(application, 3, at=at)
        evaluate(at)

    assert Alert.objects.get().resolved_at == moment(1160)
    assert AlertTransition.objects.latest("pk").reason == "Data is back, for 1 min."


@pytest.mark.parametrize(("value", "cause", "lasts"), [(3, "no_data", DAY + 10 * MINUTE), (12, "condition", DAY)])
def test_evaluate_rules__missing_for_a_day__let_go_of_as_gone_for_good(value: float, cause: str, lasts: int) -> None:
    application = make_application()
    make_channel(is_default=True)
    watch()
    report(application, value)
    evaluate(0)
    go(GONE, GONE + lasts - 600, step=600)
    tell(GONE + lasts - 600)
    assert causes() == [(cause, "firing")]

    go(GONE + lasts, GONE + lasts + HOUR, step=600)
    tell(GONE + lasts + HOUR)

    assert causes() == [(cause, "resolved")]
    assert subjects()[-1][1].endswith("; without data for 24 h, taken as gone for good")
    mail = Delivery.objects.latest("pk")
    assert "it is taken as gone for good and not waited for any longer" in mail.text


def test_close_alert__missing_data__does_not_come_up_again_before_the_data_was_there() -> None:
    application = make_application()
    watch()
    report(application, 3)
    go(0, 1000)

    close_alert(alert_id=Alert.objects.get().pk, by=SYSTEM)
    go(1015, 3000)
    assert causes() == [("no_data", "resolved")]
    report(application, 3, at=3000)
    go(3015, 4500)

    assert causes() == [("no_data", "resolved"), ("no_data", "firing")]


@pytest.mark.parametrize("pause", [5 * MINUTE, 50 * MINUTE])
def test_evaluate_rules__evaluations_missed__what_vanished_meanwhile_is_noticed(pause: int) -> None:
    application = make_application()
    watch()
    report(application, 3)
    evaluate(0)

    evaluate(GONE + pause)
    go(GONE + pause + 300, GONE + pause + 900)

    assert causes() == [("no_data", "firing")]


def test_evaluate_rules__product_was_away_for_long__what_was_there_before_is_forgotten_but_firing_alerts_are_not() -> (
    None
):
    application = make_application()
    rule = watch("load > 1")
    report(application, 3)
    report(application, 0.5, host="quiet")
    evaluate(0)
    away = int(LOOK_BACK.total_seconds()) + rule.no_data_after_seconds + GONE + MINUTE

    evaluate(away)

    assert [(alert.labels["host"], alert.no_data_since) for alert in Alert.objects.all()] == [("erp1", moment(away))]


def test_evaluate_rules__option_just_switched_on__looks_back_an_hour() -> None:
    application = make_application()
    rule = make_rule("load > 10")
    report(application, 3)
    go(0, 1800)
    update_rule(rule=rule, draft=replace(draft_of(rule), no_data_after_seconds=600), by=SYSTEM)

    evaluate(1815)

    assert causes() == [("no_data", "pending")]


def test_update_rule__option_switched_off__missing_data_is_over_and_forgotten() -> None:
    application = make_application()
    rule = watch()
    report(application, 3)
    go(0, 1000)

    update_rule(rule=rule, draft=replace(draft_of(rule), no_data_after_seconds=0), by=SYSTEM)
    evaluate(1015)

    assert (causes(), RuleMemory.objects.count()) == ([("no_data", "resolved")], 0)
    assert AlertTransition.objects.latest("pk").reason == "The rule does not watch for this data any more."


def test_update_rule__condition_narrowed__what_it_does_not_watch_any_more_ends() -> None:
    application = make_application()
    rule = watch("load > 1")
    report(application, 3, host="a")
    report(application, 3, host="b")
    evaluate(0)

    update_rule(rule=rule, draft=replace(draft_of(rule), condition='load{host="b"} > 1'), by=SYSTEM)
    evaluate(15)

    assert list(Alert.objects.order_by("labels__host").values_list("state", "no_data_since")) == [
        ("resolved", None),
        ("firing", None),
    ]


def test_evaluate_rules__label_that_cannot_be_stored__its_rule_says_so_and_the_others_remember() -> None:
    application = make_application()
    broken = watch(r'label_replace(load, "x", "\x00", "", "") > 100', name="Broken")
    sound = watch("load > 100", name="Sound")
    report(application, 3)
    run = evaluate(0)
    broken.refresh_from_db()
    sound.refresh_from_db()
    assert run is not None
    assert (run.failed, sound.last_error) == (1, "")
    assert "could not be remembered" in broken.last_error
    assert [memory.rule for memory in RuleMemory.objects.all()] == [sound]


def test_evaluate_rules__was_cleared_and_then_lost_its_data__ends_and_the_missing_data_takes_over() -> None:
    application = make_application()
    watch("load > 10", clear_condition="load < 5", keep_firing_for_seconds=600)
    report(application, 12)
    evaluate(0)
    report(application, 4, at=60)
    go(75, 60 + GONE + 30 * MINUTE)
    assert causes() == [("condition", "resolved"), ("no_data", "firing")]


def test_update_rule__narrowed_to_one_application_and_widened__the_others_are_forgotten() -> None:
    one, other = make_application(), make_application()
    rule = watch("load > 10")
    for application in (one, other):
        report(application, 3)
    evaluate(0)
    update_rule(rule=rule, draft=replace(draft_of(rule), application_id=one.pk), by=SYSTEM)
    assert [memory.application for memory in RuleMemory.objects.all()] == [one]


def test_evaluate_rules__rule_failed_for_long__what_was_there_before_is_forgotten() -> None:
    rule = watch("load > 10")
    report(make_application(), 3)
    evaluate(0)
    Rule.objects.filter(pk=rule.pk).update(condition="nonsense(")
    for at in (15, 30, 5 * HOUR - 15):
        evaluate(at)
    memory = RuleMemory.objects.get()
    assert (memory.failing_since, memory.written_at) == (moment(15), moment(15))
    Rule.objects.filter(pk=rule.pk).update(condition="load > 10")
    go(5 * HOUR, 5 * HOUR + 30 * MINUTE)
    assert causes() == []
    assert RuleMemory.objects.get().failing_since is None


def test_evaluate_rules__rule_waited_for_long_for_its_turn__what_was_there_before_is_forgotten() -> None:
    application = make_application()
    rule = watch("load > 10")
    report(application, 3)
    evaluate(0)
    # Other applications judged it all the time.
    Rule.objects.filter(pk=rule.pk).update(last_evaluated_at=moment(5 * HOUR - 15))
    EvaluationBacklog.objects.create(
        application=application,
        since=moment(0),
        judged={rule.pk: moment(0).timestamp()},
        written_at=moment(5 * HOUR - 15),
    )
    go(5 * HOUR, 5 * HOUR + 30 * MINUTE)
    assert causes() == []


def test_evaluate_rules__rule_fails_for_long_in_another_application__what_was_closed_stays_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evaluating, "MAX_ALERTS_PER_RULE", 2)
    failing, application = make_application(), make_application()
    rule = watch("load > 10")
    stops = int(LOOK_BACK.total_seconds()) + 15 * MINUTE
    for at in range(0, stops + 1, 4 * MINUTE):
        for host in "abc":
            report(failing, 3, at=at, host=host)
        report(application, 3, at=at)
        evaluate(at)
    rule.refresh_from_db()
    assert rule.failing_since == moment(0)
    go(stops + 60, stops + 20 * MINUTE)
    assert causes() == [("no_data", "firing")]
    close_alert(alert_id=Alert.objects.get().pk, by=SYSTEM)
    go(stops + 21 * MINUTE, stops + 25 * MINUTE)
    assert causes() == [("no_data", "resolved")]


def test_apply_outcome__closed_by_hand_meanwhile__changes_nothing() -> None:
    application = make_application()
    rule = watch()
    report(application, 3)
    go(0, 900)
    alert = Alert.objects.get()
    storage = evaluating.open_snapshot(application.pk, [rule.condition], moment(1000))
    judged = evaluating.judge_rule(
        rule=Rule.objects.get(),
        application_id=application.pk,
        storage=storage,
        alerts={alert.fingerprint: alert},
        now=moment(1000),
        memory=Memory(*RuleMemory.objects.values_list("watched", "series").get()),
    )
    close_alert(alert_id=alert.pk, by=SYSTEM)

    moved = evaluating.apply_outcome(outcome=judged, now=moment(1000))

    assert [decision.action for decision in judged.decisions] == [Action.FIRE]
    assert (moved, causes()) == (0, [("no_data", "inactive")])


def test_back_test__series_that_stopped__a_firing_of_missing_data() -> None:
    application = make_application()
    rule = watch()
    for at in range(0, HOUR, MINUTE):
        report(application, 3, at=at)

    found = back_test(draft=draft_of(rule), application_id=application.pk, choice="7d", now=moment(2 * HOUR))

    assert found.played is not None
    assert [(firing.is_no_data, found.played.labels[firing.fingerprint]) for firing in found.played.firings] == [
        (True, "host=erp1")
    ]


def test_evaluate_rules__too_many_series_to_watch__says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "MAX_ALERTS_PER_RULE", 2)
    application = make_application()
    rule = watch()
    for host in "abc":
        report(application, 2, host=host)

    evaluate()

    rule.refresh_from_db()
    assert rule.last_error.startswith("The rule watches 3 series; with “no data after” it can watch 2.")


def test_alert__missing_data_of_an_outside_source__refused_by_the_database() -> None:
    with pytest.raises(IntegrityError, match="alert_no_data_is_ours"):
        make_alert(make_application(), rule=None, source="http", cause="no_data")


def test_describe_notice__no_data__a_label_to_match_and_since_when() -> None:
    application = make_application()
    watch()
    report(application, 3)
    go(0, 1000)

    notice = describe_notice(Alert.objects.select_related("application", "rule").get())

    assert (notice.labels["alert_cause"], notice.labels["alertname"]) == ("no_data", "Load")
    assert notice.annotations["no_data_since"] == "2026-03-10T12:05:15.000Z"


def test_built_in_rules__dead_host__one_message() -> None:
    """The host's agent measures the database too: both fall silent, and only the host is news."""
    application = make_application()
    make_channel("ops@example.com", is_default=True)
    install_rules()
    install_inhibitions()
    for at in (0, 60, 120):
        for name in (
            "system_boot_time_seconds",
            "postgresql_backends",
            "postgresql_connection_max",
            "system_cpu_utilization_ratio",
        ):
            report(application, 50 if name == "postgresql_connection_max" else 0.5, at=at, name=name)
        evaluate(at)

    for at in range(180, 1500, 30):
        evaluate(at)
        tell(at)

    firing = Alert.objects.firing().order_by("pk").values_list("rule__builtin_key", "cause")
    assert list(firing) == [("host-silent", "condition"), ("database-connections-critical", "no_data")]
    assert subjects() == [("ops@example.com", "Critical: erp1 stopped reporting for 1 min 30 s")]


def test_built_in_rules__one_of_a_kind_of_source_watches() -> None:
    assert [rule.key for rule in BUILTIN_RULES if rule.no_data_after_seconds] == ["database-connections-critical"]


def test_alert_pages__missing_data__said_in_list_page_and_filter(admin_client: Client) -> None:
    application = make_application()
    watch("load > 1")
    report(application, 3, host="busy")
    report(application, 0.5, host="idle")
    go(0, 1000)
    busy, idle = Alert.objects.order_by("labels__host")
    make_alert(application, name="Other", labels={"host": "third"})
    address = reverse("admin:alerts_alert_changelist")

    missing = admin_client.get(address, {"cause": "no_data"}).content.decode()
    pages = [admin_client.get(alert.get_absolute_url()).content.decode() for alert in (busy, idle)]

    assert ("host=busy" in missing, "host=idle" in missing, "host=third" in missing) == (True, True, False)
    assert "No data from host idle for 10 min" in missing
    assert "No data since" in pages[0]
    assert "Whether the condition is still met, nobody knows" in pages[0]
    assert "What to do first:" in pages[1]
    assert "Is what reports this still running" in pages[1]
