"""Events and receipts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.outbox.enums import EventState


class Event(models.Model):
    """Something that happened and that other rooms may act on.

    Written in the transaction of the change itself, so neither exists without the other. A dispatcher hands it to its
    subscribers. Done events are pruned after EVENT_RETENTION_DAYS; those set aside stay until somebody decides.
    """

    type = models.CharField(max_length=100, help_text="What happened, for example alert.firing.")
    application_id = models.IntegerField(null=True, blank=True)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=EventState.choices, default=EventState.PENDING)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=EventState.values), name="event_state_known"),
            models.CheckConstraint(
                condition=Q(state=EventState.DONE, finished_at__isnull=False)
                | (~Q(state=EventState.DONE) & Q(finished_at=None)),
                name="event_finished_when_done",
            ),
        ]
        indexes = [
            # The dispatcher's claim, many times a minute.
            models.Index(fields=["due_at", "id"], name="event_due", condition=Q(state=EventState.PENDING)),
            # Admin, Events: what was set aside, newest first.
            models.Index(fields=["-id"], name="event_set_aside", condition=Q(state=EventState.SET_ASIDE)),
            # The nightly pruning of done events.
            models.Index(fields=["finished_at"], name="event_finished", condition=Q(state=EventState.DONE)),
        ]

    def __str__(self) -> str:
        return f"{self.type} #{self.pk}"


class Receipt(models.Model):
    """A subscriber has done its work for an event. Written in the transaction of that work: both or neither."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="receipts")
    subscriber = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[models.Manager[Receipt]]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "subscriber"], name="one_receipt_per_subscriber")]

    def __str__(self) -> str:
        return f"{self.subscriber} for #{self.event_id}"
