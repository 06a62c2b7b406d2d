"""The loss account: what became of everything that was sent."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from monitoring.applications.models import Application
from monitoring.losses.enums import Signal


class LossAccount(models.Model):
    """What one application sent in one hour, and what became of it: received = stored + refused + limited + dropped.

    What its clients say they did not even send stands beside it: captured = received + sampled + lost.
    Written in the transaction that stores the data. Several processes write at once, each its own row (`writer`), so
    that they don't wait for each other; readers sum over them. Pruned after a year.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="loss_accounts")
    hour = models.DateTimeField(help_text="Start of the hour of arrival.")
    signal = models.CharField(max_length=20, choices=Signal.choices)
    writer = models.SmallIntegerField(default=0)
    received = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0, help_text="Not valid, too old or too far in the future.")
    limited = models.BigIntegerField(default=0, help_text="Valid, but beyond a limit.")
    dropped = models.BigIntegerField(default=0, help_text="Valid, but of a kind that is not kept.")
    sampled = models.BigIntegerField(default=0, help_text="Left out by the client on purpose; never received.")
    lost = models.BigIntegerField(default=0, help_text="Lost at the client; never received.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["application", "hour", "signal", "writer"], name="loss_account_once_per_writer"
            ),
            models.CheckConstraint(
                condition=Q(received=F("stored") + F("refused") + F("limited") + F("dropped")),
                name="loss_account_adds_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_signal_display()} of {self.hour:%Y-%m-%d %H}:00"
