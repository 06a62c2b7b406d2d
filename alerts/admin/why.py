"""“Why did, or didn't, this page me?”: on every alert's page, for every person."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from alerts import why
from alerts.destinations import read_plan
from alerts.enums import HoldKind
from alerts.escalation import Step, StepKind
from alerts.models import Alert, AlertGroup, Channel, Notice
from alerts.rosters import find_on_call
from alerts.selectors import list_channel_recipients, list_notice_ids, list_people_recipients
from alerts.services.telling import SOURCE
from alerts.steps import StepWriter
from config.admin.pages import admin_page
from config.deliveries.models import Delivery
from config.deliveries.selectors import list_deliveries_of
from config.ids import read_id

VIEW = "alerts.view_alert"


@admin_page("alerts/alert/<int:pk>/why/", name="alerts_alert_why", permission=VIEW)
def show_why(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Explain why an alert did or did not reach a person (?person=, else the reader)."""
    alert = Alert.objects.filter(pk=pk).first()
    wish = request.GET.get("person", "")
    person = get_user_model().objects.filter(pk=read_id(wish)).first() if wish else request.user
    if alert is None or person is None:
        raise Http404("There is no such alert or person.")
    sentences = why.explain(describe_case(alert, person), now=timezone.now())
    return render(request, "alerts/why.html", {"sentences": sentences})


def describe_case(alert: Alert, person: Any) -> why.Case:
    """Return what is known of an alert as far as it concerns a person."""
    name = str(person.get_full_name() or person.get_username())
    addresses = {recipient.address.lower() for recipient in list_people_recipients([person.pk])}
    notices = {notice.pk: notice for notice in Notice.objects.filter(pk__in=list_notice_ids(alert_id=alert.pk))}
    deliveries = list_deliveries_of(source=SOURCE, source_ids=notices)
    groups = AlertGroup.objects.filter(members__alert=alert).distinct().order_by("pk")
    return why.Case(
        person=name,
        fired_at=alert.fired_at,
        resolved_at=alert.resolved_at,
        messages=[
            _describe_message(each, notices[int(each.source_id)])
            for each in deliveries
            if each.recipient.lower() in addresses
        ],
        paths=[_describe_path(group, person, addresses) for group in groups],
        holds=[
            why.Held(str(HoldKind(hold.kind).label), hold.text, hold.began_at, hold.ended_at)
            for hold in alert.holds.all()
        ],
        acknowledged_at=alert.acknowledged_at,
        acknowledged_by=alert.acknowledged_name,
    )


def _describe_message(delivery: Delivery, notice: Notice) -> why.Message:
    detail = delivery.suppressed_because or delivery.last_error
    way = str(delivery.get_channel_display()).lower()
    return why.Message(notice.at, notice.reason, way, delivery.recipient, delivery.state, detail)


def _describe_path(group: AlertGroup, person: Any, addresses: set[str]) -> why.Path:
    _, steps = read_plan(group.plan)
    writer = StepWriter(steps)
    # After its last step a policy stands behind it; one that begins anew has taken them all once.
    done = len(steps) if group.step_rounds else group.step_position
    return why.Path(
        name=group.policy_name,
        steps=[
            why.Step(
                number=number,
                words=writer.write(step),
                reaches=_reaches(step, person, addresses),
                taken=number <= done and group.notified_at is not None,
            )
            for number, step in enumerate(steps, start=1)
        ],
        looked=group.notified_at is not None,
        look_at=group.look_at,
        step_at=group.step_at,
    )


def _reaches(step: Step, person: Any, addresses: set[str]) -> bool:
    match step.kind:
        case StepKind.PERSON | StepKind.ROUND_ROBIN:
            return person.pk in step.targets
        case StepKind.TEAM:
            return bool(person.groups.filter(pk__in=step.targets).exists())
        case StepKind.CHANNEL:
            channels = Channel.objects.filter(pk__in=step.targets)
            return any(recipient.address.lower() in addresses for recipient in list_channel_recipients(channels))
        case StepKind.SCHEDULE:
            now = timezone.now()
            return any(person in find_on_call(schedule_id, now) for schedule_id in step.targets)
    return False
