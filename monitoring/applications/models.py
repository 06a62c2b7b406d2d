"""Applications and keys."""

from __future__ import annotations

import zoneinfo
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse

from config.settings import OPTION
from monitoring.applications.enums import KeyKind, Scope


def validate_time_zone(value: str) -> None:
    """Raise ValidationError unless `value` names a zone of the IANA database."""
    if value not in zoneinfo.available_timezones():
        raise ValidationError("“%(value)s” is not a time zone. Write it like Europe/Berlin.", params={"value": value})


def default_max_series() -> int:
    """Return the limit of metric series for a new application."""
    return int(OPTION["MAX_SERIES_PER_APPLICATION"])


class Application(models.Model):
    """One deployment of an ERP, in one environment. Everything stored carries its application."""

    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=100, help_text="What people call it, for example “Acme ERP”.")
    slug = models.SlugField(max_length=100, help_text="Short name for addresses and labels.")
    environment = models.CharField(max_length=50, default="production", help_text="For example production or staging.")
    time_zone = models.CharField(
        max_length=64,
        default="UTC",
        validators=[validate_time_zone],
        help_text="Where its users are: days and business hours follow it.",
    )
    expected_throughput = models.FloatField(
        "expected throughput (requests/s)",
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Requests per second on a normal day. Throughput alerts compare with it; empty: they stay silent.",
    )
    allocated_bandwidth = models.BigIntegerField(
        "allocated bandwidth (bytes/s)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="What the host's network may carry, bytes per second. Empty: the network card's own speed.",
    )
    allocated_storage = models.BigIntegerField(
        "allocated storage (bytes)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="What the database may grow to. Empty: the size of the disk it is on.",
    )
    max_series = models.PositiveIntegerField(
        default=default_max_series, help_text="New metric series beyond this many are refused and counted."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "environment"]
        constraints = [models.UniqueConstraint(fields=["slug", "environment"], name="application_slug_per_environment")]

    def __str__(self) -> str:
        return f"{self.name} ({self.environment})"

    def get_absolute_url(self) -> str:
        """Address of the connect page."""
        return reverse("admin:monitoring_application_connect", args=[self.pk])


class IngestKeyQuerySet(models.QuerySet["IngestKey"]):
    """Keys in domain words."""

    def usable(self) -> IngestKeyQuerySet:
        """Keys that were not revoked."""
        return self.filter(revoked_at=None)


class IngestKey(models.Model):
    """What a client shows to prove which application it reports for.

    A secret key is stored as a hash and shown once. A public key stands in the ERP's pages for anyone to read, so it can
    only send telemetry, from the origins listed, at a limited rate. Services write these rows; see services.py.
    """

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="keys")
    kind = models.CharField(max_length=10, choices=KeyKind.choices)
    label = models.CharField(max_length=100, blank=True, help_text="Who uses it, for example “web server 2”.")
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    prefix = models.CharField(max_length=12, editable=False, help_text="How the key begins, to tell it from others.")
    public_token = models.CharField(
        max_length=80, blank=True, editable=False, help_text="The whole key; kept only for public ones."
    )
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope.choices), default=list)
    origins = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="Origins whose pages may use a public key, such as https://erp.example. Empty: any.",
    )
    requests_per_minute = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[models.Manager[IngestKey]] = IngestKeyQuerySet.as_manager()

    class Meta:
        ordering = ["application", "kind", "created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=KeyKind.SECRET, public_token="")
                | Q(kind=KeyKind.PUBLIC, scopes=[Scope.INGEST.value]) & ~Q(public_token=""),
                name="public_keys_only_ingest",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.get_kind_display()})"
