"""Addresses of issues in REST."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from monitoring.errors.api.views import IssueViewSet

router = SimpleRouter()
router.register("issues", IssueViewSet, basename="issue")

urlpatterns = router.urls
