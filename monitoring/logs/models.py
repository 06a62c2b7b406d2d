"""Log lines and how many there were."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from monitoring.applications.models import Application
from monitoring.logs.enums import Severity


class LogRecord(models.Model):
    """One line of a log. The table has a partition for each day and is dropped day by day. Append-only."""

    id = models.BigAutoField(primary_key=True)
    application_id = models.IntegerField()
    at = models.DateTimeField()
    severity = models.SmallIntegerField(help_text="OpenTelemetry's number, 1 to 24.")
    logger = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    template = models.CharField(max_length=1000, blank=True)
    release = models.CharField(max_length=200, blank=True)
    environment = models.CharField(max_length=64, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    span_id = models.CharField(max_length=16, blank=True)
    attributes = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[LogRecord]]

    class Meta:
        # Made by a migration of its own, because Django can't make partitioned tables.
        managed = False
        db_table = "monitoring_logrecord"
        verbose_name = "log line"
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return self.body[:100]

    @property
    def level(self) -> Severity:
        """How bad it says it is."""
        return Severity.of_number(self.severity)


class LogCounter(models.Model):
    """How many lines of one severity an application ever wrote: what the metric log_records_total is made of.

    Several processes count at once, each its own row (`writer`), so that they don't wait for each other. Those without
    news for a day are not recorded any more. `recorded` is what the total was at `recorded_at`, when it last had news.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    severity = models.CharField(max_length=10, choices=Severity.choices)
    writer = models.SmallIntegerField()
    total = models.BigIntegerField(default=0)
    last_seen = models.DateTimeField()
    recorded = models.BigIntegerField(default=0, db_default=0)
    recorded_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[LogCounter]]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["application", "severity", "writer"], name="log_counter_once_per_writer")
        ]
        indexes = [
            # Minutely: what to record.
            models.Index(fields=["last_seen"], name="log_counter_fresh")
        ]

    def __str__(self) -> str:
        return f"{self.total} {self.severity}"
