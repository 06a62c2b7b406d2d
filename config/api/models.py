"""Answers kept for repeated requests."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class KeptAnswer(models.Model):
    """What a POST with an Idempotency-Key was answered, so that the same request sent again changes nothing.

    Written in the transaction of the change itself. Pruned after a day.
    """

    key_id = models.BigIntegerField(help_text="The key that the client authenticated with.")
    idempotency_hash = models.BinaryField(max_length=32)
    request_hash = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    headers = models.JSONField(default=dict)
    # Pruning, every hour.
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key_id", "idempotency_hash"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return f"answer {self.pk}"
