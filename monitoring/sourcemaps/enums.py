"""Words of this room."""

from __future__ import annotations

from django.db import models


class FileKind(models.TextChoices):
    """What a file of an upload is. Others that clients name are left out."""

    MINIFIED = "minified_source", "Script"
    MAP = "source_map", "Source map"
