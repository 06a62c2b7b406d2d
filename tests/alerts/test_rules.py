"""Rules and channels: saving, switching, shipping; nothing is stored when anything is wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from alerts import builtin
from alerts.addressing import list_channel_recipients
from alerts.drafts import RuleDraft, RuleInvalid
from alerts.models import Alert, Channel, Rule
from alerts.services import builtin as shipping
from alerts.services.alerts import acknowledge_alert
from alerts.services.channels import ChannelInvalid, check_channel, send_test
from alerts.services.rules import (
    BuiltinRule,
    RuleChange,
    create_rule,
    delete_rule,
    draft_of,
    duplicate_rule,
    save_rules,
    set_rule_enabled,
    update_rule,
)
from config.actors import SYSTEM, Actor
from config.deliveries.models import Delivery
from config.settings import OPTION
from tests.support.alerts import evaluate, make_alert, make_channel, make_rule, report, states, tell
from tests.support.meeting import begin_beside
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
BY = Actor("Ada")


def test_create_rule__valid__stored_with_a_free_slug() -> None:
    channel = make_channel()
    draft = RuleDraft(name="CPU busy", condition=" load > 1 ", labels={"team": "erp"}, channel_ids=(channel.pk,))

    first, second = create_rule(draft=draft), create_rule(draft=draft)

    assert (first.slug, second.slug) == ("cpu-busy", "cpu-busy-2")
    assert first.condition == "load > 1"
    assert list(first.channels.all()) == [channel]


@pytest.mark.parametrize(
    "changes",
    [{"condition": "load >"}, {"channel_ids": (999,)}, {"application_id": 999}, {"annotations": {"summary": "{{"}}],
)
def test_create_rule__anything_wrong__nothing_stored(changes: dict[str, object]) -> None:
    with pytest.raises(RuleInvalid):
        create_rule(draft=replace(RuleDraft(name="x", condition="load > 1"), **changes))

    assert Rule.objects.count() == 0


def test_update_rule__anything_wrong__nothing_changed() -> None:
    rule = make_rule("load > 1")

    with pytest.raises(RuleInvalid):
        update_rule(rule=rule, draft=replace(draft_of(rule), name="new", condition="load >"), by=BY)

    rule.refresh_from_db()
    assert (rule.name != "new", rule.condition) == (True, "load > 1")


def test_update_rule__beside_an_evaluation__its_notes_stay() -> None:
    make_application()
    rule = make_rule("load > 1")
    evaluate()

    update_rule(rule=rule, draft=replace(draft_of(rule), name="new"), by=BY)

    rule.refresh_from_db()
    assert rule.name == "new"
    assert rule.last_evaluated_at is not None


def test_set_rule_enabled__off_while_alerts_are_open__they_end_and_people_are_told() -> None:
    application = make_application()
    make_channel(is_default=True)
    rule, waiting = make_rule("load > 1"), make_rule("load > 1", for_seconds=600)
    report(application, 3)
    evaluate()
    tell(30)

    set_rule_enabled(rule=rule, enabled=False, by=BY)
    set_rule_enabled(rule=waiting, enabled=False, by=BY)

    assert states() == ["resolved", "inactive"]
    assert Alert.objects.get(rule=rule).transitions.last().reason == "Ada switched the rule off."
    tell(330)
    assert Delivery.objects.count() == 2


def test_update_rule__another_application__alerts_of_the_others_end() -> None:
    first, second = make_application(), make_application()
    rule = make_rule()
    make_alert(first, rule=rule)
    make_alert(second, rule=rule)

    update_rule(rule=rule, draft=replace(draft_of(rule), application_id=second.pk), by=BY)

    assert states() == ["resolved", "firing"]


@pytest.mark.django_db(transaction=True)
def test_save_rules__link_of_their_alerts_pressed_meanwhile__both_get_through() -> None:
    application, rules = make_application(), [make_rule(), make_rule()]
    first, *others = [make_alert(application, rule=rules[place]).pk for place in (0, 1, 0)]
    changes = [RuleChange(replace(draft_of(rule), enabled=False), rule) for rule in rules]

    with transaction.atomic():
        acknowledge_alert(alert_id=first, by=BY)
        saving = begin_beside(partial(save_rules, changes=changes, by=BY))
        for alert_id in others:
            acknowledge_alert(alert_id=alert_id, by=BY)
    saving.result()

    assert list(Alert.objects.values_list("state", "acknowledged_name")) == [("resolved", "Ada")] * 3


def test_delete_rule__with_alerts__they_end_and_their_history_stays() -> None:
    rule = make_rule(name="Load")
    make_alert(make_application(), rule=rule)

    delete_rule(rule=rule, by=BY)

    alert = Alert.objects.get()
    assert (alert.rule, alert.name, alert.state) == (None, "Load", "resolved")


def test_delete_rule__built_in__refused() -> None:
    shipping.install_rules()

    with pytest.raises(BuiltinRule):
        delete_rule(rule=Rule.objects.builtin().first(), by=BY)


def test_duplicate_rule__any__a_copy_that_is_off() -> None:
    rule = make_rule("load > 1", name="Load", channel_ids=(make_channel().pk,))

    copy = duplicate_rule(rule=rule, by=BY)

    assert (copy.name, copy.condition, copy.enabled, copy.channels.count()) == ("Load (copy)", "load > 1", False, 1)


def test_install_rules__first_start__all_rules_and_a_channel() -> None:
    assert shipping.install_rules() == len(builtin.BUILTIN_RULES)

    assert Rule.objects.builtin().count() == len(builtin.BUILTIN_RULES)
    assert Channel.objects.get().is_default


def test_install_rules__again__nothing_changes() -> None:
    shipping.install_rules()

    assert shipping.install_rules() == 0


def test_install_rules__newer_version__operators_edits_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    shipping.install_rules()
    rule = Rule.objects.get(builtin_key="host-cpu-warning")
    update_rule(rule=rule, draft=replace(draft_of(rule), condition="system_cpu_utilization_ratio > 0.7"), by=BY)
    newer = tuple(
        replace(one, version=2, for_seconds=60, condition="system_cpu_utilization_ratio > 0.9")
        if one.key == "host-cpu-warning"
        else one
        for one in builtin.BUILTIN_RULES
    )
    monkeypatch.setattr(shipping, "BUILTIN_RULES", newer)

    assert shipping.install_rules() == 1

    rule.refresh_from_db()
    assert (rule.condition, rule.for_seconds) == ("system_cpu_utilization_ratio > 0.7", 60)
    assert shipping.list_edited_fields(rule) == ["condition"]


def test_reset_rule__edited__as_shipped_with_its_channels() -> None:
    shipping.install_rules()
    rule = Rule.objects.get(builtin_key="host-cpu-warning")
    channel = make_channel()
    draft = replace(draft_of(rule), for_seconds=1, channel_ids=(channel.pk,))
    update_rule(rule=rule, draft=draft, by=BY)

    shipping.reset_rule(rule=rule, by=SYSTEM)

    rule.refresh_from_db()
    assert (rule.for_seconds, list(rule.channels.all())) == (300, [channel])
    assert shipping.list_edited_fields(rule) == []


def test_list_channel_recipients__mail_channel_without_an_address__setting_or_else_administrators(
    django_user_model: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    django_user_model.objects.create_superuser("root", "root@example.com", "x")  # type: ignore[attr-defined]
    channel = make_channel("")

    assert [one.address for one in list_channel_recipients([channel])] == ["root@example.com"]
    monkeypatch.setitem(OPTION, "ALERT_EMAILS", ["a@example.com", "b@example.com"])
    assert [one.address for one in list_channel_recipients([channel])] == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize(
    ("kind", "address", "message"),
    [
        ("email", "not an address", "is not a mail address"),
        ("webhook", "", "whole URL"),
        ("webhook", "ftp://example.com", "whole URL"),
        ("webhook", "https://user:secret@example.com/", "user name and password"),
        ("webhook", "https://[broken/", "whole URL"),
    ],
)
def test_check_channel__unusable_address__refused_in_words(kind: str, address: str, message: str) -> None:
    with pytest.raises(ChannelInvalid, match=message):
        check_channel(kind=kind, address=address)


def test_check_channel__several_addresses__tidied() -> None:
    assert (
        check_channel(kind="email", address=" a@example.com;b@example.com\na@example.com")
        == "a@example.com, b@example.com"
    )


def test_send_test__mail_and_webhook__queued() -> None:
    mail = make_channel("a@example.com, b@example.com")
    hook = make_channel("https://hooks.example.com/x", kind="webhook", signing_secret="s3cret")

    assert (send_test(channel=mail, by=BY), send_test(channel=hook, by=BY)) == (2, 1)

    found = Delivery.objects.order_by("pk").values_list("channel", "recipient", "payload__notification_reason")
    assert list(found) == [
        ("email", "a@example.com", None),
        ("email", "b@example.com", None),
        ("webhook", "https://hooks.example.com/x", "test"),
    ]


def test_alert__second_open_one_of_a_series__refused_by_the_database() -> None:
    application, rule = make_application(), make_rule()
    make_alert(application, rule=rule, fingerprint="a" * 32)
    make_alert(application, rule=rule, fingerprint="a" * 32, state="resolved")

    with pytest.raises(IntegrityError), transaction.atomic():
        make_alert(application, rule=rule, fingerprint="a" * 32, state="pending")
