"""The routing tree: which receivers an alert goes to, with whom it is grouped, how often it is repeated. Pure.

Source: Alertmanager 0.25, documentation of `<route>`. Like there, a route inherits its receiver, grouping and timings, but
not its time intervals: a parent that is muted does not mute its children.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from alerts.routing.matchers import Matcher, matches

Receiver = int | str
"""Opaque here: whatever the caller names its receivers by."""

ALL_LABELS = ("...",)
"""As `group_by`: every alert with labels of its own is a group of its own."""

GROUP_WAIT = timedelta(seconds=30)
GROUP_INTERVAL = timedelta(minutes=5)
REPEAT_INTERVAL = timedelta(hours=4)
MAX_DEPTH = 20
MAX_ROUTES = 1_000

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One node of the tree, its children in the order in which they are tried.

    None and an empty `group_by` are inherited from the parent; what even the root does not say is Alertmanager's default
    (no grouping: one group for the route; 30 s, 5 min, 4 h). `continues`: later siblings are tried even if this one
    matches. The route sends nothing during its `mute_intervals`, and only during its `active_intervals` if it has any;
    both are names of time intervals.
    """

    route_id: int
    matchers: tuple[Matcher, ...] = ()
    receiver: Receiver | None = None
    group_by: tuple[str, ...] = ()
    group_wait: timedelta | None = None
    group_interval: timedelta | None = None
    repeat_interval: timedelta | None = None
    continues: bool = False
    mute_intervals: tuple[str, ...] = ()
    active_intervals: tuple[str, ...] = ()
    children: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRoute:
    """A route that an alert ended at, with nothing left to inherit. `path` is the ids from the root to it, both included.

    `receiver` is None only if neither the route nor any above it names one, which `check_tree` refuses.
    """

    route_id: int
    receiver: Receiver | None
    group_by: tuple[str, ...] = ()
    group_wait: timedelta = GROUP_WAIT
    group_interval: timedelta = GROUP_INTERVAL
    repeat_interval: timedelta = REPEAT_INTERVAL
    mute_intervals: tuple[str, ...] = ()
    active_intervals: tuple[str, ...] = ()
    path: tuple[int, ...] = ()


def resolve(root: Route, labels: Mapping[str, str]) -> list[ResolvedRoute]:
    """Return the routes that these labels end at, at least one, in the order of the tree.

    Depth first: of a route's children the first that matches, and those after it while the matching ones continue; the
    route itself if none matches. The root matches whatever its matchers say. A receiver can occur more than once.
    """
    return list(_descend(root, _inherit(None, root), labels))


def _descend(route: Route, resolved: ResolvedRoute, labels: Mapping[str, str]) -> Iterator[ResolvedRoute]:
    is_leaf = True
    for child in route.children:
        if not matches(child.matchers, labels):
            continue
        is_leaf = False
        yield from _descend(child, _inherit(resolved, child), labels)
        if not child.continues:
            break
    if is_leaf:
        yield resolved


def _inherit(parent: ResolvedRoute | None, route: Route) -> ResolvedRoute:
    above = parent or ResolvedRoute(route_id=route.route_id, receiver=None)
    return replace(
        above,
        route_id=route.route_id,
        receiver=above.receiver if route.receiver is None else route.receiver,
        group_by=route.group_by or above.group_by,
        group_wait=above.group_wait if route.group_wait is None else route.group_wait,
        group_interval=above.group_interval if route.group_interval is None else route.group_interval,
        repeat_interval=above.repeat_interval if route.repeat_interval is None else route.repeat_interval,
        mute_intervals=route.mute_intervals,
        active_intervals=route.active_intervals,
        path=(*above.path, route.route_id),
    )


def group_labels(resolved: ResolvedRoute, labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that alerts of one group share, sorted by name; those that the alert has not are left out."""
    names = labels.keys() if resolved.group_by == ALL_LABELS else resolved.group_by
    return {name: labels[name] for name in sorted(names) if labels.get(name)}


def group_key(resolved: ResolvedRoute, labels: Mapping[str, str]) -> str:
    """Return the text that alerts of one group of one route share, and no others, `12:{"alertname":"Disk full"}`.

    It names the route by its id, so that it outlives changes of matchers.
    """
    shared = json.dumps(group_labels(resolved, labels), ensure_ascii=False, separators=(",", ":"))
    return f"{resolved.route_id}:{shared}"


def check_tree(root: Route, *, receivers: Collection[Receiver], intervals: Collection[str] = ()) -> list[str]:
    """Return what is wrong with a tree, in words, empty if it can be used.

    `receivers` and `intervals` are what its routes may name. Of a tree that is too deep or too large nothing else is said.
    """
    routes = _collect(root)
    if routes is None:
        return [
            f"The tree is too large: {MAX_ROUTES:,} routes at most, and {MAX_DEPTH} levels below one another at most."
        ]
    counts = Counter(route.route_id for route in routes)
    errors = [f"The id {route_id} is given to {count} routes." for route_id, count in counts.items() if count > 1]
    errors.extend(_check_root(root))
    for route in routes:
        where = "The root route" if route is root else f"The route {route.route_id}"
        errors.extend(f"{where} {words}" for words in _check_route(route, receivers, intervals))
    return errors


def _collect(root: Route) -> list[Route] | None:
    """Return all routes, level by level; None if there are too many or too many levels."""
    found: list[Route] = []
    level = [root]
    for _ in range(MAX_DEPTH):
        found.extend(level)
        level = [child for route in level for child in route.children]
        if not level:
            return found
        if len(found) + len(level) > MAX_ROUTES:
            return None
    return None


def _check_root(root: Route) -> Iterator[str]:
    if root.matchers:
        yield "The root route can't have matchers: every alert that no other route takes ends there."
    if root.continues:
        yield "The root route can't continue: it has no siblings."
    if root.receiver is None:
        yield "The root route needs a receiver."
    if root.mute_intervals or root.active_intervals:
        yield "The root route can't have time intervals: it is the last that would send an alert."


def _check_route(route: Route, receivers: Collection[Receiver], intervals: Collection[str]) -> Iterator[str]:
    if route.receiver is not None and route.receiver not in receivers:
        yield f"sends to “{route.receiver}”, a receiver that does not exist."
    yield from _check_grouping(route.group_by)
    for name in dict.fromkeys(route.mute_intervals + route.active_intervals):
        if name not in intervals:
            yield f"names the time interval “{name}”, which does not exist."
    if route.group_wait is not None and route.group_wait < timedelta(0):
        yield "has a negative group wait."
    if route.group_interval is not None and route.group_interval <= timedelta(0):
        yield "needs a group interval longer than zero."
    if route.repeat_interval is not None and route.repeat_interval <= timedelta(0):
        yield "needs a repeat interval longer than zero."


def _check_grouping(group_by: tuple[str, ...]) -> Iterator[str]:
    counts = Counter(group_by)
    for name, count in counts.items():
        if count > 1:
            yield f"groups by “{name}” {'twice' if count == 2 else f'{count} times'}."
        if name not in ALL_LABELS and _LABEL.fullmatch(name) is None:
            yield f"groups by “{name}”, which can't be a label: use letters, digits and _, and don't begin with a digit."
    if "..." in counts and len(counts) > 1:
        yield "groups by all labels (...) and by others: leave out either."
