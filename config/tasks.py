"""Tasks of the kernel, gathered for Celery."""

from __future__ import annotations

from config.api.tasks import prune_kept_answers
from config.deliveries.tasks import prune_deliveries, send_deliveries
from config.outbox.tasks import dispatch_events, prune_events

__all__ = ["dispatch_events", "prune_deliveries", "prune_events", "prune_kept_answers", "send_deliveries"]
