"""Straight lines through the samples of a window: `deriv` and `predict_linear`.

Source: Prometheus 2.42, `linearRegression`, with the sums taken around the means so that no digits are lost.
"""

from __future__ import annotations

import numpy as np

from monitoring.metrics.promql.data import BoolArray, FloatArray
from monitoring.metrics.promql.windows import RangeResult, Windows, expand_windows, reduce_windows


def deriv(windows: Windows, _: FloatArray) -> RangeResult:
    """Slope of the line, per second."""
    slopes, _, present = fit_lines(windows)
    return slopes, present


def predict_linear(windows: Windows, seconds_ahead: FloatArray) -> RangeResult:
    """The line's value so many seconds after the evaluation time."""
    slopes, values_now, present = fit_lines(windows)
    with np.errstate(all="ignore"):
        return values_now + slopes * seconds_ahead, present


def fit_lines(windows: Windows) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Least squares: slope per second, value at the evaluation time, and which windows have at least two samples.

    A bucket stands, with the weight of its samples, at the middle of its time with its mean.
    """
    size = len(windows.lo)
    slopes, values_now = np.zeros(size), np.zeros(size)
    seconds, values, weights = place_samples(windows)
    for block in expand_windows(windows.lo, windows.hi):
        weight, owner = weights[block.samples], block.owner
        now = (windows.at[block.windows] - windows.times[0]) / 1000
        x = seconds[block.samples] - now[owner]
        y = values[block.samples]
        total = block.sum(weight)
        with np.errstate(all="ignore"):
            x_mean, y_mean = block.sum(weight * x) / total, block.sum(weight * y) / total
            dx = x - x_mean[owner]
            slope = block.sum(weight * dx * (y - y_mean[owner])) / block.sum(weight * dx * dx)
            slopes[block.windows] = slope
            values_now[block.windows] = y_mean - slope * x_mean
    return settle_flat(windows, values, slopes, values_now)


def place_samples(windows: Windows) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Each element's time in seconds since the first element, its value and its weight."""
    origin = windows.times[0]
    if windows.columns is None:
        return (windows.times - origin) / 1000, windows.values, np.ones(len(windows.values))
    columns = windows.columns
    with np.errstate(all="ignore"):
        middles = ((windows.times - origin) + (columns.first_times - origin)) / 2000
        return middles, columns.sums / columns.counts, columns.counts


def settle_flat(
    windows: Windows, values: FloatArray, slopes: FloatArray, values_now: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Where all values are equal the slope is exactly 0, and the line that value; infinite ones have no line."""
    lowest = reduce_windows(np.minimum, values, windows.lo, windows.hi, np.nan)
    highest = reduce_windows(np.maximum, values, windows.lo, windows.hi, np.nan)
    flat, infinite = lowest == highest, np.isinf(lowest)
    slopes = np.where(flat, np.where(infinite, np.nan, 0.0), slopes)
    values_now = np.where(flat, np.where(infinite, np.nan, lowest), values_now)
    return slopes, values_now, windows.hi - windows.lo >= 2
