"""Series, what is known about metrics, and the slots that points arrive in.

Points, chunks and rollups themselves are plain partitioned tables without a model: see migration 0003 and
docs/metrics-storage.md.
"""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from monitoring.applications.models import Application


class MetricSeries(models.Model):
    """One line of measurements: a metric's name with one set of labels, as one application reports it."""

    id = models.AutoField(primary_key=True)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="series")
    name = models.CharField(max_length=200)
    labels = models.JSONField(default=dict)
    fingerprint = models.BinaryField(max_length=16, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "metric series"
        constraints = [
            models.UniqueConstraint(fields=["application", "fingerprint"], name="series_once_per_application")
        ]
        indexes = [
            # Every selector of a query or rule names the metric.
            models.Index(fields=["application", "name"], name="series_by_name"),
            # Selectors with labels only, and label values for dashboards.
            GinIndex(fields=["labels"], opclasses=["jsonb_path_ops"], name="series_by_labels"),
        ]

    def __str__(self) -> str:
        inner = ", ".join(f'{name}="{value}"' for name, value in sorted(self.labels.items()))
        return f"{self.name}{{{inner}}}" if inner else self.name


class MetricDescription(models.Model):
    """What senders say about a metric: its type, help text and unit."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="metric_descriptions")
    name = models.CharField(max_length=200)
    type = models.CharField(max_length=20, default="unknown")
    help = models.TextField(blank=True)
    unit = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["application", "name"], name="description_once_per_metric"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.type})"


class PointSlot(models.Model):
    """A stretch of arrival: points that came in while it was open lie in its own table until they are packed.

    Rows stay as a record of the packing; a maintenance task removes them once the rollups they led to are gone.
    """

    id = models.AutoField(primary_key=True)
    opened_at = models.DateTimeField()
    sealed_at = models.DateTimeField(null=True, blank=True)
    packed_at = models.DateTimeField(null=True, blank=True)
    rows = models.BigIntegerField(default=0, help_text="Points packed, duplicates left out.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(packed_at=None) | Q(sealed_at__isnull=False), name="slots_are_sealed_before_packing"
            ),
            models.CheckConstraint(
                condition=Q(sealed_at=None) | Q(sealed_at__gte=F("opened_at")), name="slots_are_sealed_after_opening"
            ),
        ]
        indexes = [
            # The few slots that writers and readers look for: open or waiting to be packed.
            models.Index(fields=["id"], condition=Q(packed_at=None), name="slots_unpacked"),
        ]

    def __str__(self) -> str:
        return f"slot {self.pk}"

    @property
    def table(self) -> str:
        """Name of the table with this slot's points."""
        return f"monitoring_point_fresh_{self.pk}"
