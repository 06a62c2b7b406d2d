"""Admin of the inner rooms, gathered for Django."""

from __future__ import annotations

from monitoring.applications import admin as applications_admin
from monitoring.applications import current
from monitoring.attachments import admin as attachments_admin
from monitoring.browser import admin as browser_admin
from monitoring.charts import explorer, views
from monitoring.errors import admin as errors_admin
from monitoring.logs import admin as logs_admin
from monitoring.losses import admin as losses_admin
from monitoring.people import admin as people_admin
from monitoring.performance import admin as performance_admin
from monitoring.releases import admin as releases_admin
from monitoring.sourcemaps import admin as sourcemaps_admin
from monitoring.uptime import admin as uptime_admin
from monitoring.user_reports import admin as user_reports_admin

__all__ = [
    "applications_admin",
    "attachments_admin",
    "browser_admin",
    "current",
    "errors_admin",
    "explorer",
    "logs_admin",
    "losses_admin",
    "people_admin",
    "performance_admin",
    "releases_admin",
    "sourcemaps_admin",
    "uptime_admin",
    "user_reports_admin",
    "views",
]
