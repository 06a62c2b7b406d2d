"""Measurements of pages and their hours. `monitoring_vital_mark` is a plain table without a model, see rolling.py."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from monitoring.applications.models import Application
from monitoring.browser.enums import Dimension


class BrowserVital(models.Model):
    """One measurement in one page view, see `records.VitalRecord`. A partition for each day, dropped day by day."""

    application_id = models.IntegerField()
    record_id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    name = models.TextField()
    value = models.FloatField()
    page = models.TextField()
    url = models.TextField()
    detail = models.TextField()
    release = models.TextField()
    environment = models.TextField()
    device = models.TextField()
    browser = models.TextField()
    os = models.TextField()
    connection = models.TextField()
    navigation = models.TextField()
    session_key = models.TextField()
    user_key = models.BinaryField(null=True)
    trace_id = models.TextField()

    class Meta:
        # Made by a migration, because Django can't make partitioned tables.
        managed = False
        db_table = "monitoring_browservital"

    def __str__(self) -> str:
        return f"{self.name} {self.value:g} {self.page}"


class VitalHour(models.Model):
    """All measurements of one vital in one hour, for one member of one dimension (page /orders, device mobile ...).

    `good` and `poor` count what meets the target and what is beyond repair, the rest needs work. `sketch` is a
    mergeable sketch of the values (`metrics.sketch`). Made anew from the measurements whenever late ones arrive;
    pruned by ROLLUP_HOUR_RETENTION_DAYS.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_index=False)
    hour = models.DateTimeField()
    name = models.CharField(max_length=32)
    dimension = models.CharField(max_length=12, choices=Dimension.choices)
    member = models.CharField(max_length=250)
    count = models.IntegerField()
    good = models.IntegerField()
    poor = models.IntegerField()
    sketch = models.BinaryField()

    class Meta:
        constraints = [
            # Also the index of every list: one dimension over some hours.
            models.UniqueConstraint(
                fields=["application", "dimension", "hour", "name", "member"], name="vital_hour_once"
            ),
            models.CheckConstraint(condition=Q(count__gte=F("good") + F("poor")), name="vital_hour_adds_up"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.dimension} {self.member} {self.hour:%Y-%m-%d %H}:00"
