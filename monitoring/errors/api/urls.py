"""Addresses of issues in REST."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from monitoring.errors.api.critical import CriticalPatternViewSet
from monitoring.errors.api.views import IssueViewSet

router = SimpleRouter()
router.register("issues", IssueViewSet, basename="issue")
router.register("critical-patterns", CriticalPatternViewSet, basename="critical-pattern")

urlpatterns = router.urls
