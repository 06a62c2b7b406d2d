"""One hour of measurements, by everything they are told apart by. Pure.

An hour is made anew from all of its measurements, so that late and repeated ones make it neither wrong nor differ from an hour
that was made once. Members of a dimension are bounded, because addresses and releases come from whoever holds a public key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.browser.targets import LOADS, TARGETS, VIEWS
from monitoring.metrics.sketch import Sketch, sketch_groups

#: What has its own rows; the rest of an hour is one member, OTHER.
MAX_PAGES, MAX_MEMBERS = 200, 50
OTHER = "other"
DIMENSIONS = ("page", "device", "browser", "connection", "release")
ALL = "all"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Values that agree in everything: the vital's name, then page, device, browser, connection and release."""

    name: str
    members: tuple[str, ...]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HourRow:
    """One vital of one member of one dimension in the hour."""

    name: str
    dimension: str
    member: str
    count: int
    good: int
    poor: int
    sketch: Sketch


def make_hour(bundles: Sequence[Bundle]) -> list[HourRow]:
    """Return the rows of an hour. Values are finite; a vital without a target has none that is good or poor."""
    if not bundles:
        return []
    values = np.concatenate([bundle.values for bundle in bundles])
    sizes = np.array([bundle.values.size for bundle in bundles])
    good, poor = _judge(values, [bundle.name for bundle in bundles], sizes)
    rows = _make_rows(ALL, [(bundle.name, "") for bundle in bundles], sizes, values, good, poor)
    for place, dimension in enumerate(DIMENSIONS):
        kept = _choose_members(bundles, place, MAX_PAGES if dimension == "page" else MAX_MEMBERS)
        keys = [(bundle.name, bundle.members[place] if bundle.members[place] in kept else OTHER) for bundle in bundles]
        rows += _make_rows(dimension, keys, sizes, values, good, poor)
    return rows


def _judge(
    values: NDArray[np.float64], names: Sequence[str], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    targets = [TARGETS.get(name) for name in names]
    # Without a target nothing is below the one limit and nothing above the other.
    goods = np.repeat([target.good if target else -np.inf for target in targets], sizes)
    poors = np.repeat([target.poor if target else np.inf for target in targets], sizes)
    return values < goods, values > poors


def _choose_members(bundles: Sequence[Bundle], place: int, limit: int) -> set[str]:
    """Return the members with the most page views; measurements decide between equals, then the alphabet."""
    weights: dict[str, tuple[int, int]] = {}
    for bundle in bundles:
        views, total = weights.get(bundle.members[place], (0, 0))
        is_view = bundle.name in VIEWS or bundle.name in LOADS
        size = int(bundle.values.size)
        weights[bundle.members[place]] = views + size * is_view, total + size
    ranked = sorted(weights, key=lambda member: (-weights[member][0], -weights[member][1], member))
    return set(ranked[:limit])


def _make_rows(
    dimension: str,
    keys: Sequence[tuple[str, str]],
    sizes: NDArray[np.int64],
    values: NDArray[np.float64],
    good: NDArray[np.bool_],
    poor: NDArray[np.bool_],
) -> list[HourRow]:
    groups = sorted(set(keys))
    places = {key: place for place, key in enumerate(groups)}
    owners = np.repeat(np.array([places[key] for key in keys], np.int64), sizes)
    order = np.argsort(owners, kind="stable")
    sketches = sketch_groups(values[order], owners[order], len(groups))
    goods = np.bincount(owners, good, len(groups)).astype(np.int64).tolist()
    poors = np.bincount(owners, poor, len(groups)).astype(np.int64).tolist()
    return [
        HourRow(name, dimension, member, sketch.count, goods[place], poors[place], sketch)
        for place, ((name, member), sketch) in enumerate(zip(groups, sketches, strict=True))
    ]
