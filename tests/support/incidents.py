"""Incidents as people and policies declare them, at chosen moments."""

from __future__ import annotations

from typing import Any

import time_machine

from alerts.models import Policy, PolicyStep, Rule
from config.actors import Actor
from config.outbox.services import dispatch_due_events
from incidents.drafts import IncidentDraft
from incidents.enums import IncidentSource
from incidents.models import Incident
from incidents.services.declaring import declare_incident
from monitoring.applications.models import Application
from tests.support.alerts import evaluate, make_channel, make_rule, moment, report, tell

BY = Actor(name="Ada")
MINUTE, HOUR = 60, 3600


def declare(*, at: float = 0, **fields: Any) -> Incident:
    """Return an incident that Ada declared `at` seconds after NOW; `fields` are those of its draft."""
    draft = IncidentDraft(**{"title": "Invoices fail", "level": "P1", **fields})
    return declare_incident(draft=draft, source=IncidentSource.PERSON, by=BY, now=moment(at))


def make_declaring_policy(**step: Any) -> Policy:
    """Return a policy that tells a channel and declares an incident."""
    policy = Policy.objects.create(name="Night")
    first = PolicyStep.objects.create(policy=policy, position=0, kind="channel")
    first.channels.set([make_channel()])
    PolicyStep.objects.create(policy=policy, position=1, kind="declare_incident", **step)
    return policy


def make_declaring_rule(condition: str = "load > 1", **fields: Any) -> Rule:
    """Return a rule whose alerts go to a policy that declares an incident."""
    rule = make_rule(condition, **{"name": "Load", "severity": "critical", **fields})
    Rule.objects.filter(pk=rule.pk).update(policy=make_declaring_policy())
    return rule


def pass_time(at: float, application: Application | None = None, **loads: float) -> None:
    """Let the product do what it does `at` seconds after NOW: values come in, rules, groups, events.

    `loads` are the load of each host, from now on.
    """
    with time_machine.travel(moment(at), tick=False):
        for host, value in loads.items():
            assert application is not None
            report(application, value, at=at, host=host)
        evaluate(at)
        tell(at)
        while dispatch_due_events():
            pass


def kinds(incident: Incident) -> list[str]:
    """Return what its timeline tells, in order."""
    return list(incident.timeline.order_by("pk").values_list("kind", flat=True))


def fresh(incident: Incident) -> Incident:
    """Return an incident as it is stored now."""
    return Incident.objects.get(pk=incident.pk)
