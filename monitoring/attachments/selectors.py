"""Reading files of events."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Sum

from monitoring.attachments.models import Attachment


def list_attachments(*, application_id: int, event_id: UUID) -> list[Attachment]:
    """Return the files of an event, in the order of their arrival, without their content."""
    found = Attachment.objects.filter(application_id=application_id, event_id=event_id)
    return list(found.defer("data").order_by("id"))


def find_attachment(*, application_id: int, event_id: UUID, pk: int) -> Attachment | None:
    """Return one file of an event."""
    return Attachment.objects.filter(application_id=application_id, event_id=event_id, pk=pk).first()


def measure_attachments(*, application_id: int, event_id: UUID) -> tuple[int, int]:
    """Return how many files of an event are kept, and how many bytes they had when they came."""
    found = Attachment.objects.filter(application_id=application_id, event_id=event_id)
    sums = found.order_by().aggregate(number=Count("pk"), total=Sum("size"))
    return sums["number"], sums["total"] or 0
