"""Background work of the API."""

from __future__ import annotations

from celery import shared_task

from config.api import idempotency


@shared_task(ignore_result=True)
def prune_kept_answers() -> int:
    """Delete answers to Idempotency-Keys that are older than a day."""
    return idempotency.prune_answers()
