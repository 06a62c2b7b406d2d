"""Quantiles of rows of values, with Prometheus' rank rule."""

from __future__ import annotations

import numpy as np

from monitoring.metrics.promql.data import FloatArray, IntArray


def pick_quantile(rows: FloatArray, quantiles: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """The quantile of each row of `rows` (shape (rows, values)), one quantile per row.

    The rank q * (n - 1) is interpolated between the two values around it; NaN counts as the smallest value. Below 0
    the answer is -Inf, above 1 +Inf, for NaN NaN. `weights` says how many equal samples each value stands for.

    Source: Prometheus 2.42, `quantile`.
    """
    order = np.argsort(rows, axis=1) if weights is not None else None
    ascending = np.sort(rows, axis=1) if order is None else np.take_along_axis(rows, order, axis=1)
    nans = np.isnan(rows).sum(axis=1)
    if nans.any():
        # numpy puts NaN last, Prometheus first.
        turn = (np.arange(rows.shape[1]) - nans[:, np.newaxis]) % rows.shape[1]
        ascending = np.take_along_axis(ascending, turn, axis=1)
        order = None if order is None else np.take_along_axis(order, turn, axis=1)
    if weights is None or order is None:
        counts = np.full(len(rows), float(rows.shape[1]))
        lower, upper, share = find_ranks(quantiles, counts)
        below, above = at_rank(ascending, lower), at_rank(ascending, upper)
    else:
        reach = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
        lower, upper, share = find_ranks(quantiles, reach[:, -1])
        below = at_rank(ascending, (reach <= lower[:, np.newaxis]).sum(axis=1))
        above = at_rank(ascending, (reach <= upper[:, np.newaxis]).sum(axis=1))
    return interpolate(quantiles, below, above, share)


def find_ranks(quantiles: FloatArray, counts: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """The ranks below and above each quantile of so many samples, and how far it lies between them."""
    rank = np.clip(np.nan_to_num(quantiles, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0) * (counts - 1)
    lower = np.maximum(np.floor(rank), 0.0)
    upper = np.minimum(lower + 1, np.maximum(counts - 1, 0.0))
    return lower.astype(np.int64), upper.astype(np.int64), rank - lower


def at_rank(ascending: FloatArray, rank: IntArray) -> FloatArray:
    """One value of each row."""
    column = np.minimum(rank, ascending.shape[1] - 1)
    return np.take_along_axis(ascending, column[:, np.newaxis], axis=1)[:, 0]


def interpolate(quantiles: FloatArray, below: FloatArray, above: FloatArray, share: FloatArray) -> FloatArray:
    """Between two neighbours, with the answers for quantiles that are none."""
    answers = below * (1 - share) + above * share
    answers = np.where(quantiles < 0, -np.inf, answers)
    answers = np.where(quantiles > 1, np.inf, answers)
    return np.where(np.isnan(quantiles), np.nan, answers)
