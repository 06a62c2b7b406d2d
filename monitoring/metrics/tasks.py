"""Work on stored points that nobody waits for."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from monitoring.metrics.aging import drop_expired_partitions, prune_slots
from monitoring.metrics.packing import pack_sealed_slots
from monitoring.metrics.partitions import ensure_partitions
from monitoring.metrics.slots import rotate_slots

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def rotate_point_slots() -> None:
    """Seal the slot of fresh points when it is full or old."""
    rotate_slots(now=timezone.now())


@shared_task(ignore_result=True)
def pack_points() -> None:
    """Turn sealed slots into chunks and hour rollups."""
    for slot_id, rows in pack_sealed_slots(now=timezone.now()).items():
        logger.info("packed slot %s: %s points", slot_id, rows)


@shared_task(ignore_result=True)
def maintain_point_partitions() -> None:
    """Make partitions ahead, drop those whose time has passed."""
    now = timezone.now()
    ensure_partitions(now=now)
    for name in drop_expired_partitions(now=now):
        logger.info("dropped %s", name)
    prune_slots(now=now)
