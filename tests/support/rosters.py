"""On-call schedules in the database, made by the services."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from alerts.models import OnCallOverride, OnCallSchedule
from alerts.oncall.rotations import Layer
from alerts.services.oncall import OverrideDraft, ScheduleDraft, add_override, create_schedule
from config.actors import Actor
from tests.support.on_call import make_layer

_made = iter(range(1_000_000))
BY = Actor(name="Ada")


def make_person(name: str, **fields: Any) -> User:
    """Return a person with a mail address."""
    return User.objects.create_user(name, **{"email": f"{name}@example.com", "is_staff": True, **fields})


def make_rota(*people: User, **changes: Any) -> Layer:
    """Return a layer, not stored yet, in which people take turns of days, handed over at 09:00 in Berlin."""
    return make_layer(**{"layer_id": 0, "participants": tuple((person.pk,) for person in people), **changes})


def make_roster(*people: User, layers: tuple[Layer, ...] = (), **fields: Any) -> OnCallSchedule:
    """Return a stored schedule of one layer of these people, or of the given layers, in Berlin."""
    values: dict[str, Any] = {"name": f"Roster {next(_made)}", "zone": "Europe/Berlin", **fields}
    return create_schedule(draft=ScheduleDraft(layers=layers or (make_rota(*people),), **values))


def override(
    schedule: OnCallSchedule, start: datetime, hours: float, *people: User, replaces: User | None = None
) -> OnCallOverride:
    """Have people on call in a schedule for some hours."""
    draft = OverrideDraft(
        starts_at=start,
        ends_at=start + timedelta(hours=hours),
        people=tuple(person.pk for person in people),
        replaces=replaces.pk if replaces else None,
    )
    return add_override(schedule=schedule, draft=draft, by=BY)
