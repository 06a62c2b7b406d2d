"""Writing the timeline: lines are appended and never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from config.actors import SYSTEM, Actor
from incidents.drafts import IncidentInvalid, clean_text
from incidents.enums import EntryKind
from incidents.models import Incident, TimelineEntry


def write_entry(
    *, incident: Incident, kind: EntryKind, at: datetime, text: str = "", by: Actor = SYSTEM, **details: Any
) -> TimelineEntry:
    """Append a line, in the transaction of the change that it tells of; `details` is the same for programs."""
    return TimelineEntry.objects.create(
        incident=incident,
        kind=kind,
        at=at,
        text=text,
        details=details,
        author_id=by.user_id,
        author_name=by.name[:150],
    )


@transaction.atomic
def add_note(*, number: int, text: str, by: Actor, now: datetime, corrects: int | None = None) -> TimelineEntry:
    """Append what a person found out, whatever the incident's status; `corrects` is the id of a line that was wrong.

    Raises IncidentInvalid.
    """
    words = clean_text(text, field="text", missing="Write something first.")
    if corrects is not None and not TimelineEntry.objects.filter(pk=corrects, incident_id=number).exists():
        raise IncidentInvalid({"corrects": "There is no such entry in this incident."})
    return TimelineEntry.objects.create(
        incident_id=number,
        kind=EntryKind.NOTE if corrects is None else EntryKind.CORRECTION,
        at=now,
        text=words,
        author_id=by.user_id,
        author_name=by.name[:150],
        corrects_id=corrects,
    )
