"""The routing tree: which receivers an alert goes to. Pure.

Source: Alertmanager 0.25, documentation of `<route>`. Like there, a route inherits its receiver. How alerts are grouped and how
often they are told of belongs to the receiver here, an escalation policy, not to the route.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alerts.routing.matchers import Matcher, matches

Receiver = int | str
"""Opaque here: whatever the caller names its receivers by."""

MAX_DEPTH = 20
MAX_ROUTES = 1_000
"""Of one application, or for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One node of the tree, its children in the order in which they are tried.

    `receiver` None is the parent's. `continues`: later siblings are tried even if this one matches.
    """

    route_id: int
    matchers: tuple[Matcher, ...] = ()
    receiver: Receiver | None = None
    continues: bool = False
    children: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRoute:
    """A route that an alert ended at, with nothing left to inherit. `path` is the ids from the root to it, both included.

    `receiver` is None only if neither the route nor any above it names one.
    """

    route_id: int
    receiver: Receiver | None
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
    receiver = parent.receiver if parent is not None and route.receiver is None else route.receiver
    above = parent.path if parent is not None else ()
    return ResolvedRoute(route_id=route.route_id, receiver=receiver, path=(*above, route.route_id))
