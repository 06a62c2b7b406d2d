"""Requests, queries and spans as they are kept, the dictionaries they refer to, and their minutes and hours.

Single ones have a partition for each day, made by migration 0014, because Django can't make partitioned tables.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from monitoring.applications.models import Application


class _Totals(models.Model):
    """Everything that was ever counted of an endpoint or statement: what its counters for rules and charts are made of.

    `buckets` has a number for each of `buckets.LIMITS`, not yet added up. `recorded_at` None: never recorded. `before`: total,
    failed, seconds and buckets as they were when its counters were silent last, until what came then is recorded.
    """

    total = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    buckets = ArrayField(models.BigIntegerField(), default=list)
    last_seen = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(null=True)
    before = ArrayField(models.FloatField(), null=True)

    class Meta:
        abstract = True


class Endpoint(_Totals):
    """One route of an application with its method; a background job has none."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    method = models.CharField(max_length=16, blank=True)
    endpoint = models.CharField(max_length=250)

    objects: ClassVar[models.Manager[Endpoint]]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["application", "method", "endpoint"], name="endpoint_once")]
        indexes = [
            # Every 15 seconds: whose counters have news.
            models.Index(fields=["last_seen"], name="endpoint_news")
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}".strip()


class Statement(_Totals):
    """One database statement of an application, without the values that were in it."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    fingerprint = models.BinaryField(max_length=16)
    statement = models.TextField()
    operation = models.CharField(max_length=250, blank=True)
    table = models.CharField(max_length=250, blank=True)
    system = models.CharField(max_length=32, blank=True)

    objects: ClassVar[models.Manager[Statement]]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["application", "fingerprint"], name="statement_once")]
        indexes = [
            # Every 15 seconds: whose counters have news.
            models.Index(fields=["last_seen"], name="statement_news")
        ]

    def __str__(self) -> str:
        return self.statement[:100]


class Request(models.Model):
    """One request that the application answered, or one run of a job. Append-only; pruned by REQUEST_RETENTION_DAYS."""

    record_id = models.UUIDField(primary_key=True)
    application_id = models.IntegerField()
    started_at = models.DateTimeField()
    duration = models.FloatField(help_text="Seconds.")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    status = models.SmallIntegerField()
    failed = models.BooleanField()
    url = models.TextField()
    release = models.TextField()
    environment = models.TextField()
    user_key = models.BinaryField(null=True)
    trace_id = models.TextField()
    span_id = models.TextField()
    weight = models.SmallIntegerField(default=1, help_text="How many requests it stands for.")

    objects: ClassVar[models.Manager[Request]]

    class Meta:
        managed = False
        db_table = "monitoring_request"
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.status} {self.duration:.3f} s"


class Query(models.Model):
    """One database query. Append-only; pruned by REQUEST_RETENTION_DAYS. Its values are not kept."""

    record_id = models.UUIDField(primary_key=True)
    application_id = models.IntegerField()
    started_at = models.DateTimeField()
    duration = models.FloatField(help_text="Seconds.")
    statement = models.ForeignKey(Statement, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    parameter_count = models.IntegerField(null=True)
    failed = models.BooleanField()
    endpoint = models.TextField()
    release = models.TextField()
    environment = models.TextField()
    trace_id = models.TextField()
    span_id = models.TextField()
    weight = models.SmallIntegerField(default=1, help_text="How many queries it stands for.")

    objects: ClassVar[models.Manager[Query]]

    class Meta:
        managed = False
        db_table = "monitoring_query"
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.duration:.3f} s"


class Span(models.Model):
    """One piece of work within a trace. Append-only; pruned by SPAN_RETENTION_DAYS."""

    span_id = models.TextField(primary_key=True)
    application_id = models.IntegerField()
    trace_id = models.TextField()
    parent_id = models.TextField()
    started_at = models.DateTimeField()
    duration = models.FloatField(help_text="Seconds.")
    name = models.TextField()
    kind = models.TextField()
    operation = models.TextField()
    failed = models.BooleanField()
    service = models.TextField()
    release = models.TextField()
    environment = models.TextField()
    attributes = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[Span]]

    class Meta:
        managed = False
        db_table = "monitoring_span"
        ordering = ["started_at"]

    def __str__(self) -> str:
        return self.name


class _Bucket(models.Model):
    """What happened within a stretch of time: how many, of those failed and slow, seconds in all and at most, a sketch.

    `sketch` is a mergeable sketch of the durations (`metrics.sketch`). `release` is empty where none was named.
    """

    release = models.CharField(max_length=200, blank=True)
    environment = models.CharField(max_length=64, blank=True)
    count = models.IntegerField()
    failed = models.IntegerField()
    slow = models.IntegerField()
    seconds = models.FloatField()
    longest = models.FloatField()
    sketch = models.BinaryField()

    class Meta:
        abstract = True


class EndpointHour(_Bucket):
    """An endpoint's hour, for each release and environment. Made anew whenever late records arrive for it; pruned by
    ROLLUP_HOUR_RETENTION_DAYS.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_index=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="hours", db_index=False)
    hour = models.DateTimeField()

    objects: ClassVar[models.Manager[EndpointHour]]

    class Meta:
        constraints = [
            # Also the index of Performance: all endpoints over some hours.
            models.UniqueConstraint(
                fields=["application", "hour", "endpoint", "release", "environment"], name="endpoint_hour_once"
            ),
            models.CheckConstraint(condition=Q(count__gte=F("failed")), name="endpoint_hour_adds_up"),
        ]
        indexes = [
            # One endpoint's story.
            models.Index(fields=["endpoint", "hour"], name="endpoint_hour_story")
        ]

    def __str__(self) -> str:
        return f"{self.count} in {self.hour:%Y-%m-%d %H}:00"


class StatementHour(_Bucket):
    """A statement's hour, for each release and environment; the same as an endpoint's."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_index=False)
    statement = models.ForeignKey(Statement, on_delete=models.CASCADE, related_name="hours", db_index=False)
    hour = models.DateTimeField()

    objects: ClassVar[models.Manager[StatementHour]]

    class Meta:
        constraints = [
            # Also the index of Performance: all statements over some hours.
            models.UniqueConstraint(
                fields=["application", "hour", "statement", "release", "environment"], name="statement_hour_once"
            ),
            models.CheckConstraint(condition=Q(count__gte=F("failed")), name="statement_hour_adds_up"),
        ]
        indexes = [
            # One statement's story.
            models.Index(fields=["statement", "hour"], name="statement_hour_story")
        ]

    def __str__(self) -> str:
        return f"{self.count} in {self.hour:%Y-%m-%d %H}:00"
