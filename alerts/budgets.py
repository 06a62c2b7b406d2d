"""How much of an evaluation one application may take, and which of its rules come first when it wants more. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

APPLICATION_SECONDS = 5.0
"""How long the rules of one application may take in one evaluation, reading included; the others wait for the next one."""

LEAST_SECONDS = 1.0
"""So much of it is left for judging, however long reading took."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Until when rules of an application are begun, on the clock that `began` (reading) and `opened` (judging) are of."""

    began: float
    opened: float

    def is_spent(self, at: float) -> bool:
        """Whether no other rule may be begun."""
        return at >= max(self.began + APPLICATION_SECONDS, self.opened + LEAST_SECONDS)


def order_rules(rule_ids: Iterable[int], judged: Mapping[int, float]) -> list[int]:
    """Return rules in the order in which they are judged: who waited longest first (`judged`: when it was, epoch seconds)."""
    return sorted(rule_ids, key=lambda rule_id: (judged.get(rule_id, 0.0), rule_id))


def measure_period(done: Iterable[int], judged: Mapping[int, float], *, now: float) -> float | None:
    """Return the longest time between two judgements of a rule that was judged now; None if nobody knows yet."""
    return max((now - judged[rule_id] for rule_id in done if rule_id in judged), default=None)
