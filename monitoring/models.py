"""Models of the inner rooms, gathered for Django."""

from __future__ import annotations

from monitoring.applications.models import Application, IngestKey
from monitoring.losses.models import LossAccount
from monitoring.metrics.models import MetricDescription, MetricSeries, PointSlot

__all__ = ["Application", "IngestKey", "LossAccount", "MetricDescription", "MetricSeries", "PointSlot"]
