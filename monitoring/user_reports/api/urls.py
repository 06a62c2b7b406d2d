"""Addresses of reports in REST."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from monitoring.user_reports.api.views import UserReportViewSet

router = SimpleRouter()
router.register("user-reports", UserReportViewSet, basename="user-report")

urlpatterns = router.urls
