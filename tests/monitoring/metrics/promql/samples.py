"""Series that real ones are like: gaps, restarts, stale markers, jitter, NaN, and labels that match or do not."""

from __future__ import annotations

import numpy as np

from monitoring.metrics.promql import SeriesData
from monitoring.metrics.promql.data import STALE_BITS

START_MS = 1_700_000_000_123
LENGTH_MS = 2 * 3_600_000
STALE = np.array([STALE_BITS], dtype=np.int64).view(np.float64)[0]


def make_times(rng: np.random.Generator, interval_ms: int, jitter_ms: int) -> np.ndarray:
    """Ascending times with jitter and, sometimes, a gap longer than the lookback."""
    times = START_MS + np.arange(0, LENGTH_MS, interval_ms) + rng.integers(0, jitter_ms + 1, LENGTH_MS // interval_ms)
    if rng.random() < 0.4:
        gap = START_MS + int(rng.integers(0, LENGTH_MS - 900_000))
        times = times[(times < gap) | (times > gap + int(rng.integers(200_000, 900_000)))]
    return times


def make_counter(rng: np.random.Generator, size: int) -> np.ndarray:
    """Whole numbers that grow and restart."""
    values = np.cumsum(rng.integers(0, 20, size)).astype(np.float64)
    for restart in rng.integers(1, size, int(rng.integers(0, 4))).tolist():
        values[restart:] -= values[restart] - float(rng.integers(0, 5))
    return np.abs(values)


def make_gauge(rng: np.random.Generator, size: int) -> np.ndarray:
    """A random walk through both signs, or a level that seldom changes."""
    if rng.random() < 0.3:
        return np.repeat(rng.normal(50, 20, size // 40 + 1), 40)[:size]
    return np.cumsum(rng.normal(0, 3, size)) + float(rng.normal(0, 40))


def spoil(rng: np.random.Generator, times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same series with stale markers, and sometimes cut off."""
    values = values.copy()
    values[rng.integers(0, len(values), int(rng.integers(0, 4)))] = STALE
    if rng.random() < 0.3:
        cut = int(rng.integers(10, len(times)))
        values[cut - 1] = STALE
        times, values = times[:cut], values[:cut]
    return times, values


def make_series(seed: int = 7) -> list[SeriesData]:
    """Some forty series: counters `requests_total`, gauges `load` and `limit`, `odd` values, histogram `wait_bucket`."""
    rng = np.random.default_rng(seed)
    found = []

    def add(values_of: str, **labels: str) -> None:
        interval, jitter = [(15_000, 0), (15_000, 2_000), (60_000, 500), (30_000, 7_000)][int(rng.integers(0, 4))]
        times = make_times(rng, interval, jitter)
        values = make_counter(rng, len(times)) if values_of == "counter" else make_gauge(rng, len(times))
        times, values = spoil(rng, times, values)
        found.append(SeriesData({"__name__": labels.pop("name"), **labels}, times, values))

    for job in ("api", "web"):
        for instance in ("a", "b", "c"):
            for code in ("200", "500"):
                add("counter", name="requests_total", job=job, instance=instance, code=code)
            add("gauge", name="load", job=job, instance=instance)
        add("gauge", name="limit", job=job)
    add("gauge", name="load", job="cron", instance="a", zone="north")
    add("gauge", name="lonely")
    found += make_builds()
    found += make_odd(rng)
    found += make_histogram(rng)
    return found


def make_builds() -> list[SeriesData]:
    """One series after another for the same job, as releases follow each other."""
    times = START_MS + np.arange(0, LENGTH_MS, 30_000)
    found = []
    for version, stretch in enumerate(np.array_split(times, 4)):
        values = np.append(np.ones(len(stretch) - 1), STALE)
        labels = {"__name__": "build", "job": "api", "version": str(version), "line": str(version // 2)}
        found.append(SeriesData(labels, stretch, values))
    return found


def make_odd(rng: np.random.Generator) -> list[SeriesData]:
    """Values that break careless arithmetic."""
    times = START_MS + np.arange(0, LENGTH_MS, 30_000)
    size = len(times)
    pool = np.array([np.nan, np.inf, -np.inf, 0.0, 1.0, -1.0, 1e-9, 1e6, 3.5])
    mixed = rng.choice(pool, size)
    seldom = np.where(rng.random(size) < 0.05, rng.choice(pool, size), 2.0)
    columns = {"mixed": mixed, "seldom": seldom, "flat": np.full(size, 4.25)}
    return [SeriesData({"__name__": "odd", "kind": kind}, times, values) for kind, values in columns.items()]


def make_histogram(rng: np.random.Generator) -> list[SeriesData]:
    """Two classic histograms, one with a bucket that comes late and a bound nobody can read."""
    times = START_MS + np.arange(0, LENGTH_MS, 15_000)
    found = []
    for job in ("api", "web"):
        counts = np.cumsum(np.cumsum(rng.integers(0, 3, (5, len(times))), axis=0), axis=1).astype(np.float64)
        for bound, row in zip(("0.1", "0.5", "1", "2.5", "+Inf"), counts, strict=True):
            late = 60 if job == "web" and bound == "0.5" else 0
            labels = {"__name__": "wait_bucket", "job": job, "le": bound}
            found.append(SeriesData(labels, times[late:], row[late:]))
    found.append(SeriesData({"__name__": "wait_bucket", "job": "web", "le": "broken"}, times, counts[0]))
    return found
