"""Alerts and what happened to them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.urls import reverse
from django.utils import timezone

from alerts.enums import OPEN_STATES, AlertCause, AlertSource, AlertState, NoteKind, Severity
from alerts.models.rules import Rule
from alerts.wording import add_gone, summarise


class AlertQuerySet(models.QuerySet["Alert"]):
    """Alerts."""

    def open(self) -> AlertQuerySet:
        """Pending or firing."""
        return self.filter(state__in=OPEN_STATES)

    def firing(self) -> AlertQuerySet:
        """Firing, acknowledged or not."""
        return self.filter(state=AlertState.FIRING)

    def unacknowledged(self) -> AlertQuerySet:
        """Nobody has said yet that they look after them."""
        return self.filter(acknowledged_at=None)

    def without_data(self) -> AlertQuerySet:
        """Whose series is or was missing: the alerts of missing data, and those of a condition that outlive their data."""
        return self.filter(Q(cause=AlertCause.NO_DATA) | Q(no_data_since__isnull=False))

    def by_need(self) -> AlertQuerySet:
        """What needs someone most first: firing before pending before ended, nobody's before somebody's, worst, newest."""
        return self.annotate(
            need=Case(
                When(state=AlertState.FIRING, acknowledged_at=None, then=Value(3)),
                When(state=AlertState.FIRING, then=Value(2)),
                When(state=AlertState.PENDING, then=Value(1)),
                default=Value(0),
                output_field=models.SmallIntegerField(),
            ),
            severity_rank=Case(
                *(When(severity=severity, then=Value(rank)) for rank, severity in enumerate(Severity)),
                default=Value(0),
                output_field=models.SmallIntegerField(),
            ),
        ).order_by("-need", "-severity_rank", "-id")


class Alert(models.Model):
    """One rule's condition, true for one series of one application: from pending over firing to its end.

    Or that series' data, missing (`cause`): a series has one open alert of a rule, of the one cause or the other.
    Or what another system reports about an application (`source`): such an alert has no rule and fires at once.

    Services write these rows; every change of state compares `version` and leaves an AlertTransition. Pruned after
    its end: alerts that never fired after days, the others after a year and more (see services/retention.py).
    """

    rule = models.ForeignKey(Rule, null=True, on_delete=models.SET_NULL, related_name="alerts")
    name = models.CharField(max_length=150, help_text="The rule's name when the alert began.")
    application = models.ForeignKey("monitoring.Application", on_delete=models.CASCADE, related_name="+")
    fingerprint = models.CharField(max_length=32, help_text="Identifies the series among those of the rule.")
    labels = models.JSONField(default=dict)
    annotations = models.JSONField(default=dict)
    severity = models.CharField(max_length=10, choices=Severity.choices)
    state = models.CharField(max_length=10, choices=AlertState.choices)
    cause = models.CharField(max_length=10, choices=AlertCause.choices, default=AlertCause.CONDITION)
    version = models.PositiveIntegerField(default=0)
    value = models.FloatField(null=True, help_text="What the condition last returned.")
    trail = ArrayField(
        models.FloatField(), default=list, help_text="The newest values, oldest first, for a spark line."
    )
    active_since = models.DateTimeField()
    fired_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    keep_until = models.DateTimeField(null=True, blank=True, help_text="Its condition is gone; it fires until then.")
    no_data_since = models.DateTimeField(
        null=True, blank=True, help_text="Its series is missing since then; kept when it is taken as gone for good."
    )
    last_seen_at = models.DateTimeField(help_text="The newest evaluation that found it open.")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    acknowledged_name = models.CharField(max_length=150, blank=True)
    acknowledged_via = models.JSONField(
        default=dict,
        blank=True,
        help_text="Where the message went by whose link it was acknowledged; empty: by no link.",
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="assigned_alerts"
    )
    acknowledged_until = models.DateTimeField(null=True, blank=True, help_text="Then the acknowledgement runs out.")
    remind_at = models.DateTimeField(null=True, blank=True, help_text="Then whoever acknowledged it is reminded.")
    snoozed_until = models.DateTimeField(null=True, blank=True)
    snoozed_name = models.CharField(max_length=150, blank=True)
    source = models.CharField(
        max_length=15, choices=AlertSource.choices, blank=True, help_text="Who reports it; empty: our own rule."
    )
    generator_url = models.TextField(blank=True, help_text="Where its source shows it, as the source wrote it.")
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Without news from its source it is over then; empty: it waits for news."
    )
    source_ended_at = models.DateTimeField(
        null=True, blank=True, help_text="When it ended, by its source's clock; empty if the source did not say so."
    )

    objects: ClassVar[AlertQuerySet] = AlertQuerySet.as_manager()  # type: ignore[assignment]  # the stubs' manager type

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "application", "fingerprint"],
                condition=Q(state__in=[state.value for state in OPEN_STATES]),
                name="one_open_alert_per_series",
            ),
            models.UniqueConstraint(
                fields=["source", "application", "fingerprint"],
                condition=Q(state__in=[state.value for state in OPEN_STATES]) & ~Q(source=""),
                name="one_open_alert_per_report",
            ),
            models.CheckConstraint(condition=Q(source__in=["", *AlertSource.values]), name="alert_source_known"),
            models.CheckConstraint(condition=Q(source="") | Q(rule=None), name="alert_rule_or_source"),
            models.CheckConstraint(condition=Q(cause__in=AlertCause.values), name="alert_cause_known"),
            # Only our own rules watch for missing data.
            models.CheckConstraint(
                condition=Q(source="") | Q(cause=AlertCause.CONDITION, no_data_since=None), name="alert_no_data_is_ours"
            ),
            models.CheckConstraint(condition=Q(state__in=AlertState.values), name="alert_state_known"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="alert_severity_known"),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "inactive"], fired_at=None)
                | Q(state__in=["firing", "resolved"], fired_at__isnull=False),
                name="alert_fired_has_time",
            ),
            models.CheckConstraint(
                condition=Q(state="resolved", resolved_at__isnull=False) | (~Q(state="resolved") & Q(resolved_at=None)),
                name="alert_resolved_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["pending", "firing"]) | Q(rule__isnull=False) | ~Q(source=""),
                name="open_alert_has_rule_or_source",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at=None) | Q(resolved_at__gte=F("fired_at")), name="alert_resolved_after_firing"
            ),
        ]
        indexes = [
            # The alerts page, the home board and every evaluation: what is open now.
            models.Index(
                fields=["application", "state"], name="alert_open", condition=Q(state__in=["pending", "firing"])
            ),
            # REST: an application's alerts, newest first.
            models.Index(fields=["application", "-id"], name="alert_application"),
            # Every few seconds: what began lately, to tell what flaps.
            models.Index(fields=["fired_at"], name="alert_fired", condition=Q(fired_at__isnull=False)),
            # A rule's page: its alerts, newest first.
            models.Index(fields=["rule", "-id"], name="alert_rule"),
            # Every report from outside: is it late news of an alert that ended; its page: how it fared before.
            models.Index(fields=["application", "fingerprint"], name="alert_outside", condition=~Q(source="")),
        ]

    def __str__(self) -> str:
        return self.summary

    def get_absolute_url(self) -> str:
        """Address of the alert's page."""
        return reverse("admin:alerts_alert_change", args=[self.pk])

    @property
    def summary(self) -> str:
        """What is wrong, in one line; of what nobody waits for any longer, that it is so."""
        summary = summarise(rule_name=self.name, annotations=self.annotations, labels=self.labels)
        return add_gone(summary) if self.is_gone else summary

    @property
    def is_no_data(self) -> bool:
        """Whether it is about missing data."""
        return self.cause == AlertCause.NO_DATA

    @property
    def is_missing(self) -> bool:
        """Whether it is open and its series missing, be it what the alert is about or only true of it."""
        return self.is_open and self.no_data_since is not None

    @property
    def is_gone(self) -> bool:
        """Whether it ended because its series was missing for so long that it is taken as gone for good."""
        return self.state == AlertState.RESOLVED and self.no_data_since is not None

    @property
    def state_words(self) -> str:
        """Where it stands, and that data is missing if it is so: “Firing, no data”."""
        state = str(AlertState(self.state).label)
        return f"{state}, {str(AlertCause.NO_DATA.label).lower()}" if self.is_no_data or self.is_missing else state

    @property
    def generator_link(self) -> str:
        """Where its source shows it, empty unless that is a web address."""
        is_link = self.generator_url.lower().startswith(("https://", "http://"))
        return self.generator_url if is_link else ""

    @property
    def is_open(self) -> bool:
        """Whether it is pending or firing."""
        return self.state in OPEN_STATES

    @property
    def is_snoozed(self) -> bool:
        """Whether it is open and somebody wants to hear of it later only."""
        return self.is_open and self.snoozed_until is not None and self.snoozed_until > timezone.now()

    @property
    def is_acknowledged(self) -> bool:
        """Whether someone said that they look after it."""
        return self.acknowledged_at is not None


class AlertTransition(models.Model):
    """One change of an alert's state. Appended in the transaction of the change; goes with its alert."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="transitions")
    from_state = models.CharField(max_length=10, choices=AlertState.choices)
    to_state = models.CharField(max_length=10, choices=AlertState.choices)
    at = models.DateTimeField()
    value = models.FloatField(null=True)
    reason = models.TextField(blank=True)

    objects: ClassVar[models.Manager[AlertTransition]]

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(from_state="inactive", to_state__in=["pending", "firing"])
                | Q(from_state="pending", to_state__in=["firing", "inactive"])
                | Q(from_state="firing", to_state="resolved"),
                name="alert_transition_legal",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_from_state_display()} → {self.get_to_state_display()}"


class AlertComment(models.Model):
    """What a person said about an alert or did with it. Appended, never changed; goes with its alert."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="comments")
    kind = models.CharField(max_length=15, choices=NoteKind.choices, default=NoteKind.COMMENT)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_name = models.CharField(max_length=150)
    text = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[models.Manager[AlertComment]]

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=Q(kind__in=NoteKind.values), name="alert_note_kind_known")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} by {self.author_name}"
