"""Components as a tree of what needs what, with how each is. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from alerts.routing.components import Component
from alerts.routing.matchers import matches


class Health(StrEnum):
    """How a component is."""

    HEALTHY = "healthy"
    BROKEN = "broken"
    HELD = "held"

    @property
    def label(self) -> str:
        """What people read."""
        return {"healthy": "Healthy", "broken": "Broken", "held": "Held back"}[self.value]

    @property
    def tone(self) -> str:
        """Its colour on every screen."""
        return {"healthy": "well", "broken": "bad", "held": "quiet"}[self.value]


@dataclass(frozen=True, slots=True)
class Branch:
    """One line of the tree. `depth` 0 stands at the top: it needs nothing. `alert_ids`: its own alerts that fire.

    `is_repeated`: it needs several and stood below another of them already; what needs it is listed there.
    """

    component: Component
    depth: int
    health: Health
    alert_ids: tuple[int, ...]
    is_repeated: bool = False


def draw_tree(
    components: Sequence[Component], alerts: Iterable[tuple[int, Mapping[str, str]]], held: frozenset[int]
) -> list[Branch]:
    """Return the tree, line by line, each component below every one that it needs.

    `alerts` are all that fire, with their labels; `held` those that are held because of their component. Broken is what has
    an alert that is not; components in a loop, which nobody should be able to make, stand at the end.
    """
    firing = list(alerts)
    own = {
        one.component_id: tuple(
            alert_id for alert_id, labels in firing if one.matchers and matches(one.matchers, labels)
        )
        for one in components
    }
    needed_by: defaultdict[int, list[Component]] = defaultdict(list)
    known = {one.component_id for one in components}
    ordered = sorted(components, key=lambda one: (one.name.casefold(), one.component_id))
    for one in ordered:
        for parent in one.parents:
            needed_by[parent].append(one)
    lines: list[Branch] = []
    seen: set[int] = set()
    waiting = [(one, 0) for one in reversed(ordered) if known.isdisjoint(one.parents)]
    # Those that no top one leads to are in or below a loop.
    rest = iter(ordered)
    while True:
        if not waiting:
            left = next((one for one in rest if one.component_id not in seen), None)
            if left is None:
                return lines
            waiting.append((left, 0))
        one, depth = waiting.pop()
        is_repeated = one.component_id in seen
        seen.add(one.component_id)
        ids = own[one.component_id]
        lines.append(Branch(one, depth, _judge(ids, held), ids, is_repeated))
        if not is_repeated:
            waiting += [(child, depth + 1) for child in reversed(needed_by[one.component_id])]


def _judge(alert_ids: tuple[int, ...], held: frozenset[int]) -> Health:
    if not alert_ids:
        return Health.HEALTHY
    return Health.HELD if held.issuperset(alert_ids) else Health.BROKEN
