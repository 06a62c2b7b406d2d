"""Admin of the inner rooms, gathered for Django."""

from __future__ import annotations

from monitoring.applications import admin as applications_admin
from monitoring.applications import current
from monitoring.charts import explorer, views

__all__ = ["applications_admin", "current", "explorer", "views"]
