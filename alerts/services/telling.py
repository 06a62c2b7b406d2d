"""Telling people: the messages of one transition, queued in its transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from alerts import alertmanager
from alerts.enums import AlertState, ChannelKind, Severity
from alerts.models import Alert, AlertTransition, Channel
from alerts.recipients import Recipient, recipient_of_told, write_delivery_key
from alerts.selectors import read_signing_secret
from alerts.wording import write_firing_subject, write_resolved_subject
from config.admin.states import colours_of
from config.deliveries.enums import Channel as Way
from config.deliveries.rendering import RenderedMail, render_mail
from config.deliveries.services import queue_delivery
from config.lengths import describe_seconds
from config.outbox.services import publish

logger = logging.getLogger(__name__)

#: What its deliveries carry as their source.
SOURCE = "alert"


def tell_of_firing(*, alert: Alert, transition: AlertTransition, recipients: Iterable[Recipient]) -> None:
    """Queue the message that an alert fires; the caller remembers on the alert who was told."""
    everyone = list(recipients)
    mail = _render(alert, "firing", transition) if _need_mail(everyone) else None
    for recipient in everyone:
        _queue(alert, transition, recipient, mail)
    _publish(alert, transition)


def tell_of_end(*, alert: Alert, transition: AlertTransition) -> None:
    """Queue the message that an alert is over, to exactly those who were told that it fires."""
    secrets = _read_secrets(alert.told)
    everyone = []
    for told in alert.told:
        secret, obstacle = secrets.get(told["channel"], ("", ""))
        everyone.append(recipient_of_told(told, secret=secret, obstacle=obstacle))
    mail = _render(alert, "resolved", transition) if _need_mail(everyone) else None
    for recipient in everyone:
        _queue(alert, transition, recipient, mail)
    _publish(alert, transition)


def describe_notice(alert: Alert) -> alertmanager.Notice:
    """Return an alert as the outside sees it."""
    application = alert.application
    assert alert.fired_at is not None, "only alerts that fire are told of"
    return alertmanager.Notice(
        alert_id=alert.pk,
        labels=alertmanager.outside_labels(
            name=alert.name,
            severity=alert.severity,
            application=application.slug,
            environment=application.environment,
            labels=alert.labels,
        ),
        annotations=alert.annotations,
        fired_at=alert.fired_at,
        resolved_at=alert.resolved_at,
        alert_url=settings.PUBLIC_URL + alert.get_absolute_url(),
        rule_url=settings.PUBLIC_URL + alert.rule.get_absolute_url() if alert.rule else settings.PUBLIC_URL,
    )


def _queue(alert: Alert, transition: AlertTransition, recipient: Recipient, mail: RenderedMail | None) -> None:
    key = write_delivery_key(alert_id=alert.pk, transition_id=transition.pk, recipient=recipient)
    common: dict[str, Any] = {
        "recipient": recipient.address,
        "idempotency_key": key,
        "source": SOURCE,
        "source_id": str(alert.pk),
        "application_id": alert.application_id,
        "suppressed_because": recipient.obstacle,
    }
    if recipient.obstacle:
        logger.error("alert %s is not sent to %s: %s", alert.pk, recipient.channel_name, recipient.obstacle)
    if recipient.kind == ChannelKind.WEBHOOK:
        body = alertmanager.build_payload(
            describe_notice(alert), receiver=recipient.channel_name, public_url=settings.PUBLIC_URL
        )
        subject = _write_subject(alert)
        queue_delivery(channel=Way.WEBHOOK, payload=body, signing_secret=recipient.secret, subject=subject, **common)
    elif mail is not None:
        queue_delivery(channel=Way.EMAIL, subject=mail.subject, text=mail.text, html=mail.html, **common)


def _render(alert: Alert, kind: str, transition: AlertTransition) -> RenderedMail:
    rule = alert.rule
    severity = Severity(alert.severity)
    is_firing = transition.to_state == AlertState.FIRING
    colours = colours_of(severity.tone if is_firing else AlertState.RESOLVED.tone)
    context = {
        "subject": _write_subject(alert),
        "title": alert.summary,
        "summary": alert.summary,
        "alert": alert,
        "rule": rule,
        "reason": transition.reason,
        "rule_url": settings.PUBLIC_URL + rule.get_absolute_url() if rule else "",
        "lasted": describe_seconds(_lasted_seconds(alert, until=transition.at)),
        "facts": _list_facts(alert),
        "state_word": str(severity.label) if is_firing else "Resolved",
        "state_text": colours.text,
        "state_background": colours.background,
        "action_url": settings.PUBLIC_URL + alert.get_absolute_url(),
        "action_text": "Open alert",
    }
    return render_mail(f"alerts/{kind}", context)


def _list_facts(alert: Alert) -> list[tuple[str, str]]:
    """Return what stands in the mail's table: whose, since when, and the labels."""
    facts = [("Application", f"{alert.application.name} ({alert.application.environment})")]
    if alert.resolved_at is None:
        facts.append(("Since", _write_utc(alert.active_since)))
    elif alert.fired_at is not None:
        facts += [("Fired", _write_utc(alert.fired_at)), ("Resolved", _write_utc(alert.resolved_at))]
    return facts + sorted(alert.labels.items())


def _write_utc(moment: datetime) -> str:
    """Return a time for people of any zone: mails do not know their reader's."""
    return f"{moment.astimezone(UTC):%d %b %Y, %H:%M:%S} UTC"


def _write_subject(alert: Alert) -> str:
    if alert.state == AlertState.RESOLVED:
        assert alert.resolved_at is not None
        return write_resolved_subject(
            summary=alert.summary, lasted_seconds=_lasted_seconds(alert, until=alert.resolved_at)
        )
    hold = alert.rule.for_seconds if alert.rule else 0
    return write_firing_subject(severity=str(Severity(alert.severity).label), summary=alert.summary, hold_seconds=hold)


def _lasted_seconds(alert: Alert, *, until: datetime) -> float:
    return (until - (alert.fired_at or until)).total_seconds()


def _need_mail(recipients: Iterable[Recipient]) -> bool:
    return any(recipient.kind == ChannelKind.EMAIL for recipient in recipients)


def _read_secrets(told: Iterable[Mapping[str, Any]]) -> dict[int, tuple[str, str]]:
    """Return what signs each webhook channel's messages, with what stands in the way of using it."""
    ids = [each["channel"] for each in told if each["kind"] == ChannelKind.WEBHOOK]
    return {channel.pk: read_signing_secret(channel) for channel in Channel.objects.filter(pk__in=ids)} if ids else {}


def _publish(alert: Alert, transition: AlertTransition) -> None:
    publish(
        type=f"alert.{transition.to_state}",
        payload={
            "alert_id": alert.pk,
            "rule_id": alert.rule_id,
            "transition_id": transition.pk,
            "name": alert.name,
            "severity": alert.severity,
            "summary": alert.summary,
            "labels": alert.labels,
            "at": alertmanager.write_time(transition.at),
        },
        application_id=alert.application_id,
    )
