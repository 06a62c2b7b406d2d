"""Addresses of checks in REST."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from monitoring.uptime.api.views import CheckViewSet

router = SimpleRouter()
router.register("checks", CheckViewSet, basename="check")

urlpatterns = router.urls
