"""Tasks of the inner rooms, gathered for Celery."""

from __future__ import annotations

from monitoring.errors.tasks import digest_errors, maintain_errors, record_error_counters, settle_issues
from monitoring.losses.tasks import prune_loss_accounts
from monitoring.metrics.tasks import maintain_point_partitions, pack_points, rotate_point_slots
from monitoring.own_metrics.tasks import record_own_metrics

__all__ = [
    "digest_errors",
    "maintain_errors",
    "maintain_point_partitions",
    "pack_points",
    "prune_loss_accounts",
    "record_error_counters",
    "record_own_metrics",
    "rotate_point_slots",
    "settle_issues",
]
