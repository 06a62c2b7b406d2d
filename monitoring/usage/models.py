"""Usage events as they are kept."""

from __future__ import annotations

from django.db import models


class UsageEvent(models.Model):
    """One thing that a person did, see `records.UsageEvent`. A partition for each day, dropped day by day."""

    application_id = models.IntegerField()
    record_id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    kind = models.TextField()
    name = models.TextField()
    page = models.TextField()
    target = models.TextField()
    properties = models.JSONField(default=dict)
    release = models.TextField()
    environment = models.TextField()
    device = models.TextField()
    browser = models.TextField()
    os = models.TextField()
    ip = models.TextField()
    session_key = models.TextField()
    user_key = models.BinaryField(null=True)

    class Meta:
        # Made by a migration, because Django can't make partitioned tables.
        managed = False
        db_table = "monitoring_usageevent"

    def __str__(self) -> str:
        return f"{self.kind} {self.name or self.target or self.page}"
