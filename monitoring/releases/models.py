"""Releases, how they were rolled out, the sessions in them, and what was found when they were compared.

Single sessions and people are plain tables without a model: see the migration `session_tables` and services/sessions.py.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from monitoring.applications.models import Application
from monitoring.releases.enums import Reason


class Release(models.Model):
    """One version of an application, as its clients name it. Made by the first event, session or announcement that names it."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="releases")
    version = models.CharField(max_length=200)
    first_seen = models.DateTimeField(help_text="When something of it first arrived; orders releases.")

    objects: ClassVar[models.Manager[Release]]

    class Meta:
        ordering = ["-first_seen"]
        constraints = [
            models.UniqueConstraint(fields=["application", "version"], name="release_once_per_application"),
        ]
        indexes = [
            # Releases, the newest first; and the one before another.
            models.Index(fields=["application", "-first_seen"], name="release_newest"),
        ]

    def __str__(self) -> str:
        return self.version

    def get_absolute_url(self) -> str:
        """Address of the release's page."""
        return reverse("admin:monitoring_release_change", args=[self.pk])


class ReleaseHour(models.Model):
    """How many sessions of a release began in an hour and how they went. Kept as long as the release.

    `errored`, `abnormal` and `crashed` exclude each other; the rest of `sessions` went well.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="hours", db_index=False)
    environment = models.CharField(max_length=64, blank=True)
    hour = models.DateTimeField()
    sessions = models.BigIntegerField(default=0)
    errored = models.BigIntegerField(default=0)
    abnormal = models.BigIntegerField(default=0)
    crashed = models.BigIntegerField(default=0)

    objects: ClassVar[models.Manager[ReleaseHour]]

    class Meta:
        constraints = [
            # Also what the release's page and its comparison read by.
            models.UniqueConstraint(fields=["release", "environment", "hour"], name="release_hour_once"),
            models.CheckConstraint(
                condition=Q(sessions__gte=F("errored") + F("abnormal") + F("crashed")), name="release_hour_adds_up"
            ),
        ]
        indexes = [
            # Adoption: all releases of an application in the last hours.
            models.Index(fields=["application", "hour"], name="release_hour_application"),
        ]

    def __str__(self) -> str:
        return f"{self.sessions} in {self.hour:%Y-%m-%d %H}:00"


class Deployment(models.Model):
    """When a release was put into use somewhere, as somebody announced it."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="deployments")
    environment = models.CharField(max_length=64, blank=True)
    deployed_at = models.DateTimeField()
    url = models.URLField(max_length=500, blank=True, help_text="Where to read about it.")
    commit = models.CharField(max_length=64, blank=True)
    announced_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[models.Manager[Deployment]]

    class Meta:
        ordering = ["-deployed_at"]
        constraints = [
            models.UniqueConstraint(fields=["release", "environment", "deployed_at"], name="deployment_once"),
        ]

    def __str__(self) -> str:
        return f"{self.release} at {self.deployed_at:%Y-%m-%d %H:%M}"


class Comparison(models.Model):
    """What the newest comparison of a release with the one before it found, for one environment and reason.

    Written by the judge every few minutes while the release is new; the last word stays. Goes with its release.
    """

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="comparisons")
    before = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="+")
    environment = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=20, choices=Reason.choices)
    is_regressed = models.BooleanField(default=False)
    is_current = models.BooleanField(default=True, help_text="Whether it is still compared and recorded.")
    count = models.BigIntegerField()
    total = models.BigIntegerField()
    before_count = models.BigIntegerField()
    before_total = models.BigIntegerField()
    p_value = models.FloatField()
    since = models.DateTimeField(help_text="Since when the finding is what it is.")
    compared_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Comparison]]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["release", "environment", "reason"], name="comparison_once"),
            models.CheckConstraint(condition=Q(reason__in=Reason.values), name="comparison_reason_known"),
        ]
        indexes = [
            # Minutely: what to record.
            models.Index(fields=["is_current"], name="comparison_current", condition=Q(is_current=True)),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} in {self.release}"
