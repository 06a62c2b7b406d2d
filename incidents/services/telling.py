"""Telling the people of an incident by mail."""

from __future__ import annotations

from django.conf import settings

from alerts.addressing import list_fallback_addresses
from config.admin.states import colours_of
from config.deliveries.enums import Channel
from config.deliveries.rendering import render_mail
from config.deliveries.services import queue_delivery
from incidents.clocks import Clock, Mark
from incidents.enums import IncidentLevel
from incidents.models import Incident

#: What its deliveries carry as their source; the source's id is the incident's number.
SOURCE = "incident"


def tell_of_clock(*, incident: Incident, clock: Clock, mark: Mark, words: str) -> None:
    """Queue a mail about a clock to the incident's people, in the caller's transaction; each mark of a deadline once."""
    level = IncidentLevel(incident.level)
    colours = colours_of("bad" if mark is Mark.BREACHED else "watch")
    subject = f"{level.value} incident {incident.number}: {words.partition(', until')[0]}: {incident.title}"
    mail = render_mail(
        "incidents/clock",
        {
            "subject": subject,
            "title": incident.title,
            "incident": incident,
            "level": level,
            "words": words,
            "state_word": "Time is up" if mark is Mark.BREACHED else "Time is nearly up",
            "state_text": colours.text,
            "state_background": colours.background,
            "action_url": settings.PUBLIC_URL + incident.get_absolute_url(),
            "action_text": "Open incident",
        },
    )
    for address in list_addresses(incident):
        queue_delivery(
            channel=Channel.EMAIL,
            recipient=address,
            idempotency_key=f"incident:{incident.pk}:{clock.kind}:{mark}:{clock.due_at.isoformat()}:{address}",
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            source=SOURCE,
            source_id=str(incident.pk),
            application_id=incident.application_id,
        )


def list_addresses(incident: Incident) -> list[str]:
    """Return whom an incident is told to: whoever responded; while nobody did, who declared it, and ALERT_EMAILS or administrators."""
    if incident.responded_by is not None and incident.responded_by.is_active and incident.responded_by.email:
        return [incident.responded_by.email]
    person = incident.declared_by
    own = [person.email] if person is not None and person.is_active and person.email else []
    return list(dict.fromkeys([*own, *list_fallback_addresses()]))
