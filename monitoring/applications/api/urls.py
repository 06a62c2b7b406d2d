"""Addresses of applications in REST."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from monitoring.applications.api.views import ApplicationViewSet

router = SimpleRouter()
router.register("applications", ApplicationViewSet, basename="application")

urlpatterns = router.urls
