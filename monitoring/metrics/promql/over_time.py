"""The `*_over_time` functions: what the samples of a window amount to.

Source: Prometheus 2.42, "Functions"; NaN, infinities and rounding as its implementation has them.
"""

from __future__ import annotations

import numpy as np

from monitoring.metrics.promql.data import FloatArray, IntArray
from monitoring.metrics.promql.quantiles import pick_quantile
from monitoring.metrics.promql.windows import (
    Columns,
    RangeResult,
    Windows,
    expand_windows,
    group_by_size,
    reduce_windows,
    sum_windows,
)
from monitoring.metrics.sketch import spread_sketches

OVERFLOW_SCALE = 2.0**-64


def sum_over_time(windows: Windows, _: FloatArray) -> RangeResult:
    """Sum of the values."""
    column = windows.values if windows.columns is None else windows.columns.sums
    return sum_windows(column, windows.lo, windows.hi), windows.occupied


def avg_over_time(windows: Windows, _: FloatArray) -> RangeResult:
    """Mean of the values, each sample weighing the same; finite also where the sum overflows."""
    return mean_windows(windows), windows.occupied


def mean_windows(windows: Windows) -> FloatArray:
    """Each window's mean, held between its extremes, so that the mean of equal values is exactly that value."""
    column = windows.values if windows.columns is None else windows.columns.sums
    counts = np.maximum(windows.count(), 1.0)
    sums = sum_windows(column, windows.lo, windows.hi)
    means = sums / counts
    if np.isinf(sums).any():
        scaled = sum_windows(column * OVERFLOW_SCALE, windows.lo, windows.hi)
        means = np.where(np.isinf(sums), scaled / counts / OVERFLOW_SCALE, means)
    return np.clip(means, min_over_time(windows, counts)[0], max_over_time(windows, counts)[0])


def count_over_time(windows: Windows, _: FloatArray) -> RangeResult:
    """Number of samples."""
    return windows.count(), windows.occupied


def min_over_time(windows: Windows, _: FloatArray) -> RangeResult:
    """Smallest value; NaN only where there is nothing else."""
    column = windows.values if windows.columns is None else windows.columns.mins
    return reduce_windows(np.fmin, column, windows.lo, windows.hi, np.nan), windows.occupied


def max_over_time(windows: Windows, _: FloatArray) -> RangeResult:
    """Greatest value; NaN only where there is nothing else."""
    column = windows.values if windows.columns is None else windows.columns.maxs
    return reduce_windows(np.fmax, column, windows.lo, windows.hi, np.nan), windows.occupied


def last_over_time(windows: Windows, _: FloatArray) -> RangeResult:
    """The newest value."""
    return windows.values[windows.last], windows.occupied


def present_over_time(windows: Windows, _: FloatArray) -> RangeResult:
    """1 wherever there is a sample."""
    return np.ones(len(windows.lo)), windows.occupied


def stdvar_over_time(windows: Windows, _: FloatArray) -> RangeResult:
    """Population variance of the values; of buckets, of the values their sketches stand for."""
    values, weights, lo, hi = weigh_samples(windows)
    variances = np.full(len(lo), np.nan)
    for block in expand_windows(lo, hi):
        sample_weights, sample_values = weights[block.samples], values[block.samples]
        totals = block.sum(sample_weights)
        means = block.sum(sample_weights * sample_values) / totals
        deviations = sample_values - means[block.owner]
        # The first pass's mean is off by some roundings; what that adds to the squares is taken off again.
        drift = block.sum(sample_weights * deviations) / totals
        variances[block.windows] = block.sum(sample_weights * deviations**2) / totals - drift**2
    return np.maximum(variances, 0.0), windows.occupied


def stddev_over_time(windows: Windows, argument: FloatArray) -> RangeResult:
    """Population standard deviation of the values."""
    variances, present = stdvar_over_time(windows, argument)
    return np.sqrt(variances), present


def quantile_over_time(windows: Windows, quantiles: FloatArray) -> RangeResult:
    """The quantile of the values, interpolated between neighbours; of buckets, of what their sketches stand for."""
    values, weights, lo, hi = weigh_samples(windows)
    weighted = windows.columns is not None
    answers = np.full(len(lo), np.nan)
    for block, samples in group_by_size(lo, hi):
        answers[block] = pick_quantile(values[samples], quantiles[block], weights[samples] if weighted else None)
    return answers, windows.occupied


def mad_over_time(windows: Windows, _: FloatArray) -> RangeResult:
    """Median absolute deviation: the median of the distances from the median; of buckets as for quantiles.

    Source: Prometheus 3, "Functions".
    """
    values, weights, lo, hi = weigh_samples(windows)
    weighted = windows.columns is not None
    answers = np.full(len(lo), np.nan)
    for block, samples in group_by_size(lo, hi):
        rows, half = values[samples], np.full(len(samples), 0.5)
        shares = weights[samples] if weighted else None
        medians = pick_quantile(rows, half, shares)
        answers[block] = pick_quantile(np.abs(rows - medians[:, np.newaxis]), half, shares)
    return answers, windows.occupied


def weigh_samples(windows: Windows) -> tuple[FloatArray, FloatArray, IntArray, IntArray]:
    """Values, how many samples each stands for, and the windows over them.

    Points are themselves; a bucket is its sketch's values, or, without a sketch, its mean.
    """
    if windows.columns is None:
        return windows.values, np.ones(len(windows.values)), windows.lo, windows.hi
    return spread_buckets(windows.columns, windows.lo, windows.hi)


def spread_buckets(columns: Columns, lo: IntArray, hi: IntArray) -> tuple[FloatArray, FloatArray, IntArray, IntArray]:
    """The buckets' values written out, and the windows moved to them."""
    found = [
        (element, sketch)
        for element, (sketch, count) in enumerate(zip(columns.sketches, columns.counts.tolist(), strict=False))
        if sketch is not None and count > 1
    ]
    sketched = np.zeros(len(columns.counts), dtype=np.bool_)
    sketched[[element for element, _ in found]] = True
    centers, hits, sizes = spread_sketches([sketch for _, sketch in found])
    lengths = np.ones(len(columns.counts), dtype=np.int64)
    lengths[sketched] = sizes
    inside = np.repeat(sketched, lengths)
    values, weights = np.empty(len(inside)), np.empty(len(inside))
    values[inside], weights[inside] = centers, hits
    values[~inside] = (columns.sums / columns.counts)[~sketched]
    weights[~inside] = columns.counts[~sketched]
    offsets = np.cumsum(lengths) - lengths
    return values, weights, offsets[lo], offsets[hi]
