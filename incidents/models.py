"""Incidents, what happened in them, and the alerts they are about."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from incidents.clocks import Clock, ClockKind, Reading, read_clock
from incidents.enums import OPEN_STATUSES, EntryKind, IncidentLevel, IncidentSource, IncidentStatus
from incidents.levels import REQUIREMENTS
from incidents.querysets import IncidentQuerySet


class Incident(models.Model):
    """Trouble that people work on together until it is over, against the clock of its level.

    `number` is what people call it, and its key; numbers rise and may leave gaps. Its deadlines are absolute times;
    `due_at` is the one moment at which a clock has to be looked at next, empty while none runs. Services write these rows,
    under a row lock; whatever they change is a line of the timeline in the same transaction. Incidents are kept for good.
    """

    number = models.BigAutoField(primary_key=True)
    title = models.CharField(max_length=200, help_text="What is wrong, in one line.")
    description = models.TextField(blank=True, help_text="What is known so far: who is affected, since when.")
    level = models.CharField(max_length=2, choices=IncidentLevel.choices)
    status = models.CharField(max_length=12, choices=IncidentStatus.choices, default=IncidentStatus.DECLARED)
    application = models.ForeignKey(
        "monitoring.Application",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Empty: several, or none that is known.",
    )
    source = models.CharField(max_length=10, choices=IncidentSource.choices)

    declared_at = models.DateTimeField()
    declared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    declared_name = models.CharField(max_length=150, help_text="The person, policy or key.")
    responded_at = models.DateTimeField(null=True, blank=True)
    responded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    responded_name = models.CharField(max_length=150, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    paused = models.DurationField(
        default=timedelta(0), help_text="How long it counted as resolved before it was reopened."
    )

    respond_by = models.DateTimeField()
    resolve_by = models.DateTimeField()
    respond_warned_at = models.DateTimeField(null=True, blank=True)
    respond_breached_at = models.DateTimeField(null=True, blank=True)
    resolve_warned_at = models.DateTimeField(null=True, blank=True)
    resolve_breached_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[IncidentQuerySet] = IncidentQuerySet.as_manager()  # type: ignore[assignment]  # the stubs' manager type

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(condition=Q(level__in=IncidentLevel.values), name="incident_level_known"),
            models.CheckConstraint(condition=Q(status__in=IncidentStatus.values), name="incident_status_known"),
            models.CheckConstraint(condition=Q(source__in=IncidentSource.values), name="incident_source_known"),
            models.CheckConstraint(
                condition=Q(status="declared", responded_at=None)
                | (~Q(status="declared") & Q(responded_at__isnull=False)),
                name="incident_responded_has_time",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["resolved", "closed"], resolved_at__isnull=False, due_at=None)
                | (~Q(status__in=["resolved", "closed"]) & Q(resolved_at=None)),
                name="incident_resolved_has_time",
            ),
            models.CheckConstraint(
                condition=Q(status="closed", closed_at__isnull=False) | (~Q(status="closed") & Q(closed_at=None)),
                name="incident_closed_has_time",
            ),
            models.CheckConstraint(
                condition=Q(respond_by__gt=F("declared_at"), resolve_by__gte=F("respond_by")),
                name="incident_deadlines_in_order",
            ),
            models.CheckConstraint(
                condition=(Q(responded_at=None) | Q(responded_at__gte=F("declared_at")))
                & (Q(resolved_at=None) | Q(resolved_at__gte=F("responded_at")))
                & (Q(closed_at=None) | Q(closed_at__gte=F("resolved_at"))),
                name="incident_times_in_order",
            ),
        ]
        indexes = [
            # Every few seconds: clocks that have to be looked at.
            models.Index(fields=["due_at"], name="incident_due", condition=Q(due_at__isnull=False)),
            # The list, the home board: what is open now.
            models.Index(
                fields=["application", "status"],
                name="incident_open",
                condition=Q(status__in=["declared", "acknowledged"]),
            ),
            # REST: an application's incidents, newest first.
            models.Index(fields=["application", "-number"], name="incident_application"),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"

    def get_absolute_url(self) -> str:
        """Address of the incident's page."""
        return reverse("admin:incidents_incident_change", args=[self.pk])

    @property
    def is_open(self) -> bool:
        """Whether somebody has something to do about it."""
        return self.status in OPEN_STATUSES

    @property
    def clocks(self) -> tuple[Clock, Clock]:
        """Its two clocks: to respond, to resolve."""
        asked = REQUIREMENTS[self.level]
        respond = Clock(
            ClockKind.RESPOND,
            asked.respond_within,
            self.respond_by,
            self.responded_at,
            self.respond_warned_at,
            self.respond_breached_at,
        )
        resolve = Clock(
            ClockKind.RESOLVE,
            asked.resolve_within,
            self.resolve_by,
            self.resolved_at,
            self.resolve_warned_at,
            self.resolve_breached_at,
        )
        return respond, resolve

    def read_clocks(self, now: datetime) -> list[Reading]:
        """Return what its clocks show at a moment."""
        return [read_clock(clock, now=now) for clock in self.clocks]


class IncidentGroup(models.Model):
    """Alerts of one group key that an incident is about: while it is open, it takes every group of that key.

    Goes with its incident.
    """

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="groups")
    key = models.CharField(max_length=64, help_text="What the group has in common with the next one like it.")
    group_id = models.BigIntegerField(help_text="Of the newest group of this key.")
    is_live = models.BooleanField(default=True, help_text="The incident is open.")
    joined_at = models.DateTimeField()
    over_at = models.DateTimeField(null=True, blank=True, help_text="When all of the group's alerts were over.")

    objects: ClassVar[models.Manager[IncidentGroup]]

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "key"], name="group_key_once_in_incident"),
            models.UniqueConstraint(fields=["key"], condition=Q(is_live=True), name="one_open_incident_per_group"),
        ]
        indexes = [
            # An alert fires or a group is over: whose is it?
            models.Index(fields=["group_id"], name="incident_group"),
            # An escalation wants an incident: was there one just now?
            models.Index(fields=["key"], name="incident_group_key"),
        ]

    def __str__(self) -> str:
        return f"group {self.group_id} of #{self.incident_id}"


class IncidentAlert(models.Model):
    """An alert that an incident is about. Goes with its incident; the alert itself may be forgotten earlier."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="alerts")
    alert_id = models.BigIntegerField()
    linked_at = models.DateTimeField()

    objects: ClassVar[models.Manager[IncidentAlert]]

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["incident", "alert_id"], name="alert_once_in_incident")]
        indexes = [
            # An alert's page: its incidents.
            models.Index(fields=["alert_id"], name="incident_alert"),
        ]

    def __str__(self) -> str:
        return f"alert {self.alert_id} of #{self.incident_id}"


class TimelineEntry(models.Model):
    """One line of an incident's timeline: what happened, or what somebody wrote.

    Appended and never changed, which the database itself sees to; what was wrong is corrected by a further entry. Goes with its incident.
    """

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="timeline")
    kind = models.CharField(max_length=15, choices=EntryKind.choices)
    at = models.DateTimeField(default=timezone.now)
    text = models.TextField(blank=True)
    details = models.JSONField(default=dict, help_text="The same for programs: levels, clock, ids of alerts.")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_name = models.CharField(max_length=150)
    corrects = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="corrections")

    objects: ClassVar[models.Manager[TimelineEntry]]

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "timeline entries"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=EntryKind.values), name="entry_kind_known"),
            models.CheckConstraint(
                condition=Q(kind="correction", corrects__isnull=False) | (~Q(kind="correction") & Q(corrects=None)),
                name="entry_correction_names_entry",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["note", "correction"]) | ~Q(text=""), name="entry_of_people_has_text"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} by {self.author_name}"
