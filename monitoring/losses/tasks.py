"""Upkeep of the loss account."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from monitoring.losses.services import prune_accounts


@shared_task(ignore_result=True)
def prune_loss_accounts() -> None:
    """Remove accounts of long ago."""
    prune_accounts(now=timezone.now())
