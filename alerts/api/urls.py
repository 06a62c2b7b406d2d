"""Addresses of rules, alerts and on-call schedules in REST."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from alerts.api.channels import ChannelViewSet
from alerts.api.components import ComponentTreeViewSet, ComponentViewSet
from alerts.api.inhibitions import InhibitionViewSet
from alerts.api.oncall import OnCallScheduleViewSet
from alerts.api.policies import PolicyViewSet
from alerts.api.quiet import SilenceViewSet
from alerts.api.routes import RouteViewSet
from alerts.api.views import AlertViewSet, RuleViewSet

router = SimpleRouter()
router.register("rules", RuleViewSet, basename="rule")
router.register("channels", ChannelViewSet, basename="channel")
router.register("policies", PolicyViewSet, basename="policy")
router.register("routes", RouteViewSet, basename="route")
router.register("alerts", AlertViewSet, basename="alert")
router.register("silences", SilenceViewSet, basename="silence")
router.register("inhibitions", InhibitionViewSet, basename="inhibition")
router.register("components", ComponentViewSet, basename="component")
router.register("components-tree", ComponentTreeViewSet, basename="components-tree")
router.register("schedules", OnCallScheduleViewSet, basename="schedule")

urlpatterns = router.urls
