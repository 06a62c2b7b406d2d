"""Functions of change: rate, increase, delta and their kin.

Source: Prometheus 2.42, `extrapolatedRate`, `instantValue`, `changes`, `resets`.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from monitoring.metrics.promql.data import BoolArray, FloatArray
from monitoring.metrics.promql.windows import Columns, RangeFunction, RangeResult, Windows, reduce_windows, sum_windows

EXTRAPOLATION_LIMIT = 1.1
"""A window's edge within this many mean distances of a sample is taken to be reached by the series."""


def extrapolate(windows: Windows, _: FloatArray, *, counter: bool, per_second: bool) -> RangeResult:
    """Change over the window: what the samples show, stretched to the window's edges where the series reaches them.

    Of a counter, falls are taken as restarts from zero, and nothing is stretched to before it was zero.
    """
    counts = windows.count()
    starts, firsts, lasts = first_times(windows), first_values(windows), windows.values[windows.last]
    sampled = (windows.times[windows.last] - starts) / 1000
    change = grow(windows, firsts, lasts) if counter else lasts - firsts
    to_start = (starts - windows.starts) / 1000
    to_end = (windows.ends - windows.times[windows.last]) / 1000
    if counter:
        to_zero = sampled * (firsts / change)
        reaches_zero = (change > 0) & (firsts >= 0) & (to_zero < to_start)
        to_start = np.where(reaches_zero, to_zero, to_start)
    distance = sampled / (counts - 1)
    reach = sampled + stretch(to_start, distance) + stretch(to_end, distance)
    factor = reach / sampled
    if per_second:
        factor /= (windows.ends - windows.starts) / 1000
    return change * factor, (counts >= 2) & (sampled > 0)


def stretch(gap: FloatArray, distance: FloatArray) -> FloatArray:
    """How much of the gap between the outermost sample and the window's edge is taken to be covered."""
    return np.where(gap < distance * EXTRAPOLATION_LIMIT, gap, distance / 2)


def first_times(windows: Windows) -> FloatArray:
    """Time of each window's first sample, epoch ms."""
    times = windows.times if windows.columns is None else windows.columns.first_times
    return times[windows.lo].astype(np.float64)


def first_values(windows: Windows) -> FloatArray:
    """Each window's first sample."""
    return first_column(windows)[windows.lo]


def first_column(windows: Windows) -> FloatArray:
    """Each element's first sample."""
    return windows.values if windows.columns is None else windows.columns.first


def grow(windows: Windows, firsts: FloatArray, lasts: FloatArray) -> FloatArray:
    """Each window's growth with counter resets corrected."""
    if windows.columns is not None:
        return grow_buckets(windows, windows.columns)
    values = windows.values
    lost = np.zeros(len(values))
    fell = values[1:] < values[:-1]
    lost[:-1][fell] = values[:-1][fell]
    return lasts - firsts + sum_windows(lost, windows.lo, windows.last)


def grow_buckets(windows: Windows, columns: Columns) -> FloatArray:
    """Growth inside the buckets and from each one to the next."""
    between = np.zeros(len(windows.values))
    before, after = windows.values[:-1], columns.first[1:]
    between[:-1] = np.where(after < before, after, after - before)
    inside = sum_windows(columns.increases, windows.lo, windows.hi)
    return inside + sum_windows(between, windows.lo, windows.last)


def compare_last_two(windows: Windows, _: FloatArray, *, rate: bool) -> RangeResult:
    """Change between the two newest samples; for `rate`, of a counter, and per second.

    Of a bucket only its ends are known: its mean step stands for the last one.
    """
    last = windows.last
    previous = np.maximum(last - 1, 0)
    seconds = (windows.times[last] - windows.times[previous]) / 1000
    newest, older = windows.values[last], windows.values[previous]
    present = windows.hi - windows.lo >= 2
    change = np.where(newest < older, newest, newest - older) if rate else newest - older
    if windows.columns is not None:
        columns = windows.columns
        many = (columns.counts[last] >= 2) & windows.occupied
        steps = columns.counts[last] - 1
        total = columns.increases[last] if rate else newest - columns.first[last]
        change = np.where(many, total / steps, change)
        seconds = np.where(many, (windows.times[last] - columns.first_times[last]) / 1000 / steps, seconds)
        present |= many
    return (change / seconds if rate else change), present & (seconds > 0)


def count_changes(windows: Windows, _: FloatArray) -> RangeResult:
    """How often the value differs from the one before it; a bucket whose values differ counts once at least."""
    before, after = windows.values[:-1], first_column(windows)[1:]
    differs = (after != before) & ~(np.isnan(after) & np.isnan(before))
    inside = None
    if windows.columns is not None:
        inside = (windows.columns.counts >= 2) & (windows.columns.mins != windows.columns.maxs)
    return count_events(windows, differs, inside), windows.occupied


def count_resets(windows: Windows, _: FloatArray) -> RangeResult:
    """How often the value falls; a bucket that fell inside counts once at least."""
    fell = first_column(windows)[1:] < windows.values[:-1]
    inside = None
    if windows.columns is not None:
        columns = windows.columns
        net = windows.values - columns.first
        # Beyond rounding, only a reset makes the corrected growth exceed the plain one.
        inside = (columns.counts >= 2) & (columns.increases - net > 1e-9 * np.maximum(np.abs(columns.increases), 1e-9))
    return count_events(windows, fell, inside), windows.occupied


def count_events(windows: Windows, between: BoolArray, inside: BoolArray | None) -> FloatArray:
    """Events between neighbouring elements and inside elements, counted over each window."""
    happened = np.zeros(len(windows.values))
    happened[:-1] = between
    counted = reduce_windows(np.add, happened, windows.lo, windows.last, 0.0)
    if inside is not None:
        counted += reduce_windows(np.add, inside.astype(np.float64), windows.lo, windows.hi, 0.0)
    return counted


COUNTER_FUNCTIONS: dict[str, RangeFunction] = {
    "rate": partial(extrapolate, counter=True, per_second=True),
    "increase": partial(extrapolate, counter=True, per_second=False),
    "delta": partial(extrapolate, counter=False, per_second=False),
    "irate": partial(compare_last_two, rate=True),
    "idelta": partial(compare_last_two, rate=False),
    "changes": count_changes,
    "resets": count_resets,
}
