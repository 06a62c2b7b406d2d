"""What single checks mean together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Health(StrEnum):
    """Well, working with something amiss, or not able to serve."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check; `seconds` is how long it took to find out."""

    name: str
    health: Health
    detail: str
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the check as the endpoint shows it."""
        return {"status": self.health.value, "detail": self.detail, "seconds": round(self.seconds, 4)}


def judge_together(checks: Sequence[Check]) -> Health:
    """Return the worst of the checks."""
    order = list(Health)
    return max((check.health for check in checks), key=order.index, default=Health.OK)


def judge_heartbeat(*, age_seconds: float | None, limit_seconds: float) -> tuple[Health, str]:
    """Return what the age of the workers' last sign of life means; None: there has been none for a day."""
    if age_seconds is None:
        return Health.DEGRADED, "No worker has finished a task yet."
    if age_seconds > limit_seconds:
        return Health.DEGRADED, f"No worker has finished a task for {age_seconds:.0f} s."
    return Health.OK, f"A task finished {age_seconds:.0f} s ago."
