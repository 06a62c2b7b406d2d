"""System checks of this room's settings."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from config.checks import SETTINGS_TAG
from config.settings import OPTION
from monitoring.ingestion.limits import LimitsInvalid, read_limits


@register(SETTINGS_TAG)
def check_limits(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Check the limits by kind."""
    try:
        read_limits(tuple(OPTION["KEY_ITEMS_PER_MINUTE"]))
    except LimitsInvalid as error:
        hint = "Write KEY_ITEMS_PER_MINUTE like errors=6000,spans=60000."
        return [Error(f"KEY_ITEMS_PER_MINUTE: {error}", hint=hint, id="postlaunch.E017")]
    return []
