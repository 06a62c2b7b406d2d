"""Models of the inner rooms, gathered for Django."""

from __future__ import annotations

from monitoring.applications.models import Application, IngestKey

__all__ = ["Application", "IngestKey"]
