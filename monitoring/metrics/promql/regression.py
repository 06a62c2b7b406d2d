"""Straight lines through the samples of a window: `deriv` and `predict_linear`.

Source: Prometheus 2.42, `linearRegression`, with the sums taken around the means so that no digits are lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitoring.metrics.promql.data import BoolArray, FloatArray, IntArray
from monitoring.metrics.promql.windows import RangeResult, Windows, expand_windows, reduce_windows


def deriv(windows: Windows, _: FloatArray) -> RangeResult:
    """Slope of the line, per second."""
    slopes, _, present = fit_lines(windows)
    return slopes, present


def predict_linear(windows: Windows, seconds_ahead: FloatArray) -> RangeResult:
    """The line's value so many seconds after the evaluation time."""
    slopes, values_now, present = fit_lines(windows)
    return values_now + slopes * seconds_ahead, present


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What lines are laid through: seconds since `origin_ms`, values, weights, and the windows over them."""

    origin_ms: int
    seconds: FloatArray
    values: FloatArray
    weights: FloatArray
    lo: IntArray
    hi: IntArray


def fit_lines(windows: Windows) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Least squares: slope per second, value at the evaluation time, and which windows have at least two samples."""
    samples = place_samples(windows)
    slopes, values_now = np.zeros(len(windows.lo)), np.zeros(len(windows.lo))
    for block in expand_windows(samples.lo, samples.hi):
        weight, owner = samples.weights[block.samples], block.owner
        now = (windows.at[block.windows] - samples.origin_ms) / 1000
        x = samples.seconds[block.samples] - now[owner]
        y = samples.values[block.samples]
        total = block.sum(weight)
        x_mean, y_mean = block.sum(weight * x) / total, block.sum(weight * y) / total
        dx = x - x_mean[owner]
        slope = block.sum(weight * dx * (y - y_mean[owner])) / block.sum(weight * dx * dx)
        slopes[block.windows] = slope
        values_now[block.windows] = y_mean - slope * x_mean
    return settle_flat(samples, slopes, values_now)


def place_samples(windows: Windows) -> Samples:
    """The samples, or, of a bucket, two in their place: at its ends, with its mean and its rise, half its weight each."""
    origin = int(windows.times[0])
    if windows.columns is None:
        seconds, weights = (windows.times - origin) / 1000, np.ones(len(windows.values))
        return Samples(origin, seconds, windows.values, weights, windows.lo, windows.hi)
    columns = windows.columns
    means = columns.sums / columns.counts
    half_rise = np.where(columns.counts > 1, windows.values - columns.first, 0.0) / 2
    pairs = np.column_stack
    kept = pairs((columns.counts > 1, np.ones(len(means), dtype=np.bool_)))
    weights = np.where(columns.counts > 1, columns.counts / 2, 1.0)
    moved = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(kept.sum(axis=1), dtype=np.int64)))
    return Samples(
        origin_ms=origin,
        seconds=pairs((columns.first_times - origin, windows.times - origin))[kept] / 1000,
        values=pairs((means - half_rise, means + half_rise))[kept],
        weights=pairs((weights, weights))[kept],
        lo=moved[windows.lo],
        hi=moved[windows.hi],
    )


def settle_flat(
    samples: Samples, slopes: FloatArray, values_now: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Where all values are equal the slope is exactly 0, and the line that value; infinite ones have no line."""
    lowest = reduce_windows(np.minimum, samples.values, samples.lo, samples.hi, np.nan)
    highest = reduce_windows(np.maximum, samples.values, samples.lo, samples.hi, np.nan)
    flat, infinite = lowest == highest, np.isinf(lowest)
    slopes = np.where(flat, np.where(infinite, np.nan, 0.0), slopes)
    values_now = np.where(flat, np.where(infinite, np.nan, lowest), values_now)
    return slopes, values_now, samples.hi - samples.lo >= 2
