"""Components that depend on each other: while the database is down, alerts of what needs it are held back. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alerts.routing.matchers import Matcher, matches

MAX_COMPONENTS = 1_000
"""Of one application, or of all."""


@dataclass(frozen=True, slots=True)
class Component:
    """A part of what the company runs. Alerts that match are its own; `parents` are the ids of what it directly needs.

    A component without matchers has no alerts; it only stands between its parents and what needs it.
    """

    component_id: int
    name: str
    matchers: tuple[Matcher, ...] = ()
    parents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ComponentHold:
    """Why an alert is held back: its component, the broken one above it, and the alert that says so, which goes out."""

    component_id: int
    cause_component_id: int
    cause_alert_id: int


def find_held(
    components: Sequence[Component], alerts: Iterable[tuple[int, Mapping[str, str]]]
) -> dict[int, ComponentHold]:
    """Return the alerts that are held back, in ascending order of ids.

    `alerts` are all that fire, each with an id of its own, in any order. An alert is held back while a component above its
    own, at whatever distance, has an alert that goes out; so those of the topmost broken components always do. Where an
    alert belongs to several components it is held back only if that is so for each of them. With several causes, the
    component with the lowest id is named, and its alert with the lowest id.

    Parents that are not among the components are passed over. Components in a loop or below one hold back nothing and are
    held back by nothing: in doubt, people are told.
    """
    owners = _find_owners(components, sorted(alerts, key=lambda alert: alert[0]))
    alerts_of: defaultdict[int, list[int]] = defaultdict(list)
    for alert, component_ids in owners.items():
        for component_id in component_ids:
            alerts_of[component_id].append(alert)
    causes = _find_causes(components, broken=alerts_of.keys())
    return {
        alert: _hold(min(component_ids), causes, alerts_of)
        for alert, component_ids in owners.items()
        if component_ids and all(component_id in causes for component_id in component_ids)
    }


def _hold(component_id: int, causes: Mapping[int, int], alerts_of: Mapping[int, list[int]]) -> ComponentHold:
    cause = causes[component_id]
    return ComponentHold(component_id, cause, alerts_of[cause][0])


def _find_owners(
    components: Iterable[Component], alerts: Iterable[tuple[int, Mapping[str, str]]]
) -> dict[int, list[int]]:
    """Return the ids of each alert's components."""
    index = _Index()
    for component in components:
        index.add(component)
    return {
        alert: [component.component_id for component in index.find(labels) if matches(component.matchers, labels)]
        for alert, labels in alerts
    }


@dataclass(slots=True)
class _Index:
    """Components by a label that their alerts must have, so that an alert is compared with few of them."""

    by_label: dict[tuple[str, str], list[Component]] = field(default_factory=dict)
    others: list[Component] = field(default_factory=list)

    def add(self, component: Component) -> None:
        label = next(((one.name, one.value) for one in component.matchers if one.operator == "=" and one.value), None)
        if label is not None:
            self.by_label.setdefault(label, []).append(component)
        elif component.matchers:
            self.others.append(component)

    def find(self, labels: Mapping[str, str]) -> Iterator[Component]:
        yield from self.others
        for label in labels.items():
            yield from self.by_label.get(label, ())


def _find_causes(components: Iterable[Component], broken: Iterable[int]) -> dict[int, int]:
    """Return, for each component with a broken one above it, the topmost broken one (of several, the lowest id).

    A topmost one has nothing broken above it, so its alerts go out: hence whatever is broken above a component, one of
    those above has an alert that goes out, and it is enough to look at what is broken.
    """
    broken = frozenset(broken)
    causes: dict[int, int] = {}
    for component in _order_from_top(components):
        candidates = [
            causes.get(parent, parent) for parent in component.parents if parent in causes or parent in broken
        ]
        if candidates:
            causes[component.component_id] = min(candidates)
    return causes


def _order_from_top(components: Iterable[Component]) -> Iterator[Component]:
    """Yield each component after its parents; those in or below a loop are left out."""
    by_id = {component.component_id: component for component in components}
    waits_for = {
        component_id: {parent for parent in component.parents if parent in by_id}
        for component_id, component in by_id.items()
    }
    needed_by: defaultdict[int, list[int]] = defaultdict(list)
    for component_id, parents in waits_for.items():
        for parent in parents:
            needed_by[parent].append(component_id)
    ready = [component_id for component_id, parents in waits_for.items() if not parents]
    while ready:
        component_id = ready.pop()
        yield by_id[component_id]
        for child in needed_by[component_id]:
            waits_for[child].discard(component_id)
            if not waits_for[child]:
                ready.append(child)


def check_components(components: Sequence[Component]) -> list[str]:
    """Return what is wrong with the components, in words, empty if they can be used."""
    counts = Counter(component.component_id for component in components)
    errors = [
        f"The id {component_id} is given to {count} components." for component_id, count in counts.items() if count > 1
    ]
    for component in components:
        if component.matchers and matches(component.matchers, {}):
            errors.append(
                f"The matchers of “{component.name}” are met by alerts that have none of these labels, so by nearly all: "
                "name a label that its alerts must have."
            )
        errors.extend(
            f"“{component.name}” needs the component {parent}, which does not exist."
            for parent in component.parents
            if parent not in counts
        )
    return [*errors, *_describe_loops(components)]


def _describe_loops(components: Sequence[Component]) -> Iterator[str]:
    """Yield a sentence for each loop, “ERP” needs “Database” needs “ERP”, but for those below one that is named."""
    by_id = {component.component_id: component for component in components}
    rest = by_id.keys() - {component.component_id for component in _order_from_top(components)}
    while rest:
        way = _walk_up(by_id, rest)
        loop = way[way.index(way[-1]) :]
        names = " needs ".join(f"“{by_id[component_id].name}”" for component_id in loop)
        yield f"Components can't need each other in a loop: {names}."
        rest -= _find_below(components, set(loop))


def _walk_up(by_id: Mapping[int, Component], rest: Iterable[int]) -> list[int]:
    """Return a way through parents that are in `rest`, from the lowest id until one comes up for the second time."""
    rest = set(rest)
    way = [min(rest)]
    while way.count(way[-1]) == 1:
        way.append(min(parent for parent in by_id[way[-1]].parents if parent in rest))
    return way


def _find_below(components: Sequence[Component], starts: set[int]) -> set[int]:
    """Return these and whatever needs them, at whatever distance."""
    found = set(starts)
    while True:
        more = {
            component.component_id
            for component in components
            if component.component_id not in found and not found.isdisjoint(component.parents)
        }
        if not more:
            return found
        found |= more
