"""Addresses of deliveries in REST."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from config.deliveries.api.views import DeliveryViewSet

router = SimpleRouter()
router.register("deliveries", DeliveryViewSet, basename="delivery")

urlpatterns = router.urls
