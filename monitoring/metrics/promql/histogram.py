"""Quantiles out of classic histograms: counters by upper bound, in the label `le`.

Source: Prometheus 2.42, `bucketQuantile`.
"""

from __future__ import annotations

import numpy as np

from monitoring.metrics.promql.data import FloatArray, IntArray
from monitoring.metrics.promql.deadline import check_time
from monitoring.metrics.promql.vectors import StepVector, drop_absent, drop_name, empty_vector, key_of, number_groups

BOUND = "le"


def histogram_quantile(quantiles: FloatArray, vector: StepVector) -> StepVector:
    """The quantile of each histogram at each step; elements without a readable bound are passed over."""
    bounds = np.array([parse_bound(labels.get(BOUND, "")) for labels in vector.labels])
    readable = np.flatnonzero(~np.isnan(bounds))
    if not len(readable):
        return empty_vector(vector.steps)
    names = [
        {name: value for name, value in drop_name(vector.labels[row]).items() if name != BOUND}
        for row in readable.tolist()
    ]
    groups, firsts = number_groups(key_of(name) for name in names)
    values = np.full((len(firsts), vector.steps), np.nan)
    present = np.zeros((len(firsts), vector.steps), dtype=np.bool_)
    for group in range(len(firsts)):
        check_time()
        rows = readable[groups == group]
        rows = rows[np.argsort(bounds[rows], kind="stable")]
        fill_group(vector, rows, bounds[rows], quantiles, values[group])
        present[group] = vector.present[rows].any(axis=0)
    return drop_absent(StepVector([names[first] for first in firsts], values, present))


def parse_bound(text: str) -> float:
    """An upper bound, NaN if the text is none."""
    try:
        return float(text) if "_" not in text else np.nan
    except ValueError:
        return np.nan


def fill_group(
    vector: StepVector, rows: IntArray, bounds: FloatArray, quantiles: FloatArray, answers: FloatArray
) -> None:
    """Write one histogram's quantiles into `answers`; steps that have the same buckets are answered together."""
    patterns, which = np.unique(vector.present[rows], axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        if pattern.any():
            steps = np.flatnonzero(which.ravel() == number)
            counts = vector.values[rows[pattern]][:, steps]
            answers[steps] = quantiles_of_buckets(bounds[pattern], counts, quantiles[steps])


def quantiles_of_buckets(bounds: FloatArray, counts: FloatArray, quantiles: FloatArray) -> FloatArray:
    """Quantiles of a histogram whose buckets have ascending bounds; `counts` has shape (buckets, steps)."""
    starts = np.flatnonzero(np.append(True, bounds[1:] != bounds[:-1]))
    counts = np.fmax.accumulate(np.add.reduceat(counts, starts, axis=0), axis=0)
    bounds = bounds[starts]
    answers = np.full(len(quantiles), np.nan)
    if np.isposinf(bounds[-1]) and len(bounds) >= 2:
        total = counts[-1]
        answers = np.where(total == 0, np.nan, interpolate_bucket(bounds, counts, quantiles * total))
    answers = np.where(quantiles < 0, -np.inf, answers)
    answers = np.where(quantiles > 1, np.inf, answers)
    return np.where(np.isnan(quantiles), np.nan, answers)


def interpolate_bucket(bounds: FloatArray, counts: FloatArray, ranks: FloatArray) -> FloatArray:
    """The value at a rank, taking observations to lie evenly between a bucket's bounds, the first starting at 0."""
    steps = np.arange(len(ranks))
    found = (counts[:-1] < ranks).sum(axis=0)
    before = np.maximum(found - 1, 0)
    inner = np.minimum(found, len(bounds) - 2)
    first = found == 0
    low = np.where(first, 0.0, bounds[before])
    below = np.where(first, 0.0, counts[before, steps])
    share = (ranks - below) / (counts[inner, steps] - below)
    answers = low + (bounds[inner] - low) * share
    answers = np.where(first & (bounds[0] <= 0), bounds[0], answers)
    return np.asarray(np.where(found == len(bounds) - 1, bounds[-2], answers))
