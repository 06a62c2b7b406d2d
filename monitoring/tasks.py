"""Tasks of the inner rooms, gathered for Celery."""

from __future__ import annotations

from monitoring.errors.tasks import digest_errors, maintain_errors, record_error_counters, settle_issues
from monitoring.losses.tasks import prune_loss_accounts
from monitoring.metrics.tasks import maintain_point_partitions, pack_points, rotate_point_slots
from monitoring.own_metrics.tasks import record_own_metrics
from monitoring.uptime.tasks import probe_checks, prune_check_stories, record_check_states

__all__ = [
    "digest_errors",
    "maintain_errors",
    "maintain_point_partitions",
    "pack_points",
    "probe_checks",
    "prune_check_stories",
    "prune_loss_accounts",
    "record_check_states",
    "record_error_counters",
    "record_own_metrics",
    "rotate_point_slots",
    "settle_issues",
]
