"""Rules, channels, alerts, and what happened to them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.urls import reverse
from django.utils import timezone

from alerts.enums import OPEN_STATES, AlertState, ChannelKind, NoteKind, Severity
from alerts.wording import summarise
from config.crypto import EncryptedTextField

MAX_SECONDS = 30 * 86_400


class ChannelManager(models.Manager["Channel"]):
    """Channels without their signing secrets, which are read where something is signed."""

    def get_queryset(self) -> models.QuerySet[Channel]:
        """Leave the secret out: one that can't be decrypted must not make the channel, and with it every rule, unreadable."""
        return super().get_queryset().defer("signing_secret")


class Channel(models.Model):
    """A way to reach people: some mail addresses, or a program that is called over HTTP."""

    name = models.CharField(max_length=100, unique=True, help_text="For example “Operations team”.")
    kind = models.CharField(max_length=10, choices=ChannelKind.choices, default=ChannelKind.EMAIL)
    address = models.TextField(
        blank=True,
        help_text="E-mail: one or more addresses, separated by commas; empty means everyone in ALERT_EMAILS, or else "
        "all administrators. Webhook: the URL that is called.",
    )
    signing_secret = EncryptedTextField(
        blank=True, help_text="Webhook: signs every call, so that the receiver can tell it is from here."
    )
    enabled = models.BooleanField(default=True, help_text="Off: rules send nothing new through it.")
    is_default = models.BooleanField(
        "default", default=False, help_text="Used by every rule that names no channel of its own."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[ChannelManager] = ChannelManager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ChannelKind.values), name="channel_kind_known"),
            models.CheckConstraint(
                condition=~Q(kind=ChannelKind.WEBHOOK) | ~Q(address=""), name="webhook_channel_has_address"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RuleQuerySet(models.QuerySet["Rule"]):
    """Rules."""

    def enabled(self) -> RuleQuerySet:
        """Rules that are evaluated."""
        return self.filter(enabled=True)

    def builtin(self) -> RuleQuerySet:
        """Rules that came with the product."""
        return self.exclude(builtin_key="")

    def for_application(self, application_id: int) -> RuleQuerySet:
        """Rules that judge this application: its own and those of all applications."""
        return self.filter(Q(application=None) | Q(application_id=application_id))


class Rule(models.Model):
    """When someone is to be told: a condition in PromQL, for how long it must hold, how bad it is, who hears of it.

    Services write these rows. The `last_...` fields are written by every evaluation and by nothing else.
    """

    name = models.CharField(max_length=150, help_text="In people's words, for example “CPU busy”.")
    slug = models.SlugField(max_length=150, unique=True, help_text="Short name for addresses.")
    application = models.ForeignKey(
        "monitoring.Application",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Empty: every application, each judged by itself.",
    )
    condition = models.TextField(help_text="PromQL. Every series it returns is an alert.")
    clear_condition = models.TextField(
        blank=True,
        help_text="PromQL. If given, a firing alert stays until this returns its series (same labels).",
    )
    severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.WARNING)
    for_seconds = models.PositiveIntegerField(
        "for (seconds)",
        default=0,
        validators=[MaxValueValidator(MAX_SECONDS)],
        help_text="How long the condition must hold before anyone is told.",
    )
    keep_firing_for_seconds = models.PositiveIntegerField(
        "keep firing for (seconds)",
        default=0,
        validators=[MaxValueValidator(MAX_SECONDS)],
        help_text="How long the condition must be gone before the alert counts as resolved.",
    )
    labels = models.JSONField(
        default=dict, blank=True, help_text="Added to its alerts' labels; values may be templates."
    )
    annotations = models.JSONField(
        default=dict, blank=True, help_text="summary, description and runbook; values may be templates."
    )
    channels = models.ManyToManyField(
        Channel, blank=True, related_name="rules", help_text="Who is told. None chosen: the default channels."
    )
    enabled = models.BooleanField(default=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    builtin_key = models.CharField(max_length=100, blank=True, editable=False)
    builtin_version = models.PositiveIntegerField(default=0, editable=False)
    builtin_shipped = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="The rule as it was shipped: what differs, an operator edited.",
    )
    origin = models.CharField(
        max_length=301,
        blank=True,
        editable=False,
        help_text="Group and alert of the rule file it was made from, by which the next import finds it.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    last_evaluated_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    last_duration_seconds = models.FloatField(null=True, blank=True, editable=False)

    objects: ClassVar[RuleQuerySet] = RuleQuerySet.as_manager()  # type: ignore[assignment]  # the stubs' manager type

    class Meta:
        ordering = ["name", "-severity"]
        constraints = [
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="rule_severity_known"),
            models.CheckConstraint(condition=~Q(condition=""), name="rule_has_condition"),
            # One row for each built-in rule, so that two machines starting at once install it once.
            models.UniqueConstraint(fields=["builtin_key"], condition=~Q(builtin_key=""), name="rule_builtin_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({Severity(self.severity).label.lower()})"

    def get_absolute_url(self) -> str:
        """Address of the rule's page."""
        return reverse("admin:alerts_rule_change", args=[self.pk])

    @property
    def is_builtin(self) -> bool:
        """Whether it came with the product."""
        return bool(self.builtin_key)


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
    version = models.PositiveIntegerField(default=0)
    value = models.FloatField(null=True, help_text="What the condition last returned.")
    trail = ArrayField(
        models.FloatField(), default=list, help_text="The newest values, oldest first, for a spark line."
    )
    active_since = models.DateTimeField()
    fired_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    keep_until = models.DateTimeField(null=True, blank=True, help_text="Its condition is gone; it fires until then.")
    last_seen_at = models.DateTimeField(help_text="The newest evaluation that found it open.")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    acknowledged_name = models.CharField(max_length=150, blank=True)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="assigned_alerts"
    )
    told = models.JSONField(default=list, help_text="Who was told of the firing; the same are told of its end.")

    objects: ClassVar[AlertQuerySet] = AlertQuerySet.as_manager()  # type: ignore[assignment]  # the stubs' manager type

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "application", "fingerprint"],
                condition=Q(state__in=[state.value for state in OPEN_STATES]),
                name="one_open_alert_per_series",
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
                condition=~Q(state__in=["pending", "firing"]) | Q(rule__isnull=False), name="open_alert_has_rule"
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
            # A rule's page: its alerts, newest first.
            models.Index(fields=["rule", "-id"], name="alert_rule"),
        ]

    def __str__(self) -> str:
        return self.summary

    def get_absolute_url(self) -> str:
        """Address of the alert's page."""
        return reverse("admin:alerts_alert_change", args=[self.pk])

    @property
    def summary(self) -> str:
        """What is wrong, in one line."""
        return summarise(rule_name=self.name, annotations=self.annotations, labels=self.labels)

    @property
    def is_open(self) -> bool:
        """Whether it is pending or firing."""
        return self.state in OPEN_STATES

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
