"""Work on uploads that nobody waits for."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from monitoring.sourcemaps.services.upkeep import prune

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def prune_source_maps() -> None:
    """Remove what is no longer needed."""
    gone = prune(now=timezone.now())
    if gone:
        logger.info("%s uploads of source maps were removed: they had explained nothing for long", gone)
