"""Words of this room."""

from __future__ import annotations

from django.db import models


class Signal(models.TextChoices):
    """What is counted in the loss account. Bodies that can't be read at all are counted as bodies."""

    POINTS = "points", "Metric points"
    BODIES = "bodies", "Unreadable requests"
