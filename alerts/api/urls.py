"""Addresses of rules and alerts in REST."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from alerts.api.channels import ChannelViewSet
from alerts.api.policies import PolicyViewSet
from alerts.api.views import AlertViewSet, RuleViewSet

router = SimpleRouter()
router.register("rules", RuleViewSet, basename="rule")
router.register("channels", ChannelViewSet, basename="channel")
router.register("policies", PolicyViewSet, basename="policy")
router.register("alerts", AlertViewSet, basename="alert")

urlpatterns = router.urls
