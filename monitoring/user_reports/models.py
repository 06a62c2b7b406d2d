"""What people said."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse

from monitoring.applications.models import Application
from monitoring.errors.models import ErrorIssue


class UserReport(models.Model):
    """What one person said, mostly about an error that had just happened to them.

    `group_id` is the group of the error they named (errors.models.ErrorGroup), so that the report follows its issue through
    merges; None until that error is found, or where they named none. Appended by the doors; pruned after
    USER_REPORT_RETENTION_DAYS.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    report_id = models.UUIDField()
    event_id = models.UUIDField(null=True, blank=True, help_text="The error it is about.")
    group_id = models.BigIntegerField(null=True, blank=True)
    received_at = models.DateTimeField()
    name = models.CharField(max_length=128, blank=True)
    email = models.CharField(max_length=254, blank=True)
    message = models.TextField()
    url = models.CharField(max_length=500, blank=True)
    release = models.CharField(max_length=200, blank=True)
    environment = models.CharField(max_length=64, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    user_key = models.BinaryField(max_length=16, null=True)

    #: Set by selectors for the screens: the issue of the error it is about.
    issue: ErrorIssue | None = None

    objects: ClassVar[models.Manager[UserReport]]

    class Meta:
        ordering = ["-received_at"]
        constraints = [
            # The same report sent twice.
            models.UniqueConstraint(fields=["application", "report_id"], name="user_report_once")
        ]
        indexes = [
            # User reports: all, or of one application, the newest first.
            models.Index(fields=["-received_at"], name="user_report_newest"),
            models.Index(fields=["application", "-received_at"], name="user_report_application"),
            # An issue's page: what people said about it.
            models.Index(fields=["group_id"], name="user_report_group", condition=models.Q(group_id__isnull=False)),
            # Minutely: whose error is not found yet.
            models.Index(
                fields=["received_at"],
                name="user_report_unmatched",
                condition=models.Q(group_id=None, event_id__isnull=False),
            ),
            # A person's page.
            models.Index(
                fields=["application", "user_key"],
                name="user_report_person",
                condition=models.Q(user_key__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.message[:100]

    def get_absolute_url(self) -> str:
        """Address of the report's page."""
        return reverse("admin:monitoring_userreport_change", args=[self.pk])

    @property
    def who(self) -> str:
        """How the person is called, as far as they said."""
        return self.name or self.email or "Somebody"
