"""Words of the outbox."""

from __future__ import annotations

from django.db import models


class EventState(models.TextChoices):
    """Where an event stands."""

    PENDING = "pending", "Pending"
    DONE = "done", "Done"
    SET_ASIDE = "set_aside", "Set aside"
