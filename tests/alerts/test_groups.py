"""Groups of alerts over real rules: batching, repeating, resolving, silencing, escalating, as people see it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.enums import GroupState, HoldKind
from alerts.inhibit_drafts import InhibitDraft
from alerts.models import Alert, AlertGroup, Channel, Hold, Notice, Policy, PolicyStep, Route, Rule, Silence
from alerts.services import notifying
from alerts.services.alerts import acknowledge_alert, snooze_alert, unacknowledge_alert
from alerts.services.channels import save_channel
from alerts.services.guarding import only_one
from alerts.services.inhibitions import save_inhibition
from config.actors import Actor
from config.deliveries.models import Delivery
from monitoring.applications.models import Application
from tests.alerts.test_channels import SLACK
from tests.support.alerts import evaluate, make_channel, make_rule, moment, outgoing, report, states, tell
from tests.support.metrics import make_application
from tests.support.rosters import make_person, make_roster, override

pytestmark = pytest.mark.django_db
BY = Actor(name="Ada")
MINUTE, HOUR = 60, 3600


@pytest.fixture
def application() -> Application:
    return make_application(name="Acme")


def mails() -> list[tuple[str, str]]:
    """Return recipient and subject of everything that was queued, in order."""
    return list(Delivery.objects.order_by("pk").values_list("recipient", "subject"))


def subjects() -> list[str]:
    return [subject for _, subject in mails()]


def make_policy(*steps: dict[str, Any], **fields: Any) -> Policy:
    """Return a policy; a step's `channels` and `people` are rows."""
    policy = Policy.objects.create(**{"name": "On call", **fields})
    for position, step in enumerate(steps):
        many = {name: step.pop(name) for name in ("channels", "people", "teams", "schedules") if name in step}
        row = PolicyStep.objects.create(policy=policy, position=position, **step)
        for name, rows in many.items():
            getattr(row, name).set(rows)
    return policy


def use(policy: Policy, rule: Rule) -> Rule:
    Rule.objects.filter(pk=rule.pk).update(policy=policy)
    return rule


def tell_until(end: int, *, start: int = 0, every: int = 10) -> None:
    """Take a turn every few seconds, as the product does."""
    for second in range(start, end + 1, every):
        tell(second)


def silence(matchers: str, *, start: float = 0, end: float = HOUR) -> Silence:
    return Silence.objects.create(
        matchers=matchers, starts_at=moment(start), ends_at=moment(end), reason="Known", author_name="Ada"
    )


def test_group__alerts_within_its_wait__one_message(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load", severity="critical")
    report(application, 3, host="erp1")
    evaluate(0)
    report(application, 3, at=10, host="erp2")
    evaluate(15)

    tell(29)
    assert mails() == []
    tell(30)
    tell(35)

    assert subjects() == ["Critical: 2 alerts: Load (host=erp1), …"]
    text = Delivery.objects.get().text
    assert "host=erp1" in text
    assert "host=erp2" in text


def test_group__one_more_later__told_at_the_next_look(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    report(application, 3, at=60, host="erp2")
    evaluate(60)
    tell(329)
    assert len(mails()) == 1
    tell(330)
    assert subjects()[1].startswith("Warning: 2 alerts")


def test_group__rules_of_one_application__apart(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    make_rule("load > 2", name="High load")
    report(application, 3)
    evaluate(0)
    tell(30)
    assert len(mails()) == 2


def test_group__nobody_acknowledges__repeated_after_four_hours(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    report(application, 3)
    evaluate(0)
    tell_until(9 * HOUR, every=5 * MINUTE)
    assert len(mails()) == 3
    gaps = [notice.at - moment(0) for notice in Notice.objects.order_by("pk")]
    assert [round(gap / timedelta(hours=1)) for gap in gaps] == [0, 4, 8]


def test_group__acknowledged__not_repeated_and_its_end_is_told(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    report(application, 3)
    evaluate(0)
    tell(30)
    acknowledge_alert(alert_id=Alert.objects.get().pk, by=BY)
    tell_until(5 * HOUR, start=330, every=300)
    assert len(mails()) == 1
    report(application, 0, at=5 * HOUR)
    evaluate(5 * HOUR)
    tell_until(5 * HOUR + 600, start=5 * HOUR, every=MINUTE)
    assert subjects()[1].startswith("Resolved after 5 h")
    assert AlertGroup.objects.get().state == GroupState.CLOSED


def test_group__over_before_its_wait_is__nobody_is_told_anything(application: Application) -> None:
    make_channel(is_default=True)
    make_rule()
    report(application, 3)
    evaluate(0)
    report(application, 0, at=10)
    evaluate(15)
    tell_until(600)
    assert mails() == []
    assert AlertGroup.objects.get().state == GroupState.CLOSED


def test_silence__covers_the_firing__told_the_moment_it_ends(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    silence('{alertname="Load"}', end=40 * MINUTE)
    report(application, 3)
    evaluate(0)
    tell_until(40 * MINUTE - 30, every=30)
    assert mails() == []
    assert [hold.text for hold in Hold.objects.all()] == ["Ada silenced it: Known"]
    tell(40 * MINUTE)
    assert subjects() == ["Warning: Load (host=erp1)"]
    assert Hold.objects.get().ended_at == moment(40 * MINUTE)


def test_silence__begins_after_the_message__the_end_is_told_all_the_same(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    report(application, 3)
    evaluate(0)
    tell(30)
    silence('{alertname="Load"}', start=60)
    report(application, 0, at=120)
    evaluate(120)
    tell_until(400, start=120)
    assert [subject.split(" ")[0] for subject in subjects()] == ["Warning:", "Resolved"]


def test_silence__of_another_application__holds_nothing(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    Silence.objects.filter(pk=silence('{alertname="Load"}').pk).update(application=make_application())
    report(application, 3)
    evaluate(0)
    tell(30)
    assert len(mails()) == 1


def test_silence__unreadable__holds_nothing_and_stops_nobody(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    silence('{alertname=~"("}')
    report(application, 3)
    evaluate(0)
    tell(30)
    assert len(mails()) == 1


def test_policy__nobody_reacts__next_one_is_called_and_all_hear_of_the_end(application: Application) -> None:
    first, second = make_channel("first@example.com"), make_channel("second@example.com")
    policy = make_policy(
        {"kind": "channel", "channels": [first]},
        {"kind": "wait", "seconds": 600},
        {"kind": "channel", "channels": [second]},
    )
    use(policy, make_rule(name="Load"))
    report(application, 3)
    evaluate(0)
    tell_until(629, every=30)
    assert [to for to, _ in mails()] == ["first@example.com"]
    tell(630)
    assert [to for to, _ in mails()] == ["first@example.com", "second@example.com"]
    report(application, 0, at=700)
    evaluate(700)
    tell_until(1000, start=700)
    assert mails()[2:] == [
        ("first@example.com", "Resolved after 11 min: Load (host=erp1)"),
        ("second@example.com", "Resolved after 11 min: Load (host=erp1)"),
    ]


def test_policy__acknowledged_in_time__goes_no_further(application: Application) -> None:
    policy = make_policy(
        {"kind": "channel", "channels": [make_channel("first@example.com")]},
        {"kind": "wait", "seconds": 600},
        {"kind": "channel", "channels": [make_channel("second@example.com")]},
    )
    use(policy, make_rule())
    report(application, 3)
    evaluate(0)
    tell_until(300)
    acknowledge_alert(alert_id=Alert.objects.get().pk, by=BY)
    tell_until(HOUR, start=305, every=60)
    assert [to for to, _ in mails()] == ["first@example.com"]


def test_policy__acknowledgement_taken_back__begins_anew_at_once(application: Application) -> None:
    policy = make_policy({"kind": "channel", "channels": [make_channel("first@example.com")]})
    use(policy, make_rule())
    report(application, 3)
    evaluate(0)
    tell(30)
    alert_id = Alert.objects.get().pk
    acknowledge_alert(alert_id=alert_id, by=BY)
    tell_until(60, start=35)
    with time_machine.travel(moment(65), tick=False):
        unacknowledge_alert(alert_id=alert_id, by=BY)
    tell(65)
    assert len(mails()) == 2


def test_policy__next_alert_after_an_acknowledged_one__is_paged(application: Application) -> None:
    """An acknowledgement is for one alert: it silences no other, not even of the same rule."""
    policy = make_policy({"kind": "channel", "channels": [make_channel("first@example.com")]})
    use(policy, make_rule())
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    acknowledge_alert(alert_id=Alert.objects.get().pk, by=BY)
    report(application, 3, at=60, host="erp2")
    evaluate(60)
    tell_until(330, start=70)
    assert len(mails()) == 2


def test_policy__one_of_two_acknowledgements_ends__that_alert_is_paged_again(application: Application) -> None:
    policy = make_policy({"kind": "channel", "channels": [make_channel("first@example.com")]})
    use(policy, make_rule())
    report(application, 3, host="erp1")
    report(application, 3, host="erp2")
    evaluate(0)
    tell(30)
    second = Alert.objects.order_by("pk").last()
    assert second is not None
    acknowledge_alert(alert_id=second.pk, by=BY)
    tell(60)
    with time_machine.travel(moment(65), tick=False):
        unacknowledge_alert(alert_id=second.pk, by=BY)
    tell(65)
    assert len(mails()) == 2


def test_policy__person_of_its_turn_is_gone__says_so_and_the_group_goes_on(application: Application) -> None:
    person = get_user_model().objects.create_user("ada", email="ada@example.com", is_staff=True)
    use(make_policy({"kind": "round_robin", "people": [person]}), make_rule())
    person.delete()
    report(application, 3)
    evaluate(0)
    assert tell(30).failed == 0
    assert Delivery.objects.get().suppressed_because == "Nobody of this step is there any more."
    report(application, 0, at=60)
    evaluate(60)
    tell(330)
    assert AlertGroup.objects.get().state == GroupState.CLOSED


def test_group__nobody_could_be_reached_at_first__who_can_be_later_is(application: Application) -> None:
    channel = make_channel("ops@example.com", enabled=False)
    make_rule(name="Load", channel_ids=(channel.pk,))
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    channel.enabled = True
    channel.save()
    report(application, 3, at=60, host="erp2")
    evaluate(60)
    tell(330)
    assert [to for to, _ in mails()] == ["ops@example.com"]


@pytest.mark.parametrize("deleted", [False, True])
def test_group__channel_is_gone_meanwhile__hears_of_ends_only(application: Application, deleted: bool) -> None:
    going, staying = make_channel("going@example.com"), make_channel("staying@example.com")
    make_rule(name="Load", channel_ids=(going.pk, staying.pk))
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    if deleted:
        going.delete()
    else:
        Channel.objects.filter(pk=going.pk).update(enabled=False)
    report(application, 3, at=60, host="erp2")
    evaluate(60)
    tell(330)
    for host in ("erp1", "erp2"):
        report(application, 0, at=400, host=host)
    evaluate(400)
    tell(630)
    told = Delivery.objects.filter(recipient="going@example.com").order_by("pk")
    assert [each.subject.split(":")[0] for each in told] == ["Warning", "Warning", "Resolved after 6 min 40 s"]
    assert [state for who, state in outgoing() if who == "going@example.com"] == ["queued", "suppressed", "queued"]
    assert "switched off or deleted" in told[1].suppressed_because
    assert Delivery.objects.filter(recipient="staying@example.com").count() == 3


def test_group__everybody_who_was_told_is_gone__whoever_the_rule_names_now_is_told_of_the_next(
    application: Application,
) -> None:
    going = make_channel("going@example.com")
    rule = make_rule(name="Load", channel_ids=(going.pk,))
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    rule.channels.set([make_channel("coming@example.com")])
    going.delete()
    report(application, 3, at=60, host="erp2")
    evaluate(60)
    tell(330)
    assert outgoing()[-1] == ("coming@example.com", "queued")


@pytest.mark.parametrize("kind", ["email", "webhook"])
def test_group__address_of_its_channel_is_another__news_goes_there_and_the_end_to_both(
    application: Application, kind: str
) -> None:
    old, new = (
        ("old@example.com", "new@example.com") if kind == "email" else ("https://old.example", "https://new.example")
    )
    channel = make_channel(old, kind=kind)
    make_rule(name="Load", channel_ids=(channel.pk,))
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    Channel.objects.filter(pk=channel.pk).update(address=new)
    report(application, 3, at=60, host="erp2")
    evaluate(60)
    tell(330)
    assert outgoing() == [(old, "queued"), (old, "suppressed"), (new, "queued")]
    assert "leads elsewhere now" in Delivery.objects.get(state="suppressed").suppressed_because
    for host in ("erp1", "erp2"):
        report(application, 0, at=400, host=host)
    evaluate(400)
    tell(630)
    assert sorted(outgoing()[3:]) == [(new, "queued"), (old, "queued")]


def test_group__mail_address_of_a_person_is_another__news_goes_there(application: Application) -> None:
    ada = get_user_model().objects.create_user("ada", email="old@example.com")
    use(make_policy({"kind": "person", "people": [ada]}), make_rule(name="Load"))
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    get_user_model().objects.filter(pk=ada.pk).update(email="new@example.com")
    tell(30 + 5 * HOUR)
    assert outgoing()[1:] == [("old@example.com", "suppressed"), ("new@example.com", "queued")]


def test_group__channel_becomes_another_kind__news_goes_where_it_leads_now(application: Application) -> None:
    channel = save_channel(channel=Channel(name="Ops", kind="slack"), parts={"url": SLACK})
    make_rule(name="Load", channel_ids=(channel.pk,))
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    Channel.objects.filter(pk=channel.pk).update(kind="email", address="new@example.com", credentials="")
    report(application, 3, at=60, host="erp2")
    evaluate(60)
    tell(330)
    assert outgoing()[-1] == ("new@example.com", "queued")
    for host in ("erp1", "erp2"):
        report(application, 0, at=400, host=host)
    evaluate(400)
    tell(630)
    ends = Delivery.objects.filter(source_id=str(Notice.objects.get(reason="alerts resolved").pk))
    because = dict(ends.values_list("recipient", "suppressed_because"))
    assert because.pop("new@example.com") == ""
    assert [why.endswith("does not lead there any more.") for why in because.values()] == [True]


def test_group__channel_moves_in_its_quiet_hours__what_waited_goes_to_the_new_address(application: Application) -> None:
    begins, ends = moment(-HOUR).time(), moment(HOUR).time()
    channel = make_channel("old@example.com", quiet_from=begins, quiet_until=ends, quiet_zone="UTC")
    make_rule(name="Load", channel_ids=(channel.pk,))
    report(application, 3)
    evaluate(0)
    tell(30)
    Channel.objects.filter(pk=channel.pk).update(address="new@example.com")
    tell_until(HOUR + 600, start=300, every=300)
    assert outgoing() == [
        ("old@example.com", "suppressed"),
        ("old@example.com", "suppressed"),
        ("new@example.com", "queued"),
    ]


def test_handover__contact_taken_away_after_the_shift__whoever_is_on_call_is_told(application: Application) -> None:
    ada, ben = make_person("ada"), make_person("ben")
    rota = make_roster(ada, name="First line")
    use(make_policy({"kind": "schedule", "schedules": [rota]}), make_rule(name="Load"))
    report(application, 3)
    evaluate(0)
    tell(30)
    get_user_model().objects.filter(pk=ada.pk).update(email="other@example.com")
    with time_machine.travel(moment(60), tick=False):
        override(rota, moment(60), 10, ben)
    tell(30 + 5 * HOUR)
    assert outgoing()[1:] == [("ada@example.com", "suppressed"), ("ben@example.com", "queued")]


def test_group__one_of_two_ways_to_an_address_is_gone__told_by_the_other(application: Application) -> None:
    ada = get_user_model().objects.create_user("ada", email="ada@example.com")
    channel = make_channel("ada@example.com, ops@example.com")
    first, later = {"kind": "channel", "channels": [channel]}, {"kind": "person", "people": [ada]}
    use(make_policy(first, {"kind": "wait", "seconds": 60}, later), make_rule(name="Load"))
    report(application, 3)
    evaluate(0)
    tell_until(120)
    Channel.objects.filter(pk=channel.pk).update(enabled=False)
    report(application, 3, at=150, host="erp2")
    evaluate(150)
    tell(330)
    news = Notice.objects.get(reason="new alerts")
    told = Delivery.objects.filter(source_id=str(news.pk)).order_by("recipient")
    assert list(told.values_list("recipient", "state")) == [
        ("ada@example.com", "queued"),
        ("ops@example.com", "suppressed"),
    ]


def test_group__person_left_meanwhile__hears_of_ends_only(application: Application) -> None:
    person = get_user_model().objects.create_user("ada", email="ada@example.com", is_staff=True)
    use(make_policy({"kind": "person", "people": [person]}), make_rule(name="Load"))
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    get_user_model().objects.filter(pk=person.pk).update(is_active=False)
    tell(30 + 5 * HOUR)
    report(application, 0, at=5 * HOUR + 60, host="erp1")
    evaluate(5 * HOUR + 60)
    tell(6 * HOUR)
    assert [state for _, state in outgoing()] == ["queued", "suppressed", "suppressed", "queued"]
    rows = Delivery.objects.filter(state="suppressed").exclude(suppressed_because__contains="is newer").order_by("pk")
    assert [each.suppressed_because for each in rows] == [
        "ada is no longer active",
        "Nobody of this step is there any more.",
    ]


def test_group__one_of_two_ends__only_who_was_told_of_it_hears(application: Application) -> None:
    first, second = make_channel("first@example.com"), make_channel("second@example.com")
    policy = make_policy(
        {"kind": "channel", "channels": [first]},
        {"kind": "wait", "seconds": 600},
        {"kind": "channel", "channels": [second]},
    )
    use(policy, make_rule(name="Load"))
    report(application, 3, host="erp1")
    report(application, 3, host="erp2")
    evaluate(0)
    tell(30)
    tell(330)
    report(application, 3, at=400, host="erp2")
    report(application, 0, at=400, host="erp1")
    evaluate(400)
    # The second one is called at 630 s, when erp1 is over; at 930 s nothing is new to anybody.
    tell_until(1000, start=410)
    assert [to for to, _ in mails()] == ["first@example.com", "first@example.com", "second@example.com"]


def test_group__end_that_concerns_another__nothing_new_is_said(application: Application) -> None:
    first, second = make_channel("first@example.com"), make_channel("second@example.com", enabled=False)
    rule = make_rule(name="Load", channel_ids=(first.pk, second.pk))
    policy = make_policy(
        {"kind": "channel", "channels": [first]},
        {"kind": "wait", "seconds": 60},
        {"kind": "channel", "channels": [second]},
    )
    use(policy, rule)
    Channel.objects.filter(pk=second.pk).update(enabled=True)
    report(application, 3, host="erp1")
    report(application, 3, host="erp2")
    evaluate(0)
    tell(30)
    # Silenced before the second one is called: it never hears of erp2.
    silence('{host="erp2"}', start=60)
    tell_until(120, start=70)
    report(application, 0, at=200, host="erp2")
    evaluate(200)
    tell(330)
    assert [to for to, _ in mails()] == ["first@example.com", "second@example.com", "first@example.com"]


def test_group__step_between_looks__tells_of_nothing_that_the_next_look_tells_again(application: Application) -> None:
    first, second = make_channel("first@example.com"), make_channel("second@example.com")
    policy = make_policy(
        {"kind": "channel", "channels": [first]},
        {"kind": "wait", "seconds": 120},
        {"kind": "channel", "channels": [second]},
    )
    use(policy, make_rule())
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    report(application, 3, at=60, host="erp2")
    evaluate(60)
    tell_until(340, start=60)
    told = [(to, "2 alerts" in subject) for to, subject in mails()]
    assert told == [
        ("first@example.com", False),
        ("second@example.com", False),
        ("first@example.com", True),
        ("second@example.com", True),
    ]


def test_group__ends_and_begins_twice_between_looks__nobody_is_told_anything(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    for second, value in ((0, 3), (60, 0), (90, 3), (120, 0), (150, 3)):
        report(application, value, at=second)
        evaluate(second)
        tell(second + 30 if second == 0 else second)
    Hold.objects.all().delete()
    tell(330)
    assert len(mails()) == 1


def test_snooze__acknowledged_meanwhile__not_told_of_at_its_end(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    report(application, 3)
    evaluate(0)
    tell(30)
    alert_id = Alert.objects.get().pk
    snooze_alert(alert_id=alert_id, until=moment(3600), by=BY)
    tell(60)
    acknowledge_alert(alert_id=alert_id, by=BY)
    tell_until(2 * HOUR, start=330, every=300)
    assert len(mails()) == 1


def test_policy__held_by_a_worse_alert_that_comes_and_goes__waits_and_goes_on_where_it_was(
    application: Application,
) -> None:
    first, second = make_channel("first@example.com"), make_channel("second@example.com")
    wait = {"kind": "wait", "seconds": 20 * MINUTE}
    steps = [{"kind": "channel", "channels": [first]}, wait, {"kind": "channel", "channels": [second]}]
    use(make_policy(*steps), make_rule("load > 1", name="Load"))
    make_rule("load > 5", name="Overload", severity="critical")
    save_inhibition(draft=InhibitDraft("Worse", "alertname=Overload", "alertname=Load", ("host",)))
    for minute in range(3 * 60):
        report(application, 9 if 19 <= minute < 30 or minute % 40 == 39 else 3, at=minute * MINUTE)
        evaluate(minute * MINUTE)
        tell(minute * MINUTE)
        tell(minute * MINUTE + 30)
        if minute == 29:
            assert mails() == [("first@example.com", "Warning: Load (host=erp1)")]
    assert [(to, subject.split(" for ")[0]) for to, subject in mails()] == [
        ("first@example.com", "Warning: Load (host=erp1)"),
        ("second@example.com", "Warning: Load (host=erp1)"),
    ]


def test_policy__edited_while_under_way__the_page_goes_on_as_it_began(application: Application) -> None:
    policy = make_policy(
        {"kind": "channel", "channels": [make_channel("first@example.com")]},
        {"kind": "wait", "seconds": 600},
        {"kind": "channel", "channels": [make_channel("second@example.com")]},
    )
    use(policy, make_rule())
    report(application, 3)
    evaluate(0)
    tell(30)
    policy.steps.all().delete()
    tell_until(700, start=35)
    assert [to for to, _ in mails()] == ["first@example.com", "second@example.com"]


def test_policy__round_robin__another_person_each_time(application: Application) -> None:
    people = [
        get_user_model().objects.create_user(name, email=f"{name}@example.com", is_staff=True)
        for name in ("ada", "grace")
    ]
    policy = make_policy({"kind": "round_robin", "people": people})
    for number in range(3):
        use(policy, make_rule(name=f"Load {number}"))
    report(application, 3)
    evaluate(0)
    tell(30)
    assert sorted(to for to, _ in mails()) == ["ada@example.com", "ada@example.com", "grace@example.com"]


def test_policy__person_without_address__kept_as_not_sent_with_the_reason(application: Application) -> None:
    person = get_user_model().objects.create_user("ada", is_staff=True)
    use(make_policy({"kind": "person", "people": [person]}), make_rule())
    report(application, 3)
    evaluate(0)
    tell(30)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.suppressed_because) == ("suppressed", "ada has no e-mail address.")


def test_routes__no_channels_of_its_own__goes_where_they_lead_each_policy_once(application: Application) -> None:
    make_channel("default@example.com", is_default=True)
    first = make_policy({"kind": "channel", "channels": [make_channel("erp@example.com")]}, name="ERP")
    second = make_policy({"kind": "channel", "channels": [make_channel("all@example.com")]}, name="All")
    Route.objects.create(name="All", matchers='{severity=~".+"}', policy=second, continues=True, position=1)
    erp = Route.objects.create(name="ERP", matchers='{application="acme"}', policy=first, position=2)
    Route.objects.create(name="Load", matchers='{alertname=~"Load.*"}', parent=erp)
    Application.objects.filter(pk=application.pk).update(slug="acme")
    make_rule(name="Load")
    report(application, 3)
    evaluate(0)
    tell(30)
    assert sorted(to for to, _ in mails()) == ["all@example.com", "erp@example.com"]


def test_route__of_one_application__takes_its_alerts_alone(application: Application) -> None:
    make_channel("everyone@example.com", is_default=True)
    policy = make_policy({"kind": "channel", "channels": [make_channel("shop@example.com")]}, application=application)
    Route.objects.create(name="Shop", matchers='{severity=~".+"}', policy=policy, application=application)
    make_rule(name="Load")
    for each in (application, make_application(name="Other")):
        report(each, 3)
    evaluate(0)
    tell(60)
    assert sorted(recipient for recipient, _ in mails()) == ["everyone@example.com", "shop@example.com"]


def test_routes__none_matches__goes_to_the_default_channels(application: Application) -> None:
    make_channel("default@example.com", is_default=True)
    policy = make_policy({"kind": "channel", "channels": [make_channel("erp@example.com")]})
    Route.objects.create(name="ERP", matchers='{application="other"}', policy=policy)
    make_rule()
    report(application, 3)
    evaluate(0)
    tell(30)
    assert [to for to, _ in mails()] == ["default@example.com"]


def flutter(application: Application, *, period: int, end: int) -> None:
    """Let a value cross its threshold up and down, once a period, with a turn every 15 s."""
    for second in range(0, end, 30):
        if second % (period // 2) == 0:
            report(application, 3 if second % period == 0 else 0, at=second)
        evaluate(second)
        tell(second)


@pytest.mark.parametrize("period", [60, 300, 900])
def test_flutter__for_hours__paged_twice_at_most(application: Application, period: int) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    flutter(application, period=period, end=75 * MINUTE)
    assert sum(1 for subject in subjects() if not subject.startswith("Resolved")) <= 2
    assert Hold.objects.filter(kind=HoldKind.FLAPPING).exists()


def test_flutter__for_a_day__paged_twice_at_most(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    for number, second in enumerate(range(0, 24 * HOUR, 450)):
        report(application, 3 * (number % 2 == 0), at=second)
        evaluate(second)
        for later in (0, 30, 300):
            tell(second + later)
    assert sum(1 for subject in subjects() if not subject.startswith("Resolved")) == 2
    assert Hold.objects.filter(kind=HoldKind.FLAPPING).exists()


def flutter_slowly(application: Application, *, up: int, down: int, end: int) -> None:
    """Let a series fire for `up` seconds and be well for `down` seconds, again and again."""
    for begins in range(0, end, up + down):
        report(application, 3, at=begins)
        evaluate(begins)
        tell_until(begins + up, start=begins, every=150)
        report(application, 0, at=begins + up)
        evaluate(begins + up)
        tell_until(begins + up + down - 1, start=begins + up, every=150)


@pytest.mark.parametrize(("up", "down", "pages"), [(750, 750, 3), (1500, 300, 4)])
def test_flutter__slowly_for_a_day__paged_a_few_times(application: Application, up: int, down: int, pages: int) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    flutter_slowly(application, up=up, down=down, end=12 * HOUR)
    assert sum(1 for subject in subjects() if not subject.startswith("Resolved")) == pages


def test_flutter__second_time__says_that_it_comes_and_goes_before_it_falls_silent(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    flutter_slowly(application, up=400, down=400, end=HOUR)
    said = "Began 2 times within two hours. Once more, and it is told only when it stays."
    texts = Delivery.objects.order_by("pk").values_list("text", flat=True)
    assert [said in text for text in texts] == [False, False, True, True]


def test_flutter__then_fires_for_good__is_told(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    flutter(application, period=300, end=HOUR)
    before = len(mails())
    report(application, 3, at=HOUR)
    for second in range(HOUR, HOUR + 1200, 60):
        report(application, 3, at=second)
        evaluate(second)
        tell(second)
    assert states()[-1] == "firing"
    assert [subject.split(":")[0] for subject in subjects()[before:] if "Resolved" not in subject] == ["Warning"]


@pytest.mark.parametrize("twice", [False, True])
def test_turn__taken_by_two_at_once__told_once(application: Application, twice: bool) -> None:
    make_channel(is_default=True)
    make_rule()
    report(application, 3)
    evaluate(0)
    for _ in range(2 if twice else 1):
        tell(30)
    assert len(mails()) == 1


@pytest.mark.django_db(transaction=True)
def test_turn__another_is_being_taken__leaves_the_work_to_it(application: Application) -> None:
    make_channel(is_default=True)
    make_rule()
    report(application, 3)
    evaluate(0)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with only_one(notifying.LOCK_KEY):
            entered.set()
            leave.wait(10)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(10)
    assert tell(30).groups == 0
    leave.set()
    holder.join(10)
    assert tell(30).groups == 1


def test_turn__more_groups_than_a_round_takes__all_are_told(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "MAX_GROUPS", 2)
    make_channel(is_default=True)
    for number in range(5):
        make_rule(name=f"Load {number}")
    report(application, 3)
    evaluate(0)
    assert tell(30).groups == 5
    assert len(mails()) == 5


def test_turn__one_application_fires_many_groups__another_is_told_after_one_of_them(application: Application) -> None:
    make_channel(is_default=True)
    for number in range(3):
        make_rule(name=f"Load {number}", application_id=application.pk)
    other = make_application(name="Quiet")
    make_rule(name="Other", application_id=other.pk)
    report(application, 3)
    evaluate(0)
    report(other, 3, at=1)
    evaluate(1)
    tell(31)
    assert [subject.split(" (")[0] for subject in subjects()[:2]] == ["Warning: Load 0", "Warning: Other"]


def test_group__same_name_in_another_environment__a_group_of_its_own(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Load")
    staging = make_application(name="Acme", slug=application.slug, environment="staging")
    report(application, 3)
    report(staging, 3)
    evaluate(0)
    groups = AlertGroup.objects.order_by("pk").values_list("application", "members__alert__application")
    assert sorted(groups) == sorted([(application.pk, application.pk), (staging.pk, staging.pk)])


def test_group__of_several_applications__its_messages_belong_to_none_of_them(application: Application) -> None:
    use(make_policy({"kind": "channel", "channels": [make_channel()]}, group_by=["alertname"]), make_rule(name="Load"))
    report(application, 3)
    report(make_application(name="Other"), 3)
    evaluate(0)
    tell(30)
    sent = Delivery.objects.get()
    assert sent.application_id is None
    assert "2 alerts" in sent.subject


def test_turn__one_group_broken__others_are_told(application: Application) -> None:
    make_channel(is_default=True)
    make_rule(name="Broken")
    make_rule("load > 2", name="Sound")
    report(application, 3)
    evaluate(0)
    AlertGroup.objects.filter(labels__alertname="Broken").update(plan={})

    turn = tell(30)

    assert (turn.failed, subjects()) == (1, ["Warning: Sound (host=erp1)"])


@settings(max_examples=15)
@given(st.data())
def test_group__anything_happens__every_end_goes_to_exactly_those_who_were_told(data: Any) -> None:
    """Whatever people and values do, in any order: who heard of the beginning hears of the end, and nobody else."""
    application = make_application()
    first, second = make_channel("first@example.com"), make_channel("second@example.com")
    policy = make_policy(
        {"kind": "channel", "channels": [first]},
        {"kind": "wait", "seconds": 300},
        {"kind": "channel", "channels": [second]},
        name=f"Policy {application.pk}",
    )
    rule = use(policy, make_rule(name=f"Load {application.pk}", application_id=application.pk))
    at = 0
    for _ in range(data.draw(st.integers(3, 10))):
        at += data.draw(st.sampled_from([15, 60, 200, 400]))
        _act(data, application, rule, at)
    end = at + 15
    report(application, 0, at=end, host="erp1")
    report(application, 0, at=end, host="erp2")
    evaluate(end)
    tell_until(end + 600, start=end, every=60)
    _assert_ends_match(application)


def _act(data: Any, application: Application, rule: Rule, at: int) -> None:
    host = data.draw(st.sampled_from(["erp1", "erp2"]))
    match data.draw(st.sampled_from(["up", "down", "acknowledge", "silence", "nothing"])):
        case "up":
            report(application, 3, at=at, host=host)
        case "down":
            report(application, 0, at=at, host=host)
        case "acknowledge":
            for alert in Alert.objects.open().filter(rule=rule):
                acknowledge_alert(alert_id=alert.pk, by=BY)
        case "silence":
            silence(f'{{alertname="{rule.name}", host="{host}"}}', start=at, end=at + 200)
    evaluate(at)
    tell(at)


def _assert_ends_match(application: Application) -> None:
    groups = AlertGroup.objects.filter(members__alert__application=application).distinct()
    assert all(group.state == GroupState.CLOSED for group in groups)
    for alert in Alert.objects.filter(application=application, fired_at__isnull=False):
        told = set(_recipients(Notice.objects.filter(firing__contains=[alert.pk])))
        ended = list(_recipients(Notice.objects.filter(resolved__contains=[alert.pk])))
        follower = Alert.objects.filter(application=application, fingerprint=alert.fingerprint, pk__gt=alert.pk)
        if not follower.exists():
            assert told <= set(ended)
        assert len(ended) == len(set(ended)), "nobody is told of an end twice"


def _recipients(notices: Iterable[Notice]) -> Iterable[str]:
    for notice in notices:
        yield from Delivery.objects.filter(source="notice", source_id=str(notice.pk)).values_list(
            "recipient", flat=True
        )


def test_policy__worse_alert_joins__begins_anew(application: Application) -> None:
    ops, boss = make_channel("ops@example.com"), make_channel("boss@example.com")
    steps = (
        {"kind": "channel", "channels": [ops]},
        {"kind": "wait", "seconds": HOUR},
        {"kind": "channel", "channels": [boss]},
    )
    policy = make_policy(*steps, group_by=["application"])
    use(policy, make_rule(name="Load"))
    use(policy, make_rule("load > 5", name="Overload", severity="critical"))
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    group = AlertGroup.objects.get()
    before = group.step_at
    for host in ("erp1", "erp2"):
        report(application, 4, at=310, host=host)
    evaluate(310)
    tell(330)
    group.refresh_from_db()
    assert group.step_at == before
    report(application, 9, at=620, host="erp3")
    evaluate(620)
    tell(630)
    group.refresh_from_db()
    assert group.step_at == moment(630 + HOUR)


def test_policy__edited_and_somebody_looks_after_the_first__next_alert_goes_the_new_way(
    application: Application,
) -> None:
    first, second = make_channel("first@example.com"), make_channel("second@example.com")
    policy = make_policy({"kind": "channel", "channels": [first]})
    use(policy, make_rule(name="Load"))
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    acknowledge_alert(alert_id=Alert.objects.get().pk, by=BY)
    PolicyStep.objects.get(policy=policy).channels.set([second])
    report(application, 3, at=100, host="erp2")
    evaluate(100)
    tell(330)
    assert [who for who, _ in mails()] == ["first@example.com", "first@example.com", "second@example.com"]


def test_policy__two_round_robin_steps__each_takes_turns_of_its_own(application: Application) -> None:
    people = [get_user_model().objects.create_user(name, email=f"{name}@example.com") for name in "abcd"]
    policy = make_policy(
        {"kind": "round_robin", "people": people[:2]},
        {"kind": "wait", "seconds": MINUTE},
        {"kind": "round_robin", "people": people[2:]},
    )
    use(policy, make_rule(name="Load"))
    for number in range(4):
        begins = number * 5 * HOUR
        report(application, 3, at=begins)
        evaluate(begins)
        tell_until(begins + 120, start=begins, every=30)
        report(application, 0, at=begins + 200)
        evaluate(begins + 200)
        tell(begins + 400)
    calls = [who[0] for who, subject in mails() if not subject.startswith("Resolved")]
    assert calls == ["a", "c", "b", "d", "a", "c", "b", "d"]


def test_policy__team__its_active_members_are_told_each_once(application: Application) -> None:
    people = [
        get_user_model().objects.create_user(name, email=f"{name}@example.com") for name in ("ada", "bo", "cy", "di")
    ]
    first, second = Group.objects.create(name="First"), Group.objects.create(name="Second")
    first.user_set.set(people[:2])
    second.user_set.set(people[1:3])
    get_user_model().objects.filter(username="cy").update(is_active=False)
    use(make_policy({"kind": "team", "teams": [first, second]}), make_rule(name="Load"))
    report(application, 3)
    evaluate(0)
    tell(30)
    assert sorted(who for who, _ in mails()) == ["ada@example.com", "bo@example.com"]


def test_policy__only_if_many__goes_on_once_so_many_began_lately(application: Application) -> None:
    policy = make_policy(
        {"kind": "channel", "channels": [make_channel("ops@example.com")]},
        {"kind": "wait", "seconds": HOUR},
        {"kind": "if_count", "count": 2, "seconds": 2 * HOUR},
        {"kind": "channel", "channels": [make_channel("boss@example.com")]},
    )
    use(policy, make_rule(name="Load"))
    for number in range(3):
        begins = number * 12 * HOUR
        for host in range(number + 1):
            report(application, 3, at=begins, host=f"erp{host}")
        evaluate(begins)
        tell_until(begins + HOUR + 60, start=begins + 30, every=1800)
        for host in range(number + 1):
            report(application, 0, at=begins + 2 * HOUR, host=f"erp{host}")
        evaluate(begins + 2 * HOUR)
        tell_until(begins + 3 * HOUR, start=begins + 2 * HOUR, every=600)
    told = [who for who, subject in mails() if not subject.startswith("Resolved")]
    assert told == ["ops@example.com"] * 3 + ["boss@example.com"]
