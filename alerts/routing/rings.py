"""Rings of inhibitions: rules by which alerts may come to inhibit each other. Pure; best effort, for a warning.

Matchers are compared label by label, and where regular expressions leave it open, a ring is assumed. One rule by itself can't
make one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alerts.routing.inhibition import InhibitRule
from alerts.routing.matchers import Matcher

#: How many comparisons a search makes, each some microseconds: what the list of inhibitions waits for it at most.
MAX_COMPARISONS = 100_000
#: The labels that most rules ask for by their values; the application is always among them, where rules have owners.
_INDEXED_LABELS = 8


@dataclass(frozen=True, slots=True)
class Rings:
    """What was found: each ring as positions of its rules, in the order in which they inhibit each other.

    `is_complete` False: there were more rules alike than a search compares, so that there may be others.
    """

    found: tuple[tuple[int, ...], ...]
    is_complete: bool = True


def find_rings(rules: Sequence[InhibitRule], *, most: int = MAX_COMPARISONS) -> Rings:
    """Return the rings among rules, each rule in one at most."""
    graph = _Followers(rules, most)
    everyone = range(len(rules))
    # Whoever has few that may follow is compared first: what is written precisely is judged beside any number that is not.
    for rule in sorted(everyone, key=graph.count_candidates):
        graph.find(rule)
    found: list[tuple[int, ...]] = []
    named: set[int] = set()
    for rule in everyone:
        ring = () if rule in named else _find_shortest(rule, graph)
        if ring and named.isdisjoint(ring):
            named.update(ring)
            found.append(ring)
    return Rings(tuple(found), graph.is_complete)


def find_ring_of(rules: Sequence[InhibitRule], rule: int, *, most: int = MAX_COMPARISONS) -> Rings:
    """Return a shortest ring through one of the rules, beginning with it, if there is one."""
    graph = _Followers(rules, most)
    ring = _find_shortest(rule, graph)
    return Rings((ring,) if ring else (), graph.is_complete)


@dataclass(slots=True)
class _Side:
    """What is asked of an alert on one side of a rule, by label; `values` are those that a label must have."""

    asked: dict[str, list[Matcher]]
    values: dict[str, str]


class _Followers:
    """Which rules may follow which: an alert that one holds back may hold back another by the next. Found out when asked for."""

    def __init__(self, rules: Sequence[InhibitRule], most: int) -> None:
        self.is_complete = True
        self._comparisons, self._steps = most, most * 10
        self._targets = [_read_side(rule.target_matchers, rule.source_matchers, rule.equal) for rule in rules]
        self._sources = [_read_side(rule.source_matchers, rule.target_matchers, rule.equal) for rule in rules]
        self._index = _Index(self._sources)
        self._known: dict[int, list[int]] = {}

    def count_candidates(self, rule: int) -> int:
        """Return with how many a rule has to be compared."""
        return sum(map(len, self._index.find(self._targets[rule])))

    def find(self, rule: int) -> list[int]:
        """Return the rules that may follow one, in order; none, if that would take more comparisons than are left."""
        if rule not in self._known:
            self._known[rule] = self._compare(rule)
        return self._known[rule]

    def may_go_on(self, steps: int) -> bool:
        """Count the steps of a search, and say whether it may take them."""
        self._steps -= steps
        self.is_complete = self.is_complete and self._steps >= 0
        return self._steps >= 0

    def _compare(self, rule: int) -> list[int]:
        target, parts = self._targets[rule], self._index.find(self._targets[rule])
        self._comparisons -= sum(map(len, parts))
        if self._comparisons < 0:
            self.is_complete = False
            return []
        return sorted(
            after for part in parts for after in part if after != rule and _may_be_both(target, self._sources[after])
        )


class _Index:
    """Sides by the values that their labels must have, so that one is compared with few: with those of its application, say."""

    def __init__(self, sides: Sequence[_Side]) -> None:
        counts = Counter(name for side in sides for name in side.values)
        names = [name for name, _ in counts.most_common(_INDEXED_LABELS)]
        self._by_value: dict[str, dict[str, list[int]]] = {name: defaultdict(list) for name in names}
        self._others: dict[str, list[int]] = {name: [] for name in names}
        self._everyone = range(len(sides))
        for place, side in enumerate(sides):
            for name in names:
                wanted = side.values.get(name)
                (self._others[name] if wanted is None else self._by_value[name][wanted]).append(place)

    def find(self, side: _Side) -> Sequence[Sequence[int]]:
        """Return those that may be met by the same alert as a side, in parts; none that may is missing."""
        known = [
            (self._by_value[name].get(wanted, ()), self._others[name])
            for name, wanted in side.values.items()
            if name in self._others
        ]
        return min(known, key=lambda parts: sum(map(len, parts)), default=(self._everyone,))


def _find_shortest(start: int, graph: _Followers) -> tuple[int, ...]:
    """Return a shortest way from a rule back to itself, empty if there is none."""
    before = {start: start}
    level = [start]
    while level:
        longer = []
        for rule in level:
            followers = graph.find(rule)
            if not graph.may_go_on(len(followers)):
                return ()
            for after in followers:
                if after == start:
                    return _trace(rule, before)
                if after not in before:
                    before[after] = rule
                    longer.append(after)
        level = longer
    return ()


def _trace(last: int, before: Mapping[int, int]) -> tuple[int, ...]:
    """Return the way to a rule from where the search began."""
    way = [last]
    while before[way[-1]] != way[-1]:
        way.append(before[way[-1]])
    return tuple(reversed(way))


def _read_side(matchers: Iterable[Matcher], others: Iterable[Matcher], equal: Iterable[str]) -> _Side:
    """Return what one side asks; what the other asks of a label that is the same on both counts as well."""
    same = set(equal)
    asked: defaultdict[str, list[Matcher]] = defaultdict(list)
    for matcher in (*matchers, *(other for other in others if other.name in same)):
        asked[matcher.name].append(matcher)
    values = {name: one.value for name, found in asked.items() for one in found if one.operator == "="}
    return _Side(dict(asked), values)


def _may_be_both(side: _Side, other: _Side) -> bool:
    """Whether an alert may be on both sides."""
    wanted = other.values
    if any(wanted.get(name, value) != value for name, value in side.values.items()):
        return False
    names = side.asked.keys() | other.asked.keys()
    return all(_may_agree([*side.asked.get(name, ()), *other.asked.get(name, ())]) for name in names)


def _may_agree(matchers: Sequence[Matcher]) -> bool:
    """Whether some value of a label may satisfy all of these; False only if surely none does."""
    values = [matcher.value for matcher in matchers if matcher.operator == "="]
    choices = [matcher.value.split("|") for matcher in matchers if _is_choice(matcher)]
    if not values and not choices:
        return True
    return any(all(matcher.matches(value) for matcher in matchers) for value in values or choices[0])


def _is_choice(matcher: Matcher) -> bool:
    """Whether it is a plain list of values, `a|b|c`."""
    return matcher.operator == "=~" and not set(matcher.value) & set(r"\.+*?()[]{}^$")
