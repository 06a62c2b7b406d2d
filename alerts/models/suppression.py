"""What holds messages back: silences, inhibition, and components that depend on each other."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

MATCHERS_HELP = 'Like {severity="warning", host=~"erp.*"}. All of them have to match.'


class SilenceQuerySet(models.QuerySet["Silence"]):
    """Silences."""

    def active(self, now: object) -> SilenceQuerySet:
        """Holding messages back at a moment."""
        return self.filter(starts_at__lte=now, ends_at__gt=now)


class Silence(models.Model):
    """Alerts that match tell nobody, from a time until a time, for a reason. Ended early, its end is moved to that moment."""

    matchers = models.TextField(help_text=MATCHERS_HELP)
    application = models.ForeignKey(
        "monitoring.Application",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Empty: alerts of all applications.",
    )
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=500)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_name = models.CharField(max_length=150)
    ended_by_name = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[SilenceQuerySet] = SilenceQuerySet.as_manager()  # type: ignore[assignment]  # the stubs' manager type

    class Meta:
        ordering = ["-ends_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gte=F("starts_at")), name="silence_ends_after_start"),
            models.CheckConstraint(condition=~Q(reason=""), name="silence_has_reason"),
        ]
        indexes = [
            # Every few seconds: the silences that are on.
            models.Index(fields=["ends_at"], name="silence_end")
        ]

    def __str__(self) -> str:
        return self.reason

    def get_absolute_url(self) -> str:
        """Address of the silence's page."""
        return reverse("admin:alerts_silence_change", args=[self.pk])


class InhibitRule(models.Model):
    """While an alert that matches the source fires, alerts that match the target tell nobody, if certain labels are equal."""

    name = models.CharField(max_length=100, unique=True)
    application = models.ForeignKey(
        "monitoring.Application",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Whose alerts it is about, and whose keys may change it over REST. Empty: alerts of all; it is changed here only.",
    )
    source_matchers = models.TextField(help_text=f"What inhibits. {MATCHERS_HELP}")
    target_matchers = models.TextField(help_text=f"What is inhibited. {MATCHERS_HELP}")
    equal = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="Labels that both have to have with the same value, like application, host.",
    )
    enabled = models.BooleanField(default=True)
    builtin_key = models.CharField(max_length=100, blank=True, editable=False)
    builtin_version = models.PositiveIntegerField(default=0, editable=False)
    builtin_shipped = models.JSONField(default=dict, editable=False, help_text="Its fields as they were shipped last.")

    objects: ClassVar[models.Manager[InhibitRule]]

    class Meta:
        ordering = ["name"]
        verbose_name = "inhibition"
        constraints = [
            models.UniqueConstraint(fields=["builtin_key"], condition=~Q(builtin_key=""), name="inhibit_builtin_once")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Address of the inhibition's page."""
        return reverse("admin:alerts_inhibitrule_change", args=[self.pk])

    @property
    def is_builtin(self) -> bool:
        """Whether it came with the product."""
        return self.builtin_key != ""


class Component(models.Model):
    """A part of the system, known by its alerts. While one it depends on is broken, its own alerts tell nobody."""

    name = models.CharField(max_length=100)
    application = models.ForeignKey(
        "monitoring.Application", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    matchers = models.TextField(help_text=f"Which alerts are about it. {MATCHERS_HELP}")
    depends_on = models.ManyToManyField(
        "self",
        symmetrical=False,
        blank=True,
        related_name="dependents",
        help_text="If one of these is broken, this one is silent; it is still checked.",
    )

    objects: ClassVar[models.Manager[Component]]

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["application", "name"], name="component_name_once")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Address of the component's page."""
        return reverse("admin:alerts_component_change", args=[self.pk])
