"""Addresses of checks and maintenance in REST."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from monitoring.uptime.api.maintenance import MaintenanceViewSet
from monitoring.uptime.api.views import CheckViewSet

router = SimpleRouter()
router.register("checks", CheckViewSet, basename="check")
router.register("maintenance", MaintenanceViewSet, basename="maintenance")

urlpatterns = router.urls
