"""Escalation policies: whom alerts reach, in which order, with which patience."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from alerts.enums import PolicyStepKind
from alerts.models.oncall import OnCallSchedule
from alerts.models.rules import Channel

ONE_DAY = 86_400


class Policy(models.Model):
    """An escalation policy. Its grouping and steps are snapshotted when a group opens: edits concern later ones only."""

    name = models.CharField(max_length=100, unique=True)
    application = models.ForeignKey(
        "monitoring.Application",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Whose rules can name it, and whose keys may change it over REST. Empty: all applications; it is changed here only.",
    )
    group_by = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="Labels whose values make a group, like alertname, application. Empty: these two. “...”: every alert by itself.",
    )
    group_wait_seconds = models.PositiveIntegerField(
        "group wait (seconds)", null=True, blank=True, validators=[MaxValueValidator(ONE_DAY)]
    )
    group_interval_seconds = models.PositiveIntegerField(
        "group interval (seconds)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(ONE_DAY)],
    )
    repeat_interval_seconds = models.PositiveIntegerField(
        "repeat interval (seconds)",
        null=True,
        blank=True,
        validators=[MinValueValidator(60), MaxValueValidator(30 * ONE_DAY)],
    )
    ack_reminder_seconds = models.PositiveIntegerField(
        "remind of an acknowledged alert after (seconds)", null=True, blank=True, validators=[MinValueValidator(60)]
    )
    ack_expiry_seconds = models.PositiveIntegerField(
        "an acknowledgement ends after (seconds)", null=True, blank=True, validators=[MinValueValidator(60)]
    )
    turns = models.JSONField(
        default=dict,
        editable=False,
        help_text="How often its round-robin steps took turns, by the people they take turns of.",
    )
    builtin_key = models.CharField(max_length=100, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[models.Manager[Policy]]

    class Meta:
        ordering = ["name"]
        verbose_name = "escalation policy"
        verbose_name_plural = "escalation policies"
        constraints = [
            models.UniqueConstraint(fields=["builtin_key"], condition=~Q(builtin_key=""), name="policy_builtin_once")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Address of the policy's page."""
        return reverse("admin:alerts_policy_change", args=[self.pk])


class PolicyStep(models.Model):
    """One step of a policy. Which fields count depends on its kind; see escalation.Step."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(default=0)
    kind = models.CharField(max_length=20, choices=PolicyStepKind.choices, default=PolicyStepKind.CHANNEL)
    seconds = models.PositiveIntegerField(default=0, blank=True, help_text="Wait this long; or count within this time.")
    count = models.PositiveIntegerField(default=0, blank=True, help_text="More alerts than this; or repeat so often.")
    channels = models.ManyToManyField(Channel, blank=True, related_name="policy_steps")
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="+")
    teams = models.ManyToManyField(Group, blank=True, related_name="+")
    schedules = models.ManyToManyField(OnCallSchedule, blank=True, related_name="policy_steps")
    from_time = models.TimeField(null=True, blank=True)
    until_time = models.TimeField(null=True, blank=True)
    weekdays = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    zone = models.CharField("time zone", max_length=64, blank=True, default="UTC")

    objects: ClassVar[models.Manager[PolicyStep]]

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=PolicyStepKind.values), name="policy_step_kind_known")
        ]

    def __str__(self) -> str:
        return str(PolicyStepKind(self.kind).label)


class Route(models.Model):
    """A branch of the routing tree: alerts that match go to its policy, if their rule names neither policy nor channels."""

    name = models.CharField(max_length=100)
    application = models.ForeignKey(
        "monitoring.Application",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Whose alerts it takes, and whose keys may change it over REST. Empty: alerts of all; it is changed here only.",
    )
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="children")
    position = models.PositiveSmallIntegerField(default=0, help_text="Branches of one parent are asked in this order.")
    matchers = models.TextField(help_text='Like {severity="critical", team=~"erp|shop"}. All of them have to match.')
    policy = models.ForeignKey(
        Policy,
        null=True,
        blank=True,
        on_delete=models.RESTRICT,
        related_name="routes",
        help_text="Empty: the parent's.",
    )
    continues = models.BooleanField(default=False, help_text="Ask the next branches as well, after this one matched.")

    objects: ClassVar[models.Manager[Route]]

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name
