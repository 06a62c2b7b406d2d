"""Tasks of the inner rooms, gathered for Celery, and those that several share."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from monitoring.browser.tasks import prune_web_vital_hours, record_web_vitals, roll_up_web_vitals
from monitoring.errors.tasks import digest_errors, prune_set_aside_errors, record_error_counters, settle_issues
from monitoring.logs.tasks import record_log_counters
from monitoring.losses.tasks import prune_loss_accounts
from monitoring.metrics.tasks import maintain_point_partitions, pack_points, rotate_point_slots
from monitoring.own_metrics.tasks import record_own_metrics
from monitoring.partitions import DAILY
from monitoring.performance.comparing import Requests
from monitoring.performance.tasks import prune_performance_hours, roll_up_performance
from monitoring.releases.services.judging import judge_releases
from monitoring.releases.tasks import forget_seen_bodies, record_release_health
from monitoring.sourcemaps.tasks import prune_source_maps
from monitoring.uptime.tasks import probe_checks, prune_check_stories, record_check_states
from monitoring.user_reports.tasks import match_user_reports, prune_user_reports

__all__ = [
    "compare_releases",
    "digest_errors",
    "forget_seen_bodies",
    "maintain_daily_partitions",
    "maintain_point_partitions",
    "match_user_reports",
    "pack_points",
    "probe_checks",
    "prune_check_stories",
    "prune_loss_accounts",
    "prune_performance_hours",
    "prune_set_aside_errors",
    "prune_source_maps",
    "prune_user_reports",
    "prune_web_vital_hours",
    "record_check_states",
    "record_error_counters",
    "record_log_counters",
    "record_own_metrics",
    "record_release_health",
    "record_web_vitals",
    "roll_up_performance",
    "roll_up_web_vitals",
    "rotate_point_slots",
    "settle_issues",
]

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def maintain_daily_partitions() -> None:
    """Make the days ahead, drop those whose time has passed."""
    now = timezone.now()
    for partitions in DAILY:
        partitions.ensure_ahead(now=now)
        for name in partitions.drop_expired(now=now):
            logger.info("dropped %s", name)


@shared_task(ignore_result=True)
def compare_releases() -> None:
    """Compare new releases with those before: by sessions, new errors and failed requests."""
    judge_releases(now=timezone.now(), sources=[Requests()])
