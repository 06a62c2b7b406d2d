"""Addresses of releases in REST."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from monitoring.releases.api.views import DeploymentViewSet, ReleaseViewSet

router = SimpleRouter()
router.register("releases", ReleaseViewSet, basename="release")
router.register("deployments", DeploymentViewSet, basename="deployment")

urlpatterns = router.urls
