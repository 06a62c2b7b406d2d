"""Groups: alerts that people are told of together, who was told, and how far the escalation went."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone

from alerts.enums import GroupState, HoldKind
from alerts.models.alerts import Alert


class AlertGroup(models.Model):
    """Alerts of one destination with the same group labels, from the first that fires to the last that is over.

    `due_at` is the one moment at which something may have to be done: looking at the alerts (`look_at`) or the next step
    of the escalation (`step_at`). Everything about timing and steps is a snapshot of when the policy began, the last time that
    it did. Services write these rows, under a row lock. Pruned with its alerts.
    """

    key = models.CharField(max_length=64, help_text="Hash of destination and group labels.")
    destination = models.CharField(max_length=40, help_text="policy:<id>, rule:<id> or default.")
    labels = models.JSONField(default=dict, help_text="What its alerts have in common by the destination's grouping.")
    application = models.ForeignKey(
        "monitoring.Application", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    state = models.CharField(max_length=6, choices=GroupState.choices, default=GroupState.OPEN)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField()
    look_at = models.DateTimeField(help_text="When it looks at its alerts next.")
    policy_name = models.CharField(max_length=100, blank=True)
    plan = models.JSONField(default=dict, help_text="Seconds to wait, between looks and until repeated; steps.")

    # What its people know to fire, by id; see dispatch.Known.
    known_firing = ArrayField(models.BigIntegerField(), default=list)
    notified_at = models.DateTimeField(null=True, blank=True)
    notice_count = models.PositiveIntegerField(default=0)
    engaged = models.JSONField(default=list, help_text="Whom its messages go to so far.")
    deferred = models.JSONField(
        default=list, help_text="Who is told later, and from when on: their quiet hours are on."
    )

    # Where the escalation stands. `covered`: the alerts it was begun for, or that joined since. See services/escalating.py
    # for when it begins anew.
    step_position = models.PositiveSmallIntegerField(default=0)
    step_rounds = models.PositiveSmallIntegerField(default=0)
    step_waited = models.BooleanField(default=False)
    step_at = models.DateTimeField(null=True, blank=True)
    covered = ArrayField(models.BigIntegerField(), default=list)
    begun = models.JSONField(
        default=list, help_text="When its policy began, at first and anew: ISO moments, the newest 50."
    )

    objects: ClassVar[models.Manager[AlertGroup]]

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=Q(state="open"), name="one_open_group_per_key"),
            models.CheckConstraint(condition=Q(state__in=GroupState.values), name="alert_group_state_known"),
            models.CheckConstraint(
                condition=Q(state="open", closed_at=None) | Q(state="closed", closed_at__isnull=False),
                name="alert_group_closed_has_time",
            ),
        ]
        indexes = [
            # Every few seconds: the groups that are due.
            models.Index(fields=["due_at"], name="alert_group_due", condition=Q(state="open")),
            # The nightly pruning.
            models.Index(fields=["closed_at"], name="alert_group_closed", condition=Q(state="closed")),
        ]

    def __str__(self) -> str:
        return self.policy_name or self.destination


class GroupMember(models.Model):
    """An alert in a group, and who was told there that it fires: the same are told of its end."""

    group = models.ForeignKey(AlertGroup, on_delete=models.CASCADE, related_name="members")
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="memberships")
    joined_at = models.DateTimeField(default=timezone.now)
    told = models.JSONField(default=list)
    is_done = models.BooleanField(default=False, help_text="Over, and whoever had to hear of it did.")

    objects: ClassVar[models.Manager[GroupMember]]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "alert"], name="alert_once_in_group")]
        indexes = [
            # A group's look: its alerts that are not done.
            models.Index(fields=["group"], name="group_member_open", condition=Q(is_done=False)),
        ]

    def __str__(self) -> str:
        return f"{self.alert} in {self.group}"


class Hold(models.Model):
    """A reason why an alert's messages are held back, from when to when. Appended and ended; `until` follows its cause."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="holds")
    kind = models.CharField(max_length=15, choices=HoldKind.choices)
    reference = models.BigIntegerField(default=0, help_text="Id of the silence, window, alert … that holds it.")
    text = models.TextField(help_text="The reason in words.")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True, help_text="When it ends by itself, as far as that is known.")
    lasts = models.BooleanField(
        default=False, help_text="It holds until the alert is over, whatever becomes of its cause."
    )

    objects: ClassVar[models.Manager[Hold]]

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "kind", "reference"], condition=Q(ended_at=None), name="one_open_hold_per_reason"
            ),
            models.CheckConstraint(condition=Q(kind__in=HoldKind.values), name="hold_kind_known"),
        ]
        indexes = [
            # Every few seconds: what holds now.
            models.Index(fields=["alert"], name="hold_open", condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return self.text


class Notice(models.Model):
    """One message of a group: why, of which alerts. Its deliveries, one for each recipient, carry its id. Appended."""

    group = models.ForeignKey(AlertGroup, on_delete=models.CASCADE, related_name="notices")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    reason = models.CharField(max_length=40)
    firing = ArrayField(models.BigIntegerField(), default=list)
    resolved = ArrayField(models.BigIntegerField(), default=list)

    objects: ClassVar[models.Manager[Notice]]

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["group", "number"], name="notice_number_once")]
        indexes = [
            # An alert's page: what was sent because of it.
            GinIndex(fields=["firing"], name="notice_firing"),
            GinIndex(fields=["resolved"], name="notice_resolved"),
        ]

    def __str__(self) -> str:
        return self.reason
