"""Models of the kernel, gathered for Django."""

from __future__ import annotations

from config.api.models import KeptAnswer
from config.deliveries.models import Delivery, DeliveryAttempt
from config.outbox.models import Event, Receipt

__all__ = ["Delivery", "DeliveryAttempt", "Event", "KeptAnswer", "Receipt"]
