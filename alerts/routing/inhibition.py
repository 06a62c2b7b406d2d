"""Inhibition: which alerts are held back because of which others. Pure.

Source: Alertmanager 0.25, documentation of `<inhibit_rule>`. As there, an alert that is held back itself holds others back
too, and an alert that matches both sides of a rule can't be held back by alerts for which the same is true.

Unlike there, alerts that inhibit each other in a ring are not all held back, or nobody would hear of any: of every ring
that nothing outside it holds back, the alert with the lowest id goes out. So every alert that is held back has a chain
of inhibitors that begins at one that is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from alerts.routing.matchers import Matcher, matches


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """While an alert matches `source_matchers`, those that match `target_matchers` are held back.

    Both must have the same values of the labels in `equal`; a missing label counts as the empty text.
    """

    source_matchers: tuple[Matcher, ...]
    target_matchers: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()


def find_inhibitors(rules: Sequence[InhibitRule], alerts: Iterable[tuple[int, Mapping[str, str]]]) -> dict[int, int]:
    """Return, for each alert that is held back, the id of an alert that does it, in ascending order of ids.

    `alerts` are all that fire, each with an id of its own, in any order. Named is the inhibitor with the shortest chain
    from an alert that goes out; among equals the lowest id. Time grows with the rules times the alerts that have the labels
    which a rule asks for by their values, its application among them; where it asks for none, times all alerts.
    """
    ordered = sorted(alerts, key=lambda alert: alert[0])
    graph = _build_graph(rules, [labels for _, labels in ordered])
    free = [alert for alert in range(len(ordered)) if not graph.backward[alert]]
    outgoing = sorted([*free, *_find_survivors(graph, free)])
    found = _spread(graph, outgoing)
    return {ordered[target][0]: ordered[source][0] for target, source in sorted(found.items())}


@dataclass(frozen=True, slots=True)
class _Graph:
    """Nodes are alerts, numbered from 0 in the order of their ids, and after them hubs.

    A hub stands between alerts that all inhibit the same others, so that a thousand times a thousand need not be listed pair
    by pair. Every hub has edges on both sides.
    """

    forward: list[list[int]]
    backward: list[list[int]]

    def add_hub(self, sources: list[int], targets: list[int]) -> None:
        if not sources or not targets:
            return
        hub = len(self.forward)
        self.forward.append(targets)
        self.backward.append(sources)
        for alert in sources:
            self.forward[alert].append(hub)
        for alert in targets:
            self.backward[alert].append(hub)


class _Candidates:
    """Alerts by the values of their labels, so that a rule is compared with few of them: with those of its application, say."""

    def __init__(self, alerts: Sequence[Mapping[str, str]]) -> None:
        self.alerts = alerts
        self._by_value: dict[str, dict[str, list[int]]] = {}

    def find(self, matchers: Sequence[Matcher]) -> set[int]:
        """Return the alerts that match one side of a rule."""
        known: Iterable[Sequence[int]] = (
            self._index(one.name).get(one.value, []) for one in matchers if one.operator == "=" and one.value
        )
        fewest = min(known, key=len, default=range(len(self.alerts)))
        return {alert for alert in fewest if matches(matchers, self.alerts[alert])}

    def _index(self, name: str) -> dict[str, list[int]]:
        if name not in self._by_value:
            index: defaultdict[str, list[int]] = defaultdict(list)
            for alert, labels in enumerate(self.alerts):
                if name in labels:
                    index[labels[name]].append(alert)
            self._by_value[name] = dict(index)
        return self._by_value[name]


def _build_graph(rules: Sequence[InhibitRule], alerts: Sequence[Mapping[str, str]]) -> _Graph:
    graph = _Graph(forward=[[] for _ in alerts], backward=[[] for _ in alerts])
    candidates = _Candidates(alerts)
    for rule in rules:
        for sides in _group_by_equal(rule, candidates):
            graph.add_hub(sides.only_source + sides.both, sides.only_target)
            graph.add_hub(sides.only_source, sides.both)
    return graph


@dataclass(slots=True)
class _Sides:
    """Alerts with equal labels, by the side of a rule that they match."""

    only_source: list[int]
    only_target: list[int]
    both: list[int]


def _group_by_equal(rule: InhibitRule, candidates: _Candidates) -> Iterable[_Sides]:
    sources = candidates.find(rule.source_matchers)
    targets = candidates.find(rule.target_matchers) if sources else set()
    groups: defaultdict[tuple[str, ...], _Sides] = defaultdict(lambda: _Sides([], [], []))
    for alert in sorted(sources | targets) if targets else ():
        labels = candidates.alerts[alert]
        sides = groups[tuple(labels.get(name, "") for name in rule.equal)]
        is_source, is_target = alert in sources, alert in targets
        (sides.both if is_source and is_target else sides.only_source if is_source else sides.only_target).append(alert)
    return groups.values()


def _find_survivors(graph: _Graph, free: list[int]) -> list[int]:
    """Return one alert of each ring that nothing outside holds back: the first.

    In the reverse order of a depth-first search's ends, the first node that nothing free reaches lies in such a ring, and
    the ring is whatever leads to it (Kosaraju's algorithm).
    """
    covered: set[int] = set()
    _reach(free, graph.forward, covered)
    survivors = []
    for node in reversed(_order_by_end(graph.forward, covered)):
        if node in covered:
            continue
        ring: set[int] = set()
        _reach([node], graph.backward, ring)
        survivors.append(min(ring))
        _reach(survivors[-1:], graph.forward, covered)
    return survivors


def _reach(starts: list[int], edges: list[list[int]], seen: set[int]) -> None:
    """Add to `seen` what can be reached."""
    waiting = [node for node in starts if node not in seen]
    seen.update(waiting)
    while waiting:
        for node in edges[waiting.pop()]:
            if node not in seen:
                seen.add(node)
                waiting.append(node)


def _order_by_end(edges: list[list[int]], left_out: set[int]) -> list[int]:
    """Return the nodes in the order in which a depth-first search is done with them."""
    order: list[int] = []
    seen = set(left_out)
    for start in range(len(edges)):
        if start in seen:
            continue
        seen.add(start)
        stack: list[tuple[int, Iterator[int]]] = [(start, iter(edges[start]))]
        while stack:
            node, following = stack[-1]
            fresh = next((other for other in following if other not in seen), None)
            if fresh is None:
                order.append(node)
                stack.pop()
            else:
                seen.add(fresh)
                stack.append((fresh, iter(edges[fresh])))
    return order


def _spread(graph: _Graph, outgoing: list[int]) -> dict[int, int]:
    """Return the inhibitor of every other alert: breadth first, from the alerts that go out, the lowest first."""
    inhibitors: dict[int, int] = {}
    seen = set(outgoing)
    level = outgoing
    while level:
        reached = []
        for alert in level:
            for hub in graph.forward[alert]:
                if hub in seen:
                    continue
                seen.add(hub)
                fresh = [target for target in graph.forward[hub] if target not in seen]
                seen.update(fresh)
                inhibitors.update(dict.fromkeys(fresh, alert))
                reached.extend(fresh)
        level = sorted(reached)
    return inhibitors
