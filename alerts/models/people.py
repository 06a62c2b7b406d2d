"""How people want to be reached, and what is counted because it may be done so often only."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from alerts.enums import ContactKind, Severity
from alerts.models.groups import Notice
from alerts.models.rules import Channel
from config.crypto import EncryptedTextField


class ContactManager(models.Manager["ContactMethod"]):
    """Contacts without their addresses, which are read where something is sent."""

    def get_queryset(self) -> models.QuerySet[ContactMethod]:
        """Leave the address out: one that can't be decrypted must not make its person's page unreadable."""
        return super().get_queryset().defer("address")


class ContactMethod(models.Model):
    """A way to reach one person, entered by that person. Used once a code that was sent there has been typed in."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="contact_methods")
    kind = models.CharField(max_length=10, choices=ContactKind.choices)
    address = EncryptedTextField(editable=False, help_text="Mail address, number or Apprise address.")
    label = models.CharField(max_length=150, help_text="What people read of it; no secret.")
    verified_at = models.DateTimeField(null=True, blank=True)
    code_hash = models.CharField(max_length=64, blank=True, editable=False)
    code_sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    code_tries = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[ContactManager] = ContactManager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ContactKind.values), name="contact_kind_known"),
            models.UniqueConstraint(fields=["user", "kind", "label"], name="contact_once"),
        ]

    def __str__(self) -> str:
        return self.label


class NotificationPreference(models.Model):
    """By which ways a person hears of what is this bad: all of them, in this order."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_preferences"
    )
    severity = models.CharField(max_length=10, choices=Severity.choices)
    kinds = ArrayField(models.CharField(max_length=10, choices=ContactKind.choices), default=list, blank=True)

    objects: ClassVar[models.Manager[NotificationPreference]]

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="preference_severity_known"),
            models.UniqueConstraint(fields=["user", "severity"], name="one_preference_per_severity"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_severity_display()}"


class ChannelMessage(models.Model):
    """One message that went out by a channel with a rate limit; counted, and pruned after two days."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+")
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[ChannelMessage]]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "notice"], name="channel_message_once")]
        indexes = [
            # Before each message of such a channel: how many went out lately.
            models.Index(fields=["channel", "-at"], name="channel_message_lately")
        ]

    def __str__(self) -> str:
        return f"{self.channel} at {self.at:%Y-%m-%d %H:%M:%S}"


class CountedUse(models.Model):
    """One use of something that may be done so often only: a code sent, a test asked for, the button of a link pressed.

    Knows nothing of what it is about, so that it outlives it. Pruned after eight days.
    """

    name = models.CharField(max_length=100, help_text="What is counted, for example channel-test:7; no address.")
    at = models.DateTimeField()

    objects: ClassVar[models.Manager[CountedUse]]

    class Meta:
        indexes = [
            # Before each use: how often it was done lately.
            models.Index(fields=["name", "-at"], name="counted_use_lately"),
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
