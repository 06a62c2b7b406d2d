"""What people do with incidents, and the clocks that go with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from config.actors import actor_of_user
from config.deliveries.models import Delivery
from config.outbox.models import Event
from incidents.drafts import IncidentInvalid
from incidents.models import Incident, TimelineEntry
from incidents.services.progress import (
    NotPossible,
    acknowledge_incident,
    change_level,
    close_incident,
    reopen_incident,
    resolve_incident,
)
from incidents.services.timekeeping import keep_clocks
from incidents.services.timeline import add_note
from tests.support.alerts import make_alert, moment
from tests.support.incidents import BY, HOUR, MINUTE, declare, fresh, kinds
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db


def do(act: Any, incident: Incident, at: float, **given: Any) -> Any:
    return act(number=incident.pk, by=BY, now=moment(at), **given)


def published() -> list[tuple[str, str, str]]:
    """Return what was said of clocks: event, clock, level."""
    events = Event.objects.filter(type__startswith="incident.").order_by("pk")
    return [(event.type, event.payload["clock"], event.payload["level"]) for event in events]


def test_acknowledge__first_time__stops_the_clock_to_respond() -> None:
    incident = declare()
    assert do(acknowledge_incident, incident, 5 * MINUTE) is True
    assert do(acknowledge_incident, incident, 6 * MINUTE) is False
    found = fresh(incident)
    assert (found.status, found.responded_at, found.responded_name) == ("acknowledged", moment(5 * MINUTE), "Ada")
    assert found.due_at == found.resolve_by - timedelta(minutes=24)
    assert kinds(incident) == ["declared", "acknowledged"]


def test_acknowledge__too_late_between_two_turns__is_breached_all_the_same() -> None:
    incident = declare()
    do(acknowledge_incident, incident, 16 * MINUTE)
    assert kinds(incident) == ["declared", "clock_breached", "acknowledged"]
    assert published() == [("incident.clock_breached", "respond", "P1")]


def test_resolve__nobody_responded__whoever_resolves_did() -> None:
    incident = do(resolve_incident, declare(), 10 * MINUTE, text="Restarted the queue.")
    assert (incident.status, incident.responded_name, incident.resolved_at) == ("resolved", "Ada", moment(10 * MINUTE))
    assert incident.due_at is None
    assert fresh(incident).timeline.last().text == "Restarted the queue."  # type: ignore[union-attr]


def test_resolve__twice_or_without_words__is_refused() -> None:
    incident = declare()
    with pytest.raises(IncidentInvalid, match="what was done"):
        do(resolve_incident, incident, 1, text=" ")
    do(resolve_incident, incident, 2, text="Done.")
    with pytest.raises(NotPossible, match="resolved already"):
        do(resolve_incident, incident, 3, text="Done.")
    with pytest.raises(NotPossible, match="over"):
        do(acknowledge_incident, incident, 4)
    assert kinds(incident) == ["declared", "resolved"]


def test_reopen__after_an_hour__the_clock_goes_on_where_it_stopped() -> None:
    incident = declare()
    do(resolve_incident, incident, HOUR, text="Done.")
    found = do(reopen_incident, incident, 2 * HOUR, text="It is back.")
    assert (found.status, found.resolved_at) == ("acknowledged", None)
    assert found.resolve_by == moment(5 * HOUR)
    keep_clocks(now=moment(5 * HOUR))
    assert kinds(incident)[-2:] == ["reopened", "clock_breached"]


def test_reopen__another_incident_has_its_alerts__leads_there() -> None:
    alert = make_alert(make_application())
    first = declare(alert_ids=(alert.pk,))
    first.groups.create(key="k", group_id=1, joined_at=moment(0))
    do(resolve_incident, first, 60, text="Done.")
    second = declare(alert_ids=(alert.pk,))
    second.groups.create(key="k", group_id=2, joined_at=moment(60))
    with pytest.raises(NotPossible, match=f"Incident {second.number} is open for the same alerts"):
        do(reopen_incident, first, 120, text="It is back.")
    assert fresh(first).status == "resolved"


def test_close__only_once_it_is_resolved__and_for_good() -> None:
    incident = declare()
    with pytest.raises(NotPossible, match="Resolve the incident first"):
        do(close_incident, incident, 1)
    do(resolve_incident, incident, 2, text="Done.")
    assert do(close_incident, incident, 3) is True
    assert do(close_incident, incident, 4) is False
    with pytest.raises(NotPossible, match="declare a new one"):
        do(reopen_incident, incident, 5, text="It is back.")


def test_level__raised__deadlines_of_the_new_level_from_the_declaration() -> None:
    incident = declare(level="P3")
    assert do(change_level, incident, 5 * MINUTE, level="P2", reason="The warehouse can't ship.") is True
    found = fresh(incident)
    assert (found.respond_by, found.resolve_by) == (moment(30 * MINUTE), moment(8 * HOUR))
    entry = incident.timeline.last()
    assert entry is not None
    assert entry.text == "From P3 medium to P2 high. The warehouse can't ship."
    assert entry.details == {"before": "P3", "level": "P2"}
    assert do(change_level, incident, 6 * MINUTE, level="P2", reason="Again.") is False


def test_level__lowered_after_a_breach__the_clock_can_be_kept_again() -> None:
    incident = declare()
    keep_clocks(now=moment(15 * MINUTE))
    do(change_level, incident, 16 * MINUTE, level="P3", reason="Only the preview.")
    found = fresh(incident)
    assert (found.respond_breached_at, found.respond_by) == (None, moment(2 * HOUR))
    keep_clocks(now=moment(2 * HOUR))
    assert published()[-1] == ("incident.clock_breached", "respond", "P3")


@pytest.mark.parametrize(("level", "reason", "field"), [("P9", "Why not.", "level"), ("P2", " ", "reason")])
def test_level__unknown_or_without_reason__changes_nothing(level: str, reason: str, field: str) -> None:
    incident = declare()
    with pytest.raises(IncidentInvalid) as caught:
        do(change_level, incident, 1, level=level, reason=reason)
    assert list(caught.value.errors) == [field]
    assert (fresh(incident).level, kinds(incident)) == ("P1", ["declared"])


def test_level__of_what_is_over__stays() -> None:
    incident = declare()
    do(resolve_incident, incident, 1, text="Done.")
    with pytest.raises(NotPossible, match="Reopen it first"):
        do(change_level, incident, 2, level="P2", reason="Not so bad.")


def test_clocks__nobody_does_anything__warned_and_breached_once_each() -> None:
    incident = declare()
    for minute in range(0, 300, 5):
        keep_clocks(now=moment(minute * MINUTE))
        keep_clocks(now=moment(minute * MINUTE))
    assert published() == [
        ("incident.clock_warned", "respond", "P1"),
        ("incident.clock_breached", "respond", "P1"),
        ("incident.clock_warned", "resolve", "P1"),
        ("incident.clock_breached", "resolve", "P1"),
    ]
    assert fresh(incident).due_at is None
    texts = list(incident.timeline.order_by("pk").values_list("text", flat=True))
    assert texts[1:3] == [
        "5 min left to respond to it, until 10 Mar 2026, 12:15 UTC.",
        "Nobody responded within 15 min, until 10 Mar 2026, 12:15 UTC.",
    ]


def test_clocks__everything_in_time__nothing_is_said() -> None:
    incident = declare()
    do(acknowledge_incident, incident, 60)
    do(resolve_incident, incident, HOUR, text="Done.")
    keep_clocks(now=moment(24 * HOUR))
    assert published() == []
    assert kinds(incident) == ["declared", "acknowledged", "resolved"]


def test_clocks__breached__administrators_hear_of_it_until_somebody_responds_then_only_they() -> None:
    User.objects.create_superuser("root", email="root@example.com", password="x")
    bob = User.objects.create_user("bob", email="bob@example.com", password="x")
    incident = declare()
    keep_clocks(now=moment(15 * MINUTE))
    acknowledge_incident(number=incident.pk, by=actor_of_user(bob), now=moment(16 * MINUTE))
    keep_clocks(now=moment(4 * HOUR))
    sent = list(Delivery.objects.order_by("pk").values_list("recipient", "subject", "source_id"))
    number = str(incident.number)
    assert sent == [
        ("root@example.com", f"P1 incident {number}: Nobody responded within 15 min: Invoices fail", number),
        ("bob@example.com", f"P1 incident {number}: It was not resolved within 4 h: Invoices fail", number),
    ]


def test_note__added_and_corrected__both_stay() -> None:
    incident = declare()
    note = do(add_note, incident, 60, text="It is the disk.")
    correction = do(add_note, incident, 120, text="It is the network.", corrects=note.pk)
    assert (correction.kind, correction.corrects) == ("correction", note)
    assert kinds(incident) == ["declared", "note", "correction"]


def test_note__empty_or_about_another_incidents_line__is_refused() -> None:
    incident, other = declare(), declare(title="Other")
    for given in ({"text": " \x00"}, {"text": "x" * 10_001}, {"text": "No.", "corrects": other.timeline.get().pk}):
        with pytest.raises(IncidentInvalid):
            do(add_note, incident, 60, **given)
    assert kinds(incident) == ["declared"]


def test_timeline__line_is_edited__the_database_refuses() -> None:
    entry = declare().timeline.get()
    entry.text = "It was never so."
    with pytest.raises(IntegrityError, match="never edited"), transaction.atomic():
        entry.save()
    with pytest.raises(IntegrityError, match="never edited"), transaction.atomic():
        TimelineEntry.objects.update(author_name="Nobody")


def test_timeline__author_is_deleted__line_and_name_stay() -> None:
    bob = User.objects.create_user("bob", password="x")
    incident = declare()
    add_note(number=incident.pk, text="It is the disk.", by=actor_of_user(bob), now=moment(60))
    bob.delete()
    entry = incident.timeline.last()
    assert entry is not None
    assert (entry.author, entry.author_name) == (None, "bob")
