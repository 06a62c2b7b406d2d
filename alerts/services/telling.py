"""Telling people: the messages of one notice, queued in its transaction; and the events of a change of state."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from alerts import alertmanager
from alerts.channel_parts import BY_APPRISE
from alerts.dispatch import Reason
from alerts.enums import AlertState, ChannelKind, Severity
from alerts.flapping import describe_rhythm
from alerts.links import write_link
from alerts.models import Alert, AlertGroup, AlertTransition
from alerts.recipients import Recipient, write_delivery_key, write_thread_key
from alerts.selectors import count_starts
from alerts.services.composing import OwnWords, Told, fill_mail, read_own_words, write_message
from alerts.services.grouping import label_alert
from alerts.wording import write_firing_subject, write_group_subject, write_resolved_subject
from config.admin.states import colours_of
from config.deliveries.enums import Channel as Way
from config.deliveries.rendering import RenderedMail, render_mail
from config.deliveries.services import queue_delivery
from config.lengths import describe_seconds
from config.outbox.services import publish

logger = logging.getLogger(__name__)

#: What its deliveries carry as their source; the source's id is that of the notice.
SOURCE = "notice"
#: Stands for the recipient's own link while a mail is rendered for all of them.
LINK_MARK = "https://link.invalid/of-this-recipient"


@dataclass(frozen=True, slots=True)
class Bulletin:
    """What one recipient is told by a notice: alerts that fire, and ends of alerts that the recipient was told of."""

    notice_id: int
    group: AlertGroup
    reason: Reason
    firing: Sequence[Alert]
    resolved: Sequence[Alert]
    at: datetime

    @property
    def alerts(self) -> list[Alert]:
        """All of them, those that fire first."""
        return [*self.firing, *self.resolved]


@dataclass(slots=True)
class Press:
    """Queues the bulletins of one notice; what several recipients are told alike is rendered once."""

    mails: dict[tuple[int, ...], RenderedMail] = field(default_factory=dict)
    own_words: dict[int, OwnWords] = field(default_factory=dict)
    rhythms: dict[int, str] = field(default_factory=dict)

    def queue(
        self, bulletin: Bulletin, *, recipient: Recipient, held_because: str = "", is_whole: bool = False
    ) -> None:
        """Queue a bulletin to one recipient, in the caller's transaction; held, it is only recorded with the reason.

        `is_whole`: it names everything of its group that fires, so that older news of the group, if they could not be sent
        so far, need not arrive after it.
        """
        key = write_delivery_key(notice_id=bulletin.notice_id, recipient=recipient)
        common: dict[str, Any] = {
            "recipient": recipient.address,
            "idempotency_key": f"{key}:held" if held_because else key,
            "source": SOURCE,
            "source_id": str(bulletin.notice_id),
            "application_id": bulletin.group.application_id,
            "thread": write_thread_key(group_key=bulletin.group.key, recipient=recipient),
            "supersedes": is_whole,
            # An end is told once, so it has to arrive whatever comes after it.
            "supersedable": not bulletin.resolved,
            "ongoing": [_name_series(alert) for alert in bulletin.firing],
            "ended": [_name_series(alert) for alert in bulletin.resolved],
            "suppressed_because": recipient.obstacle or held_because,
        }
        if recipient.obstacle:
            logger.error(
                "notice %s is not sent to %s: %s", bulletin.notice_id, recipient.channel_name, recipient.obstacle
            )
        if recipient.kind == ChannelKind.WEBHOOK:
            body = _build_payload(bulletin, receiver=recipient.channel_name)
            subject = write_subject(bulletin)
            queue_delivery(
                channel=Way.WEBHOOK, payload=body, signing_secret=recipient.secret, subject=subject, **common
            )
        elif recipient.kind in BY_APPRISE:
            told = self._describe(bulletin, recipient)
            message = write_message(told, kind=recipient.kind, own=self._own(recipient))
            queue_delivery(
                channel=Way.APPRISE,
                subject=message.title,
                text=message.body,
                payload={"notify_type": _type_of(bulletin)},
                secret_address=recipient.secret,
                **common,
            )
        else:
            told = self._describe(bulletin, recipient)
            mail = fill_mail(self._render(bulletin), told, own=self._own(recipient))
            text, html = (part.replace(LINK_MARK, told.act_link) for part in (mail.text, mail.html))
            queue_delivery(channel=Way.EMAIL, subject=mail.subject, text=text, html=html, **common)

    def _own(self, recipient: Recipient) -> OwnWords:
        """Return the templates of a recipient's channel, read once."""
        if recipient.channel_id not in self.own_words:
            self.own_words[recipient.channel_id] = read_own_words(recipient.channel_id)
        return self.own_words[recipient.channel_id]

    def _describe(self, bulletin: Bulletin, recipient: Recipient) -> Told:
        link = write_link(notice_id=bulletin.notice_id, recipient=recipient)
        subject, rhythm = write_subject(bulletin), self._find_rhythm(bulletin)
        return Told(subject, bulletin.firing, bulletin.resolved, act_link=link, rhythm=rhythm)

    def _find_rhythm(self, bulletin: Bulletin) -> str:
        """Return, for a message about one alert, that it comes and goes; of several nobody would read it."""
        if len(bulletin.alerts) != 1:
            return ""
        (alert,) = bulletin.alerts
        if alert.pk not in self.rhythms:
            self.rhythms[alert.pk] = describe_rhythm(count_starts(alert))
        return self.rhythms[alert.pk]

    def _render(self, bulletin: Bulletin) -> RenderedMail:
        told = tuple(alert.pk for alert in bulletin.alerts)
        if told not in self.mails:
            self.mails[told] = (
                _render_one(bulletin, self._find_rhythm(bulletin)) if len(told) == 1 else _render_several(bulletin)
            )
        return self.mails[told]


def publish_transition(*, alert: Alert, transition: AlertTransition) -> None:
    """Publish that an alert began to fire or is over, in the caller's transaction."""
    publish(
        type=f"alert.{transition.to_state}",
        payload={
            "alert_id": alert.pk,
            "rule_id": alert.rule_id,
            "source": alert.source,
            "transition_id": transition.pk,
            "name": alert.name,
            "severity": alert.severity,
            "cause": alert.cause,
            "summary": alert.summary,
            "labels": alert.labels,
            "at": alertmanager.write_time(transition.at),
        },
        application_id=alert.application_id,
    )


def describe_notice(alert: Alert) -> alertmanager.Notice:
    """Return an alert as the outside sees it."""
    assert alert.fired_at is not None, "only alerts that fire are told of"
    return alertmanager.Notice(
        series=_name_series(alert),
        labels=label_alert(alert),
        annotations={**alert.annotations, **_list_missing(alert)},
        fired_at=alert.fired_at,
        resolved_at=alert.resolved_at,
        alert_url=settings.PUBLIC_URL + alert.get_absolute_url(),
        rule_url=_link_origin(alert) or settings.PUBLIC_URL,
    )


def _name_series(alert: Alert) -> str:
    """Return what stays the same while an alert is open, and when it fires anew; also once its rule is deleted."""
    name = f"{alert.source}/{alert.application_id}/{alert.fingerprint}"
    # What others report may be called otherwise, and be worse, from one report to the next.
    return name if alert.source else f"{name}/{alert.cause}/{alert.severity}/{alert.name}"


def _list_missing(alert: Alert) -> dict[str, str]:
    """Return since when an alert's series is missing, if it is."""
    return {"no_data_since": alertmanager.write_time(alert.no_data_since)} if alert.no_data_since else {}


def write_subject(bulletin: Bulletin) -> str:
    """Return the one line that says it all."""
    alerts = bulletin.alerts
    if len(alerts) > 1:
        worst = max((Severity(alert.severity) for alert in bulletin.firing), key=list(Severity).index, default=None)
        return write_group_subject(
            severity=str(worst.label) if worst else "",
            firing=len(bulletin.firing),
            resolved=len(bulletin.resolved),
            summary=alerts[0].summary,
        )
    return write_alert_subject(alerts[0])


def _type_of(bulletin: Bulletin) -> str:
    """Return how bad it is in Apprise's words, by which services choose a colour."""
    worst = max((Severity(alert.severity) for alert in bulletin.firing), key=list(Severity).index, default=None)
    types = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.INFO: "info"}
    return types[worst] if worst else "success"


def _build_payload(bulletin: Bulletin, *, receiver: str) -> dict[str, Any]:
    labels = bulletin.group.labels
    return alertmanager.build_payload(
        [describe_notice(alert) for alert in bulletin.alerts],
        receiver=receiver,
        public_url=settings.PUBLIC_URL,
        group_key=alertmanager.write_group_key(labels, receiver=receiver),
        group_labels=labels,
        reason=bulletin.reason,
    )


def _render_one(bulletin: Bulletin, rhythm: str) -> RenderedMail:
    (alert,) = bulletin.alerts
    rule = alert.rule
    severity, is_firing = Severity(alert.severity), bool(bulletin.firing)
    colours = colours_of(severity.tone if is_firing else AlertState.RESOLVED.tone)
    context = {
        "subject": write_alert_subject(alert),
        "title": alert.summary,
        "summary": alert.summary,
        "alert": alert,
        "rule": rule,
        "reason": _explain(alert),
        "rule_url": _link_origin(alert),
        "destination": bulletin.group.policy_name,
        "lasted": describe_seconds(_lasted_seconds(alert, until=alert.resolved_at or bulletin.at)),
        "facts": _list_facts(alert, rhythm),
        "state_word": str(severity.label) if is_firing else "Resolved",
        "state_text": colours.text,
        "state_background": colours.background,
        "action_url": settings.PUBLIC_URL + alert.get_absolute_url(),
        "action_text": "Open alert",
        "act_url": LINK_MARK if is_firing else "",
    }
    return render_mail("alerts/firing" if is_firing else "alerts/resolved", context)


def _render_several(bulletin: Bulletin) -> RenderedMail:
    worst = max((Severity(alert.severity) for alert in bulletin.alerts), key=list(Severity).index)
    colours = colours_of(worst.tone if bulletin.firing else AlertState.RESOLVED.tone)
    subject = write_subject(bulletin)
    context = {
        "subject": subject,
        "title": subject,
        "summary": subject,
        "firing": [_list_line(alert) for alert in bulletin.firing[:SHOWN_ALERTS]],
        "more_firing": max(0, len(bulletin.firing) - SHOWN_ALERTS),
        "resolved": [_list_line(alert) for alert in bulletin.resolved[:SHOWN_ALERTS]],
        "more_resolved": max(0, len(bulletin.resolved) - SHOWN_ALERTS),
        "labels": sorted(bulletin.group.labels.items()),
        "policy": bulletin.group.policy_name,
        "state_word": str(worst.label) if bulletin.firing else "Resolved",
        "state_text": colours.text,
        "state_background": colours.background,
        "action_url": f"{settings.PUBLIC_URL}/admin/alerts/alert/",
        "action_text": "Open alerts",
        "act_url": LINK_MARK if bulletin.firing else "",
    }
    return render_mail("alerts/group", context)


#: Alerts that a mail lists one by one.
SHOWN_ALERTS = 30


def _list_line(alert: Alert) -> dict[str, str]:
    since = alert.fired_at if alert.resolved_at is None else alert.resolved_at
    return {
        "summary": alert.summary,
        "severity": str(Severity(alert.severity).label),
        "application": f"{alert.application.name} ({alert.application.environment})",
        "at": _write_utc(since or alert.active_since),
        "url": settings.PUBLIC_URL + alert.get_absolute_url(),
    }


def _link_origin(alert: Alert) -> str:
    """Return the address of an alert's rule, or of where its source shows it; empty for none."""
    return settings.PUBLIC_URL + alert.rule.get_absolute_url() if alert.rule else alert.generator_link


def _explain(alert: Alert) -> str:
    transition = alert.transitions.order_by("-id").first()
    return transition.reason if transition else ""


def _list_facts(alert: Alert, rhythm: str) -> list[tuple[str, str]]:
    """Return what stands in the mail's table: whose, since when, and the labels."""
    facts = [("Application", f"{alert.application.name} ({alert.application.environment})")]
    if alert.source:
        facts.append(("Reported by", alert.get_source_display()))
    if alert.no_data_since is not None:
        facts.append(("No data since", _write_utc(alert.no_data_since)))
    if alert.resolved_at is None:
        facts.append(("Since", _write_utc(alert.active_since)))
    elif alert.fired_at is not None:
        facts += [("Fired", _write_utc(alert.fired_at)), ("Resolved", _write_utc(alert.resolved_at))]
    if rhythm:
        facts.append(("Comes and goes", rhythm))
    return facts + sorted(alert.labels.items())


def _write_utc(moment: datetime) -> str:
    """Return a time for people of any zone: mails do not know their reader's."""
    return f"{moment.astimezone(UTC):%d %b %Y, %H:%M:%S} UTC"


def write_alert_subject(alert: Alert) -> str:
    """Return the one line that says all about one alert."""
    if alert.state == AlertState.RESOLVED:
        assert alert.resolved_at is not None
        return write_resolved_subject(
            summary=alert.summary, lasted_seconds=_lasted_seconds(alert, until=alert.resolved_at)
        )
    # What is missing says by itself for how long.
    hold = alert.rule.for_seconds if alert.rule and not alert.is_no_data else 0
    return write_firing_subject(severity=str(Severity(alert.severity).label), summary=alert.summary, hold_seconds=hold)


def _lasted_seconds(alert: Alert, *, until: datetime) -> float:
    return (until - (alert.fired_at or until)).total_seconds()
