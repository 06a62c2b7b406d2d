"""Words of this room."""

from __future__ import annotations

from django.db import models


class Dimension(models.TextChoices):
    """By what measurements are told apart in the hours."""

    ALL = "all", "All pages"
    PAGE = "page", "Page"
    DEVICE = "device", "Device"
    BROWSER = "browser", "Browser"
    CONNECTION = "connection", "Connection"
    RELEASE = "release", "Release"
