"""Addresses of rules, alerts and on-call schedules in REST."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from alerts.api.oncall import OnCallScheduleViewSet
from alerts.api.views import AlertViewSet, RuleViewSet

router = SimpleRouter()
router.register("rules", RuleViewSet, basename="rule")
router.register("alerts", AlertViewSet, basename="alert")
router.register("schedules", OnCallScheduleViewSet, basename="schedule")

urlpatterns = router.urls
