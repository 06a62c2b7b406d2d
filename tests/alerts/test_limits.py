"""How many policies, routes, inhibitions, components and on-call schedules there can be: counted for each application, and for all, by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from alerts.escalation import StepKind
from alerts.inhibit_drafts import ComponentDraft, DraftInvalid, InhibitDraft
from alerts.models import Component, InhibitRule, Policy, Route
from alerts.oncall.drafts import ScheduleInvalid
from alerts.services.components import save_component
from alerts.services.inhibitions import save_inhibition
from alerts.services.oncall import change_schedule, draft_of
from alerts.services.policies import PolicyInvalid, RouteDraft, make_draft, save_policy, save_route
from monitoring.applications.models import Application
from tests.support.alerts import make_channel
from tests.support.metrics import make_application
from tests.support.rosters import make_person, make_roster

pytestmark = pytest.mark.django_db

Make = Callable[[str, Application | None, Any], Any]


def make_policy(name: str, owner: Application | None, row: Any = None) -> Any:
    steps = [make_draft(StepKind.CHANNEL, [make_channel()])]
    return save_policy(policy=row or Policy(name=name, application=owner), steps=steps)


def make_route(name: str, owner: Application | None, row: Any = None) -> Any:
    return save_route(draft=RouteDraft(name, "a=b", application_id=owner and owner.pk), route=row)


def make_inhibition(name: str, owner: Application | None, row: Any = None) -> Any:
    return save_inhibition(draft=InhibitDraft(name, "a=b", "c=d", application_id=owner and owner.pk), rule=row)


def make_component(name: str, owner: Application | None, row: Any = None) -> Any:
    return save_component(draft=ComponentDraft(name, "a=b", owner and owner.pk), component=row)


def make_schedule(name: str, owner: Application | None, row: Any = None) -> Any:
    if row is not None:
        return change_schedule(schedule=row, draft=draft_of(row))
    return make_roster(make_person(name), name=name, application_id=owner and owner.pk)


LIMITS = [
    ("alerts.services.policies.MAX_POLICIES", make_policy),
    ("alerts.routing.tree.MAX_ROUTES", make_route),
    ("alerts.services.inhibitions.MAX_INHIBITIONS", make_inhibition),
    ("alerts.services.components.MAX_COMPONENTS", make_component),
    ("alerts.services.oncall.MAX_SCHEDULES", make_schedule),
]


@pytest.mark.parametrize(("limit", "make"), LIMITS)
@pytest.mark.parametrize("is_of_all", [False, True])
def test_limit__reached__one_more_refused_and_others_go_on(
    monkeypatch: pytest.MonkeyPatch, limit: str, make: Make, is_of_all: bool
) -> None:
    monkeypatch.setattr(limit, 2)
    owners = [make_application(), None]
    full, other = reversed(owners) if is_of_all else owners
    first = make("One", full, None)
    make("Two", full, None)

    with pytest.raises((PolicyInvalid, DraftInvalid, ScheduleInvalid), match=r"There can be 2 .* at most"):
        make("Three", full, None)

    make("One", full, first)
    make("Four", other, None)
    make("Five", make_application(), None)


@pytest.mark.parametrize(
    ("limit", "make", "name", "fields"),
    [
        (*LIMITS[1], "route", {"matchers": "a=b", "position": 0}),
        (*LIMITS[2], "inhibitrule", {"source_matchers": "a=b", "target_matchers": "c=d"}),
        (*LIMITS[3], "component", {"matchers": "a=b"}),
    ],
)
def test_limit__reached__the_form_says_so(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, limit: str, make: Make, name: str, fields: dict[str, Any]
) -> None:
    monkeypatch.setattr(limit, 1)
    make("One", None, None)

    answer = admin_client.post(reverse(f"admin:alerts_{name}_add"), {"name": "Two", **fields})

    assert (answer.status_code, "There can be 1 " in answer.content.decode()) == (200, True)
    assert Route.objects.count() + InhibitRule.objects.count() + Component.objects.count() == 1


@pytest.mark.parametrize("make", [make_inhibition, make_component])
def test_name__taken_and_more_wrong__all_is_said(make: Make) -> None:
    make("One", None, None)
    draft_of = {
        make_inhibition: lambda: save_inhibition(draft=InhibitDraft("One", "a=b", "{")),
        make_component: lambda: save_component(draft=ComponentDraft("One", "{")),
    }

    with pytest.raises(DraftInvalid) as caught:
        draft_of[make]()

    assert (len(caught.value.errors), "of this name" in caught.value.errors["name"]) == (2, True)
