"""Files of events."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse

from monitoring.attachments.records import PLAIN, find_picture_type
from monitoring.errors.compression import decompress


class Attachment(models.Model):
    """One file that came with an event. The table has a partition for each day of arrival and is dropped day by day.

    `data` is zstd-compressed, `size` how long the file was when it came. Append-only.
    """

    id = models.BigAutoField(primary_key=True)
    application_id = models.IntegerField()
    event_id = models.UUIDField()
    received_at = models.DateTimeField()
    name = models.CharField(max_length=150)
    content_type = models.CharField(max_length=100, blank=True)
    kind = models.CharField(max_length=100, default=PLAIN, help_text="What the client calls it, like event.minidump.")
    size = models.IntegerField()
    digest = models.BinaryField(max_length=16)
    data = models.BinaryField()

    objects: ClassVar[models.Manager[Attachment]]

    class Meta:
        # Made by a migration of its own, because Django can't make partitioned tables.
        managed = False
        db_table = "monitoring_attachment"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Address that the file is downloaded from."""
        return reverse("admin:monitoring_attachment_download", args=[self.application_id, self.event_id, self.pk])

    @property
    def is_plain(self) -> bool:
        """Whether the client calls it nothing special."""
        return self.kind == PLAIN

    @property
    def looks_like_a_picture(self) -> bool:
        """Whether the client says so; what it is shows in its bytes only."""
        return self.content_type.startswith("image/") or self.name.lower().endswith((".png", ".jpg", ".jpeg", ".webp"))

    def read(self) -> bytes:
        """Return the file."""
        return decompress(bytes(self.data))

    def find_picture_type(self) -> str:
        """Return the type of the picture it is, empty if it is none that a page may show."""
        return find_picture_type(self.read())
