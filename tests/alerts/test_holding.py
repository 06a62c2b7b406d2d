"""What holds alerts back, told as scenarios over real rules with a simulated clock: who is told what, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from alerts.enums import HoldKind
from alerts.inhibit_drafts import ComponentDraft, DraftInvalid, InhibitDraft
from alerts.models import Alert, Component, Hold, InhibitRule, Policy, Route
from alerts.selectors import read_inhibitions, read_routes
from alerts.services.builtin import install_rules
from alerts.services.components import delete_component, save_component
from alerts.services.evaluating import evaluate_rules
from alerts.services.grouping import Signpost, label_alert
from alerts.services.holding import find_holds
from alerts.services.inhibitions import (
    BuiltinKept,
    delete_inhibition,
    install_inhibitions,
    save_inhibition,
    set_inhibitions_enabled,
)
from alerts.services.notifying import take_turn
from alerts.services.silences import create_silence, end_silence, extend_silence
from alerts.silencing import SilenceDraft
from config.actors import Actor
from config.deliveries.models import Delivery
from monitoring.applications.models import Application
from monitoring.uptime.enums import EndAction
from monitoring.uptime.recurrence import Recurrence, Repeat
from monitoring.uptime.services.maintenance import (
    cancel_window,
    create_window,
    delete_window,
    end_occurrence,
    follow_windows,
    update_window,
)
from monitoring.uptime.window_drafts import WindowDraft
from tests.support.alerts import evaluate, make_alert, make_channel, make_rule, moment, report, tell
from tests.support.metrics import make_application, store

pytestmark = pytest.mark.django_db
BY = Actor(name="Ada")
MINUTE, HOUR = 60, 3600


@pytest.fixture
def application() -> Application:
    make_channel(is_default=True)
    return make_application(name="Acme")


def subjects() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("subject", flat=True))


def tell_until(end: int, *, start: int = 0, every: int = 10) -> None:
    for second in range(start, end + 1, every):
        follow_windows(now=moment(second))
        tell(second)


def silence(*, start: float = 0, end: float = HOUR, matchers: str = '{alertname="Load"}') -> Any:
    draft = SilenceDraft(matchers, moment(start), moment(end), "Known")
    return create_silence(draft=draft, by=BY, now=moment(start))


def inhibit(source: str, target: str, *equal: str) -> InhibitRule:
    return save_inhibition(draft=InhibitDraft(f"{source} before {target}", source, target, equal))


# Silences: as Alertmanager's own acceptance tests tell them.


def test_silence__before_and_while_it_fires__told_when_it_ends(application: Application) -> None:
    make_rule(name="Load")
    silence(end=20 * MINUTE)
    report(application, 3)
    evaluate(0)
    tell_until(20 * MINUTE - 10, every=30)
    assert subjects() == []
    tell(20 * MINUTE)
    assert subjects() == ["Warning: Load (host=erp1)"]


def test_silence__begins_while_firing__no_repetition_and_its_end_is_told_at_once(application: Application) -> None:
    make_rule(name="Load")
    report(application, 3)
    evaluate(0)
    tell_until(60)
    silence(start=60, end=6 * HOUR)
    tell_until(5 * HOUR, start=70, every=300)
    assert len(subjects()) == 1
    tell(6 * HOUR)
    assert len(subjects()) == 2


def test_silence__ended_early__told_at_once(application: Application) -> None:
    make_rule(name="Load")
    row = silence(end=HOUR)
    report(application, 3)
    evaluate(0)
    tell_until(120)
    end_silence(silence_id=row.pk, by=BY, now=moment(121))
    tell(125)
    assert subjects() == ["Warning: Load (host=erp1)"]


def test_silence__extended__holds_until_the_new_end_and_says_so(application: Application) -> None:
    make_rule(name="Load")
    row = silence(end=10 * MINUTE)
    report(application, 3)
    evaluate(0)
    tell_until(60)
    extend_silence(silence_id=row.pk, ends_at=moment(30 * MINUTE), now=moment(61))
    tell_until(30 * MINUTE - 10, start=70, every=60)
    assert subjects() == []
    assert Hold.objects.get().until == moment(30 * MINUTE)
    tell(30 * MINUTE)
    assert len(subjects()) == 1


def test_silence__over_while_silenced__nobody_hears_of_either(application: Application) -> None:
    make_rule(name="Load")
    silence(end=HOUR)
    report(application, 3)
    evaluate(0)
    tell_until(60)
    report(application, 0, at=60)
    evaluate(75)
    tell_until(2 * HOUR, start=80, every=300)
    assert subjects() == []


# Inhibition.


def test_inhibition__of_one_application__holds_its_alerts_alone(application: Application) -> None:
    other = make_application()
    make_rule(name="Load", condition="load > 1")
    make_rule(name="Overload", condition="load > 5")
    draft = InhibitDraft("Own", "alertname=Overload", "alertname=Load", application_id=application.pk)
    save_inhibition(draft=draft)
    for each in (application, other):
        report(each, 9)
    evaluate()
    tell(60)
    assert list(Hold.objects.values_list("alert__application_id", "alert__name")) == [(application.pk, "Load")]


def test_inhibition__application_of_the_same_name_in_another_environment__holds_nothing(
    application: Application,
) -> None:
    staging = make_application(slug=application.slug, environment="staging")
    make_rule("load > 1", name="Load")
    make_rule("load > 5", name="Overload")
    inhibit("alertname=Overload", "alertname=Load", "application")
    report(staging, 9)
    report(application, 2)
    evaluate()
    tell(60)
    assert list(Hold.objects.values_list("alert__application_id", "alert__name")) == [(staging.pk, "Load")]


def test_inhibition__source_fires__target_is_held_and_told_when_it_is_over(application: Application) -> None:
    make_rule("load > 1", name="Load", severity="warning")
    make_rule("load > 5", name="Overload", severity="critical")
    inhibit("alertname=Overload", "alertname=Load", "host")
    report(application, 9)
    evaluate(0)
    tell_until(60)
    assert subjects() == ["Critical: Overload (host=erp1)"]
    assert Hold.objects.get().text == "“Overload (host=erp1)” fires."

    report(application, 3, at=60)
    evaluate(75)
    tell_until(HOUR, start=80, every=30)
    assert sorted(subject.split(":")[0] for subject in subjects()[1:]) == ["Resolved after 1 min 15 s", "Warning"]


def test_inhibition__source_comes_and_goes_for_hours__target_that_is_known_is_not_told_again(
    application: Application,
) -> None:
    make_rule("load > 1", name="Load", severity="warning")
    make_rule("load > 5", name="Overload", severity="critical")
    inhibit("alertname=Overload", "alertname=Load", "host")
    for minute in range(3 * 60):
        report(application, 9 if minute % 10 in (7, 8, 9) else 3, at=minute * MINUTE)
        evaluate(minute * MINUTE)
        tell(minute * MINUTE)
        tell(minute * MINUTE + 30)
    assert subjects().count("Warning: Load (host=erp1)") == 1
    assert Hold.objects.filter(kind=HoldKind.INHIBITION).exclude(ended_at=None).count() == 17


def test_inhibition__silenced_meanwhile__target_is_told_when_both_are_over(application: Application) -> None:
    make_rule("load > 1", name="Load")
    make_rule("load > 5", name="Overload", severity="critical")
    inhibit("alertname=Overload", "alertname=Load", "host")
    report(application, 3)
    evaluate(0)
    tell_until(60)
    report(application, 9, at=60)
    evaluate(60)
    silence(start=70, end=10 * MINUTE)
    tell_until(10 * MINUTE, start=70)
    assert subjects().count("Warning: Load (host=erp1)") == 1
    report(application, 3, at=11 * MINUTE)
    evaluate(11 * MINUTE)
    tell_until(17 * MINUTE, start=11 * MINUTE)
    assert subjects().count("Warning: Load (host=erp1)") == 2


def test_inhibition__another_host__is_not_held(application: Application) -> None:
    make_rule("load > 1 < 5", name="Load")
    make_rule("load > 5", name="Overload", severity="critical")
    inhibit("alertname=Overload", "alertname=Load", "host")
    report(application, 9, host="erp1")
    report(application, 3, host="erp2")
    evaluate(0)
    tell_until(60)
    assert len(subjects()) == 2


def test_inhibition__switched_off__target_is_told(application: Application) -> None:
    make_rule("load > 1", name="Load")
    make_rule("load > 5", name="Overload", severity="critical")
    rule = inhibit("alertname=Overload", "alertname=Load", "host")
    report(application, 9)
    evaluate(0)
    tell_until(60)
    set_inhibitions_enabled(rule_ids=[rule.pk], enabled=False)
    tell(65)
    assert len(subjects()) == 2


def test_inhibition__of_what_is_silenced__still_holds(application: Application) -> None:
    """Somebody decided that nobody hears of the cause; its consequences are no news then."""
    make_rule("load > 1", name="Load")
    make_rule("load > 5", name="Overload", severity="critical")
    inhibit("alertname=Overload", "alertname=Load", "host")
    silence(matchers="alertname=Overload")
    report(application, 9)
    evaluate(0)
    tell_until(60)
    assert subjects() == []


def test_builtin_inhibitions__cpu_critical__only_that_is_told_of_the_same_host(application: Application) -> None:
    install_rules()
    install_inhibitions()
    for second in range(0, 8 * MINUTE, 30):
        for host, value in (("erp1", 0.99), ("erp2", 0.9)):
            report(application, value, at=second, host=host, name="system_cpu_utilization_ratio")
        evaluate(second)
        tell(second)
    told = "\n".join(Delivery.objects.values_list("text", flat=True))
    assert "CPU of erp1 above 95" in told
    assert "CPU of erp1 above 80" not in told
    assert "CPU of erp2 above 80" in told


def test_install__twice_and_edited__keeps_what_people_changed() -> None:
    assert install_inhibitions() > 5
    assert install_inhibitions() == 0
    rule = InhibitRule.objects.get(builtin_key="host-cpu")
    save_inhibition(draft=InhibitDraft("Mine", "a=b", "c=d"), rule=rule)
    InhibitRule.objects.update(builtin_version=0)
    assert install_inhibitions() > 5
    rule.refresh_from_db()
    assert (rule.name, rule.source_matchers) == ("Mine", "a=b")
    with pytest.raises(BuiltinKept):
        delete_inhibition(rule=rule)


@pytest.mark.parametrize(
    ("field", "draft"),
    [
        ("source_matchers", InhibitDraft("A", "", "a=b")),
        ("target_matchers", InhibitDraft("A", "a=b", " ")),
        ("target_matchers", InhibitDraft("A", "a=b", "{")),
        ("source_matchers", InhibitDraft("A", "a!=b", "a=b")),
        ("name", InhibitDraft(" ", "a=b", "c=d")),
    ],
)
def test_inhibition__senseless__refused_in_words(field: str, draft: InhibitDraft) -> None:
    with pytest.raises(DraftInvalid) as caught:
        save_inhibition(draft=draft)
    assert list(caught.value.errors) == [field]
    assert not InhibitRule.objects.exists()


# Components.


def make_component(name: str, matchers: str, *parents: Component) -> Component:
    return save_component(draft=ComponentDraft(name, matchers, parent_ids=tuple(one.pk for one in parents)))


def test_outage__host_with_thirty_children__one_page_and_later_the_one_that_stays(application: Application) -> None:
    make_rule("host_down > 0", name="Host down", severity="critical")
    make_rule("load > 1", name="Service down")
    host = make_component("Host", 'alertname="Host down"')
    for number in range(30):
        make_component(f"Service {number}", f'alertname="Service down", host="s{number}"', host)
    report(application, 1, name="host_down", host="metal")
    for number in range(30):
        report(application, 3, host=f"s{number}")
    evaluate(0)
    tell_until(10 * MINUTE, every=30)

    assert subjects() == ["Critical: Host down (host=metal)"]
    assert Alert.objects.firing().count() == 31
    assert Hold.objects.filter(kind=HoldKind.COMPONENT, ended_at=None).count() == 30
    assert "Host is broken: “Host down (host=metal)”." in Hold.objects.values_list("text", flat=True)

    # All but one recover with the host: they are evaluated all the same.
    report(application, 0, name="host_down", host="metal", at=10 * MINUTE)
    for number in range(29):
        report(application, 0, host=f"s{number}", at=10 * MINUTE)
    report(application, 3, host="s29", at=10 * MINUTE)
    evaluate(10 * MINUTE + 15)
    tell_until(20 * MINUTE, start=10 * MINUTE + 20, every=30)

    assert sorted(subjects()[1:]) == [
        "Resolved after 10 min: Host down (host=metal)",
        "Warning: Service down (host=s29)",
    ]


def test_outage__host_is_missed_later_than_what_runs_on_it__one_page_all_the_same(application: Application) -> None:
    make_rule("host_down > 0", name="Host down", severity="critical", for_seconds=90)
    make_rule("load > 1", name="Service down")
    host = make_component("Host", 'alertname="Host down"')
    for number in range(30):
        make_component(f"Service {number}", f'alertname="Service down", host="s{number}"', host)
    report(application, 1, name="host_down", host="metal")
    for number in range(30):
        report(application, 3, host=f"s{number}")
    for second in range(0, 181, 15):
        evaluate(second)
        tell(second)
        assert not any("Service" in subject for subject in subjects())

    assert subjects() == ["Critical: Host down (host=metal) for 1 min 30 s"]
    held = Hold.objects.filter(kind=HoldKind.COMPONENT, ended_at=None)
    assert set(held.values_list("text", "until")) == {("Host is broken: “Host down (host=metal)”.", None)}
    assert held.count() == 30


def test_component__what_it_needs_was_only_suspected__told_when_that_is_over(application: Application) -> None:
    make_rule("host_down > 0", name="Host down", severity="critical", for_seconds=90)
    make_rule("load > 1", name="Service down")
    make_component("Service", 'alertname="Service down"', make_component("Host", 'alertname="Host down"'))
    report(application, 1, name="host_down", host="metal")
    report(application, 3, host="s1")
    evaluate(0)
    tell_until(30)
    assert subjects() == []
    (hold,) = Hold.objects.all()
    assert (hold.text, hold.until) == ("Host may be broken: “Host down (host=metal)”.", moment(90 + 45))
    report(application, 0, name="host_down", host="metal", at=40)
    evaluate(45)
    tell(45)
    assert subjects() == ["Warning: Service down (host=s1)"]


def test_component__what_it_needs_is_pending_for_long__does_not_wait(application: Application) -> None:
    make_rule("host_down > 0", name="Host down", severity="critical", for_seconds=HOUR)
    make_rule("load > 1", name="Service down")
    make_component("Service", 'alertname="Service down"', make_component("Host", 'alertname="Host down"'))
    report(application, 1, name="host_down", host="metal")
    report(application, 3, host="s1")
    evaluate(0)
    tell_until(30)
    assert subjects() == ["Warning: Service down (host=s1)"]


def test_component__what_it_needs_is_suspected_later__goes_its_way(application: Application) -> None:
    make_rule("host_down > 0", name="Host down", severity="critical", for_seconds=90)
    make_rule("load > 1", name="Service down")
    make_component("Service", 'alertname="Service down"', make_component("Host", 'alertname="Host down"'))
    report(application, 3, host="s1")
    evaluate(0)
    tell_until(30)
    assert subjects() == ["Warning: Service down (host=s1)"]
    report(application, 1, name="host_down", host="metal", at=60)
    report(application, 3, host="s1", at=60)
    evaluate(60)
    tell_until(90, start=60)
    assert not Hold.objects.exists()


def test_component__ended_and_began_anew_while_what_it_needs_is_suspected__nothing_is_said(
    application: Application,
) -> None:
    make_rule("host_down > 0", name="Host down", severity="critical", for_seconds=90)
    make_rule("load > 1", name="Service down")
    make_component("Service", 'alertname="Service down"', make_component("Host", 'alertname="Host down"'))
    report(application, 3, host="s1")
    evaluate(0)
    tell_until(30)
    for second, load in ((60, 0), (120, 3)):
        report(application, load, host="s1", at=second)
        report(application, 1, name="host_down", host="metal", at=second)
        evaluate(second)
        tell(second)
    tell_until(330, start=125, every=5)
    assert not Hold.objects.filter(kind=HoldKind.COMPONENT).exists()
    assert subjects() == ["Warning: Service down (host=s1)"]


def test_component__what_it_needs_is_missing_data__waits_for_as_long_as_that_takes(application: Application) -> None:
    make_rule("host_load > 9", name="Host silent", severity="critical", no_data_after_seconds=200)
    make_rule("load > 1", name="Service down")
    make_component("Service", 'alertname="Service down"', make_component("Host", 'alertname="Host silent"'))
    for second in range(0, 61, 15):
        report(application, 1, name="host_load", host="metal", at=second)
        evaluate(second)
    for second in range(75, 701, 15):
        if second == 420:
            report(application, 3, host="s1", at=second)
        evaluate(second)
        tell(second)
        if second == 480:
            assert subjects() == []
            assert Hold.objects.get().text.startswith("Host may be broken: “No data")
    assert subjects() == ["Critical: No data from host metal for 3 min 30 s (rule “Host silent”)"]


def test_component__deleted_above__what_it_held_is_told(application: Application) -> None:
    make_rule("load > 1", name="Load")
    host = make_component("Host", 'host="metal"')
    make_component("Service", 'host="erp1"', host)
    report(application, 3, host="metal")
    report(application, 3, host="erp1")
    evaluate(0)
    tell_until(60)
    assert subjects() == ["Warning: Load (host=metal)"]
    delete_component(component=host)
    tell(65)
    assert subjects()[1] == "Warning: 2 alerts: Load (host=metal), …"


def test_component__loop_or_itself__refused_in_words_and_nothing_changes() -> None:
    first = make_component("First", "a=b")
    second = make_component("Second", "a=c", first)
    for parents, words in (((second.pk,), "“First” needs “Second” needs “First”"), ((first.pk,), "can't need itself")):
        with pytest.raises(DraftInvalid, match=words):
            save_component(draft=ComponentDraft("First", "a=b", parent_ids=parents), component=first)
    assert list(first.depends_on.all()) == []


# Maintenance.


def window(application: Application, *, start: float, end: float, **fields: Any) -> Any:
    draft = WindowDraft(application.pk, moment(start), moment(end), "Update", **fields)
    return create_window(draft=draft, now=moment(start))


def test_window__release__what_still_fires_is_told_at_its_end_in_one_message(application: Application) -> None:
    make_rule(name="Load")
    window(application, start=0, end=30 * MINUTE)
    for host in ("erp1", "erp2", "erp3"):
        report(application, 3, host=host)
    evaluate(0)
    tell_until(30 * MINUTE - 10, every=60)
    assert subjects() == []
    assert {hold.text for hold in Hold.objects.all()} == {"Maintenance: Update"}
    assert {hold.until for hold in Hold.objects.all()} == {moment(30 * MINUTE)}
    tell_until(30 * MINUTE + 60, start=30 * MINUTE)
    assert subjects() == ["Warning: 3 alerts: Load (host=erp1), …"]


def test_window__drop__what_began_in_it_is_told_only_if_it_begins_anew(application: Application) -> None:
    make_rule(name="Load")
    report(application, 3, host="before")
    evaluate(0)
    window(application, start=10, end=30 * MINUTE, end_action=EndAction.DROP)
    report(application, 3, at=20, host="within")
    evaluate(20)
    tell_until(HOUR, start=20, every=60)
    assert subjects() == ["Warning: Load (host=before)"]

    report(application, 0, at=HOUR, host="within")
    evaluate(HOUR)
    report(application, 3, at=HOUR + 60, host="within")
    evaluate(HOUR + 60)
    tell_until(HOUR + 900, start=HOUR + 60, every=30)
    assert subjects()[1] == "Warning: 1 alert, 1 resolved: Load (host=within), …"


@pytest.mark.parametrize("how", ["cancel", "delete", "move"])
def test_window__taken_back__what_it_held_is_told_at_once(application: Application, how: str) -> None:
    make_rule(name="Load")
    row = window(application, start=0, end=HOUR, end_action=EndAction.DROP)
    report(application, 3)
    evaluate(0)
    tell_until(120)
    now = moment(125)
    match how:
        case "cancel":
            cancel_window(window=row, now=now)
        case "delete":
            delete_window(window=row, now=now)
        case "move":
            later = WindowDraft(application.pk, moment(5 * HOUR), moment(6 * HOUR), end_action=EndAction.DROP)
            update_window(window=row, draft=later, now=now)
    tell(125)
    assert subjects() == ["Warning: Load (host=erp1)"]


def test_window__drop_ended_early__what_began_in_it_stays_untold(application: Application) -> None:
    make_rule(name="Load")
    row = window(application, start=0, end=HOUR, end_action=EndAction.DROP)
    report(application, 3)
    evaluate(0)
    tell_until(120)
    end_occurrence(window=row, now=moment(125))
    tell_until(900, start=125)
    assert subjects() == []


def test_window__matchers__hold_only_such_alerts(application: Application) -> None:
    make_rule(name="Load")
    window(application, start=0, end=HOUR, matchers='{host="erp1"}')
    report(application, 3, host="erp1")
    report(application, 3, host="erp2")
    evaluate(0)
    tell_until(60)
    assert subjects() == ["Warning: Load (host=erp2)"]


def test_window__of_another_application__holds_nothing(application: Application) -> None:
    make_rule(name="Load")
    window(make_application(), start=0, end=HOUR)
    report(application, 3)
    evaluate(0)
    tell_until(60)
    assert len(subjects()) == 1


def test_window__every_night_over_the_end_of_summer_time__holds_by_the_local_clock(application: Application) -> None:
    """02:00-04:00 in Berlin is three hours long in this night, 00:00-03:00 UTC, and two in the next, 01:00-03:00."""
    make_rule("load > 1", name="Load")
    create_window(
        draft=WindowDraft(
            application.pk,
            datetime.fromisoformat("2026-10-20T02:00+02:00"),
            datetime.fromisoformat("2026-10-20T04:00+02:00"),
            time_zone="Europe/Berlin",
            recurrence=Recurrence(Repeat.DAILY),
        ),
        now=datetime.fromisoformat("2026-10-19T12:00Z"),
    )
    held = {}
    for text in ("24T23:45", "25T00:15", "25T02:45", "25T03:15", "26T00:45", "26T01:15", "26T02:45", "26T03:15"):
        now = datetime.fromisoformat(f"2026-10-{text}+00:00")
        labels = {"__name__": "load", "host": "erp1"}
        store(application, [(labels, int(now.timestamp() * 1000), 3)], now=now)
        follow_windows(now=now)
        evaluate_rules(now=now)
        take_turn(now=now)
        held[text] = Hold.objects.filter(kind=HoldKind.MAINTENANCE, ended_at=None).exists()
    assert [text for text, is_held in held.items() if is_held] == ["25T00:15", "25T02:45", "26T01:15", "26T02:45"]


def test_owner__same_name_in_another_environment__holds_and_routes_nothing_of_it() -> None:
    production = make_application(slug="erp")
    staging = make_application(slug="erp", environment="staging")
    InhibitRule.objects.create(name="Mine", source_matchers='host="a"', target_matchers='host="b"', application=staging)
    policy = Policy.objects.create(name="Staging", application=staging)
    Route.objects.create(application=staging, policy=policy, matchers='{host="b"}', position=0)
    for one in (production, staging):
        make_alert(one, rule=make_rule(), labels={"host": "a"})
    targets = [make_alert(one, rule=make_rule(), labels={"host": "b"}) for one in (production, staging)]
    holds = find_holds(now=moment(0))
    assert [holds.holds(alert.pk) for alert in targets] == [False, True]
    found = [[each.name for each in Signpost(None).find(label_alert(alert))] for alert in targets]
    assert found == [["Default channels"], ["Staging"]]


def test_routes__of_an_application__the_same_as_among_those_of_all_and_no_others_are_read() -> None:
    owners = [make_application(), make_application(), None]
    policies = [Policy.objects.create(name=f"Policy {number}") for number in range(6)]
    rows = [
        Route.objects.create(application=owner, policy=policy, matchers='{host="a"}', position=number, continues=True)
        for number, (owner, policy) in enumerate(zip(owners * 2, policies, strict=True))
    ]
    Route.objects.create(application=owners[0], parent=rows[2], policy=policies[0], matchers='{host=~"a|b"}')
    alerts = [make_alert(one, rule=make_rule(), labels={"host": "a"}) for one in owners if one]
    labelled = [(label_alert(alert), alert.application_id) for alert in alerts]

    found = [Signpost(None).find(labels, application_id=application_id) for labels, application_id in labelled]

    assert found == [Signpost(None).find(labels) for labels, _ in labelled]
    assert {route.route_id for route in read_routes(application_id=alerts[1].application_id).children} == {
        row.pk for row in rows if row.application in (None, owners[1])
    }


def test_inhibitions__of_an_application__its_own_and_those_of_all() -> None:
    owners = [make_application(), make_application(), None]
    for number, owner in enumerate(owners):
        save_inhibition(draft=InhibitDraft(f"Rule {number}", "a=b", "c=d", application_id=owner and owner.pk))

    assert [name for name, _ in read_inhibitions(application_id=owners[1].pk)] == ["Rule 1", "Rule 2"]
    assert len(read_inhibitions()) == 3
