"""Deliveries and the attempts made at them."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.crypto import EncryptedTextField
from config.deliveries.enums import Channel, Outcome, State
from config.deliveries.masking import mask_links

#: After this long without success a delivery is given up, visibly.
GIVE_UP_AFTER = timedelta(hours=24)
PRIVATE_TEXT = "Its text is for its recipient alone, so it is not shown here."


def default_give_up_at() -> datetime:
    """Return when a delivery made now is given up."""
    return timezone.now() + GIVE_UP_AFTER


class DeliveryManager(models.Manager["Delivery"]):
    """Deliveries without their secrets, which are read where one is signed or sent."""

    def get_queryset(self) -> models.QuerySet[Delivery]:
        """Leave the secret out: one that can't be decrypted must not make its row, and with it the queue, unreadable."""
        return super().get_queryset().defer("signing_secret", "secret_address")


class Delivery(models.Model):
    """One message to one recipient by one channel, and what became of it.

    Written in the transaction of the change that it tells of. The idempotency key says which message it is: asked for a
    second time, it exists already and nothing more is sent. Pruned after DELIVERY_RETENTION_DAYS, failed ones too.
    """

    application_id = models.IntegerField(null=True, blank=True)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    recipient = models.TextField(help_text="Mail address, URL, or for other ways words without secrets.")
    idempotency_key = models.CharField(max_length=300, unique=True)
    subject = models.TextField(blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    is_private = models.BooleanField(
        default=False,
        editable=False,
        help_text="Its text is for its recipient alone, like a code; it is shown to nobody.",
    )
    payload = models.JSONField(null=True, blank=True, help_text="Body of a webhook; how bad a message is.")
    signing_secret = EncryptedTextField(blank=True, editable=False)
    secret_address = EncryptedTextField(blank=True, editable=False, help_text="Apprise address.")
    lane = models.CharField(
        max_length=40, blank=True, editable=False, help_text="One at a time goes out of those with the same lane."
    )
    thread = models.CharField(
        max_length=40, blank=True, editable=False, help_text="Those of one thread go out in the order they were made."
    )
    supersedes = models.BooleanField(
        default=False,
        editable=False,
        help_text="It says all that is true now of its thread: older news need not go out.",
    )
    supersedable = models.BooleanField(
        default=False, editable=False, help_text="It need not go out once a newer one of its thread says what is true."
    )
    ongoing = ArrayField(
        models.BigIntegerField(), default=list, editable=False, help_text="Hashes of what it says goes on."
    )
    ended = ArrayField(
        models.BigIntegerField(), default=list, editable=False, help_text="Hashes of what it says is over."
    )
    source = models.CharField(max_length=50, blank=True, help_text="What it tells of, for example alert.")
    source_id = models.CharField(max_length=100, blank=True)

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    suppressed_because = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField(default=timezone.now, editable=False)
    give_up_at = models.DateTimeField(default=default_give_up_at, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempt_count = models.PositiveIntegerField("attempts", default=0, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    refused_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since when its receiver, being there, does not take it."
    )
    resend_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="resends")
    requested_by = models.CharField(max_length=150, blank=True, help_text="Who asked for it to be sent again.")

    # Who is sending it right now. Without handed_over_at the message has certainly not left the house.
    claim_token = models.UUIDField(null=True, blank=True, editable=False)
    claimed_by = models.CharField(max_length=200, blank=True, editable=False)
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    handed_over_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[DeliveryManager] = DeliveryManager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="delivery_state_known"),
            models.CheckConstraint(condition=Q(channel__in=Channel.values), name="delivery_channel_known"),
            models.CheckConstraint(
                condition=Q(state=State.SENDING, claim_token__isnull=False, lease_until__isnull=False)
                | (~Q(state=State.SENDING) & Q(claim_token=None, lease_until=None, handed_over_at=None)),
                name="delivery_claimed_while_sending",
            ),
            models.CheckConstraint(
                condition=(Q(state=State.SUPPRESSED) & ~Q(suppressed_because=""))
                | (~Q(state=State.SUPPRESSED) & Q(suppressed_because="")),
                name="delivery_suppressed_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[State.SENT, State.FAILED, State.SUPPRESSED], finished_at__isnull=False)
                | Q(state__in=[State.QUEUED, State.SENDING], finished_at=None),
                name="delivery_finished_has_time",
            ),
        ]
        indexes = [
            # The workers' claim, every few seconds.
            models.Index(fields=["due_at", "id"], name="delivery_due", condition=Q(state=State.QUEUED)),
            # Recovery of leases that ran out; and "is this receiver busy?" in the claim.
            models.Index(fields=["lease_until"], name="delivery_sending", condition=Q(state=State.SENDING)),
            # The claim and the queueing: what of a thread has not gone out yet.
            models.Index(
                fields=["thread", "id"],
                name="delivery_thread",
                condition=Q(state__in=[State.QUEUED, State.SENDING]) & ~Q(thread=""),
            ),
            # The claim and "Try now": whether something newer went out.
            models.Index(
                fields=["thread", "id"], name="delivery_thread_taken", condition=Q(state=State.SENT) & ~Q(thread="")
            ),
            # Admin home and Deliveries: failed ones, newest first.
            models.Index(fields=["-id"], name="delivery_failed", condition=Q(state=State.FAILED)),
            # An alert's or incident's page: what was sent because of it.
            models.Index(fields=["source", "source_id"], name="delivery_source"),
            # REST: the deliveries of an application, newest first.
            models.Index(fields=["application_id", "-id"], name="delivery_application"),
            # The nightly pruning.
            models.Index(fields=["created_at"], name="delivery_created"),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} to {self.recipient}"

    @property
    def shown_text(self) -> str:
        """The text as the ledger shows it: without what only the recipient may use."""
        return PRIVATE_TEXT if self.is_private else mask_links(self.text)

    @property
    def shown_html(self) -> str:
        """The HTML as the ledger shows it; none of a private message."""
        return "" if self.is_private else mask_links(self.html)

    @property
    def fingerprint(self) -> str:
        """Name of the message for receivers: the same on every attempt, different across installations."""
        text = f"{self.pk}:{self.idempotency_key}:{self.created_at.isoformat()}"
        return f"{self.pk}.{hashlib.sha256(text.encode()).hexdigest()[:24]}"


class DeliveryAttempt(models.Model):
    """One try at a delivery. Appended by the sender, never changed; goes with its delivery."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    detail = models.TextField(blank=True, help_text="What the receiver or the transport said.")

    objects: ClassVar[models.Manager[DeliveryAttempt]]

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="attempt_outcome_known")]
        indexes = [
            # The home page and the watchdog: which receivers something was tried at lately.
            models.Index(fields=["finished_at"], name="attempt_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} at {self.finished_at:%Y-%m-%d %H:%M:%S}"
