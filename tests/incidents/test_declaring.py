"""Declaring incidents: by a policy's step over real alerts, by hand, and what joins them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction

from alerts.models import Alert, AlertGroup
from config.outbox.models import Event
from config.outbox.services import dispatch_due_events
from incidents.drafts import IncidentInvalid
from incidents.models import Incident, IncidentGroup
from incidents.services.declaring import AlreadyOpen, declare_wanted_incident
from incidents.services.progress import reopen_incident, resolve_incident
from monitoring.applications.models import Application
from tests.support.alerts import make_alert, make_rule, moment
from tests.support.incidents import BY, HOUR, MINUTE, declare, fresh, kinds, make_declaring_rule, pass_time
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    return make_application(name="Acme")


@pytest.fixture
def wanted(application: Application) -> Incident:
    """The incident that a policy's step declared 30 s after NOW, for a critical alert."""
    make_declaring_rule(annotations={"summary": "Load of {{ $labels.host }}"})
    pass_time(0, application, erp1=3)
    pass_time(30)
    return Incident.objects.get()


def resolve(incident: Incident, at: float) -> None:
    resolve_incident(number=incident.pk, text="Restarted.", by=BY, now=moment(at))


def test_policy__comes_to_its_step__incident_with_level_alert_and_clocks(
    wanted: Incident, application: Application
) -> None:
    assert (wanted.title, wanted.level, wanted.status) == ("Load of erp1", "P1", "declared")
    assert (wanted.application, wanted.source, wanted.declared_name) == (application, "policy", "policy “Night”")
    assert wanted.declared_at == moment(30)
    assert wanted.respond_by - wanted.declared_at == timedelta(minutes=15)
    assert wanted.resolve_by - wanted.declared_at == timedelta(hours=4)
    assert [link.alert_id for link in wanted.alerts.all()] == [Alert.objects.get().pk]
    entry = wanted.timeline.get()
    assert (entry.kind, entry.author_name) == ("declared", "policy “Night”")
    assert entry.text == "P1, because a critical alert is a critical symptom.\nCritical: Load of erp1"


@pytest.mark.parametrize(("severity", "level"), [("warning", "P3"), ("info", "P4")])
def test_policy__alert_is_not_critical__lower_level(application: Application, severity: str, level: str) -> None:
    make_declaring_rule(severity=severity)
    pass_time(0, application, erp1=3)
    pass_time(30)
    assert Incident.objects.get().level == level


def test_policy__wants_it_again_while_it_is_open__same_incident(wanted: Incident) -> None:
    event = Event.objects.get(type="alert.incident_wanted")
    for _ in range(2):
        declare_wanted_incident(**event.payload, wanted_at=event.created_at, now=moment(MINUTE))
    assert Incident.objects.count() == 1
    assert kinds(wanted) == ["declared"]


def test_policy__late_wish_for_what_was_resolved_meanwhile__nothing_new(wanted: Incident) -> None:
    event = Event.objects.get(type="alert.incident_wanted")
    resolve(wanted, 5 * MINUTE)
    declare_wanted_incident(**event.payload, wanted_at=event.created_at, now=moment(6 * MINUTE))
    assert Incident.objects.count() == 1


def test_policy__wish_after_it_was_resolved__new_incident(wanted: Incident) -> None:
    payload = Event.objects.get(type="alert.incident_wanted").payload
    resolve(wanted, 5 * MINUTE)
    second = declare_wanted_incident(**payload, wanted_at=moment(HOUR), now=moment(HOUR))
    assert second is not None
    assert second != wanted
    assert second.declared_at == moment(HOUR)


def test_policy__group_is_forgotten__no_incident(application: Application) -> None:
    args = {"alert_ids": [1], "policy": "Night", "wanted_at": moment(0), "now": moment(0)}
    assert declare_wanted_incident(group_id=4711, **args) is None  # type: ignore[arg-type]
    assert not Incident.objects.exists()


def test_group__another_alert_joins__in_timeline_and_links_once(wanted: Incident, application: Application) -> None:
    pass_time(60, application, erp2=3)
    pass_time(75)
    assert kinds(wanted) == ["declared", "alerts_joined"]
    assert wanted.timeline.last().text == "Critical: Load of erp2"  # type: ignore[union-attr]
    assert wanted.alerts.count() == 2


def test_group__joins_before_the_incident_is_declared__both_from_the_start(application: Application) -> None:
    make_declaring_rule()
    pass_time(0, application, erp1=3)
    pass_time(15, application, erp2=3)
    pass_time(30)
    incident = Incident.objects.get()
    assert incident.title == "Load (host=erp1) and 1 more"
    assert kinds(incident) == ["declared"]
    assert incident.alerts.count() == 2


def test_group__worse_alert_joins_by_another_group__asks_about_the_level(application: Application) -> None:
    mild = declare(level="P3", alert_ids=(make_alert(application).pk,))
    bad = make_alert(application, severity="critical", fired_at=moment(-60))
    group = AlertGroup.objects.create(
        key="k", destination="default", opened_at=moment(0), due_at=moment(0), look_at=moment(0)
    )
    for alert_id in (bad.pk, mild.alerts.get().alert_id):
        group.members.create(alert_id=alert_id)
    found = declare_wanted_incident(
        group_id=group.pk, alert_ids=[bad.pk], policy="Night", wanted_at=moment(60), now=moment(60)
    )
    assert found == mild
    assert "By their severity this would be P1: is P3 still right?" in mild.timeline.last().text  # type: ignore[union-attr]


def test_group__is_over__entry_and_the_incident_stays_open(wanted: Incident, application: Application) -> None:
    pass_time(60, application, erp1=0)
    pass_time(10 * MINUTE, application, erp1=0)
    assert kinds(wanted) == ["declared", "alerts_over"]
    assert fresh(wanted).is_open
    assert IncidentGroup.objects.get().over_at == moment(10 * MINUTE)


def test_group__begins_again_while_the_incident_is_open__joins_it(wanted: Incident, application: Application) -> None:
    pass_time(60, application, erp1=0)
    pass_time(10 * MINUTE, application, erp1=0)
    pass_time(20 * MINUTE, application, erp1=3)
    pass_time(21 * MINUTE, application, erp1=3)
    assert Incident.objects.get() == wanted
    assert kinds(wanted) == ["declared", "alerts_over", "alerts_joined"]
    assert IncidentGroup.objects.get().group_id == AlertGroup.objects.latest("pk").pk


def test_group__begins_again_after_the_incident_was_resolved__new_incident(
    wanted: Incident, application: Application
) -> None:
    pass_time(60, application, erp1=0)
    pass_time(10 * MINUTE, application, erp1=0)
    resolve(wanted, 11 * MINUTE)
    pass_time(20 * MINUTE, application, erp1=3)
    pass_time(21 * MINUTE, application, erp1=3)
    second = Incident.objects.latest("pk")
    assert second.number > wanted.number
    assert kinds(second) == ["declared"]
    assert "alerts_joined" not in kinds(wanted)


def test_group__over_before_the_wish_is_heard__declared_and_said_to_be_over(application: Application) -> None:
    make_declaring_rule()
    pass_time(0, application, erp1=3)
    Alert.objects.update(state="resolved", resolved_at=moment(10))
    group = AlertGroup.objects.get()
    found = declare_wanted_incident(
        group_id=group.pk,
        alert_ids=[Alert.objects.get().pk],
        policy="Night",
        wanted_at=moment(5),
        now=moment(60),
    )
    assert found is not None
    assert (found.declared_at, kinds(found)) == (moment(5), ["declared", "alerts_over"])


def test_group__two_open_incidents_for_its_key__refused_by_the_database(wanted: Incident) -> None:
    other = declare(title="Another")
    known = IncidentGroup.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        other.groups.create(key=known.key, group_id=known.group_id, joined_at=moment(60))


def test_group__of_several_applications__not_for_the_incident_of_one(application: Application) -> None:
    mine, foreign = make_alert(application), make_alert(make_application(), annotations={"summary": "Secret"})
    group = AlertGroup.objects.create(
        key="k", destination="default", opened_at=moment(0), due_at=moment(0), look_at=moment(0)
    )
    for alert in (mine, foreign):
        group.members.create(alert=alert)
    own = declare(alert_ids=(mine.pk,), application_id=application.pk)
    wish = {"group_id": group.pk, "alert_ids": [foreign.pk], "policy": "Night"}
    wanted = declare_wanted_incident(**wish, wanted_at=moment(60), now=moment(60))  # type: ignore[arg-type]
    assert wanted is not None
    assert (wanted.application, wanted.alerts.count()) == (None, 2)
    assert (kinds(own), own.alerts.count()) == (["declared"], 1)


@pytest.mark.django_db(transaction=True)
def test_wish__heard_by_several_at_once__one_incident(application: Application) -> None:
    make_declaring_rule()
    pass_time(0, application, erp1=3)
    wish = {"group_id": AlertGroup.objects.get().pk, "alert_ids": [Alert.objects.get().pk], "policy": "Night"}
    start = Barrier(4)

    def hear() -> int:
        start.wait()
        try:
            found = declare_wanted_incident(**wish, wanted_at=moment(5), now=moment(60))  # type: ignore[arg-type]
            return found.pk if found else 0
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        heard = {each.result() for each in [threads.submit(hear) for _ in range(4)]}
    assert heard == {Incident.objects.get().pk}


def test_reopened__its_alerts_were_over_meanwhile__is_said(wanted: Incident, application: Application) -> None:
    resolve(wanted, 60)
    pass_time(300, application, erp1=0)
    pass_time(700)
    assert AlertGroup.objects.get().state == "closed"
    reopen_incident(number=wanted.pk, text="Not over.", by=BY, now=moment(800))
    assert kinds(wanted)[-2:] == ["reopened", "alerts_over"]


def test_reopened__others_joined_meanwhile__they_are_its_own(wanted: Incident, application: Application) -> None:
    resolve(wanted, 60)
    pass_time(90, application, erp1=3, erp2=3)
    reopen_incident(number=wanted.pk, text="Not over.", by=BY, now=moment(100))
    assert kinds(wanted)[-2:] == ["reopened", "alerts_joined"]
    assert wanted.alerts.count() == 2


def test_firing_alert__no_incident_is_open__nothing(application: Application) -> None:
    make_rule()
    pass_time(0, application, erp1=3)
    assert not Incident.objects.exists()
    assert not Event.objects.exclude(state="done").exists()


def test_person__declares_for_an_alert__its_group_and_the_rest_of_it_join(application: Application) -> None:
    make_declaring_rule()
    pass_time(0, application, erp1=3, erp2=3)
    first, second = Alert.objects.order_by("pk")
    incident = declare(alert_ids=(first.pk,), application_id=application.pk)
    assert kinds(incident) == ["declared", "alerts_joined"]
    pass_time(30)  # the policy's own wish finds it
    assert Incident.objects.get() == incident
    with pytest.raises(AlreadyOpen, match=f"Incident {incident.number} is open"):
        declare(alert_ids=(second.pk,))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"level": "P5"}, "level"),
        ({"description": "x" * 10_001}, "description"),
        ({"alert_ids": (4711,)}, "alerts"),
    ],
)
def test_person__declares_badly__told_which_field_and_nothing_kept(fields: dict[str, object], field: str) -> None:
    with pytest.raises(IncidentInvalid) as caught:
        declare(**fields)
    assert list(caught.value.errors) == [field]
    assert not Incident.objects.exists()


def test_person__alert_of_another_application__is_refused(application: Application) -> None:
    alert = make_alert(make_application())
    with pytest.raises(IncidentInvalid, match="of this application"):
        declare(application_id=application.pk, alert_ids=(alert.pk,))


def test_wish__handler_is_run_by_two_dispatchers__once(application: Application) -> None:
    make_declaring_rule()
    pass_time(0, application, erp1=3)
    with time_machine.travel(moment(30), tick=False):
        pass_time(30)
        Event.objects.update(state="pending", finished_at=None, due_at=moment(0))
        dispatch_due_events()
    assert kinds(Incident.objects.get()) == ["declared"]
