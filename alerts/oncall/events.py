"""Shifts of an imported calendar, made ready to be kept: events that overlap are on call together. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from alerts.oncall.rotations import People
from alerts.oncall.schedule import Shift


def flatten_shifts(shifts: Iterable[Shift]) -> list[Shift]:
    """Return shifts that may overlap as disjoint ones, sorted: where several are at once, the people of all of them.

    Neighbours with the same people are one.
    """
    events = list(shifts)
    edges = sorted({edge for each in events for edge in (each.start, each.end)})
    begins: dict[object, list[int]] = {}
    for number, each in enumerate(events):
        begins.setdefault(each.start, []).append(number)
    running: list[int] = []
    flat: list[Shift] = []
    for start, end in pairwise(edges):
        running = [each for each in running if events[each].end > start] + begins.get(start, [])
        people = _join(events[each].people for each in running)
        if not people:
            continue
        if flat and flat[-1].end == start and flat[-1].people == people:
            start = flat.pop().start
        flat.append(Shift(start, end, people))
    return flat


def _join(groups: Iterable[People]) -> People:
    return tuple(dict.fromkeys(person for group in groups for person in group))
