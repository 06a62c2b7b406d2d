"""Addresses of uploads in REST."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from monitoring.sourcemaps.api.views import SourceBundleViewSet

router = SimpleRouter()
router.register("source-maps", SourceBundleViewSet, basename="source-map")

urlpatterns = router.urls
