"""Small series written down, and questions about them."""

from __future__ import annotations

import numpy as np

from monitoring.metrics.promql import (
    InstantVector,
    MemoryStorage,
    RangeMatrix,
    Scalar,
    SeriesData,
    evaluate_instant,
    evaluate_range,
    parse,
)
from monitoring.metrics.promql.data import STALE_BITS

STALE = float(np.array([STALE_BITS], dtype=np.int64).view(np.float64)[0])
NOW_MS = 600_000


def make_series(name: str, values: list[float], *, start_s: int = 0, interval_s: int = 60, **labels: str) -> SeriesData:
    """A series with a sample a minute from the epoch on, so that eleven values reach `NOW_MS`."""
    times = (start_s + interval_s * np.arange(len(values), dtype=np.int64)) * 1000
    return SeriesData({"__name__": name, **labels}, times, np.array(values, dtype=np.float64))


def now(name: str, value: float, **labels: str) -> SeriesData:
    """A series with one sample, at `NOW_MS`."""
    return make_series(name, [value], start_s=NOW_MS // 1000, **labels)


def write_labels(labels: dict[str, str]) -> str:
    """Labels as they are written, sorted, the name in front."""
    inner = ",".join(f"{key}={value}" for key, value in sorted(labels.items()) if key != "__name__")
    return labels.get("__name__", "") + "{" + inner + "}"


def ask(text: str, *series: SeriesData, at_ms: int = NOW_MS) -> dict[str, float]:
    """The elements of an instant query's answer by their labels, in the order of the answer."""
    answer = evaluate_instant(parse(text), MemoryStorage(series), at_ms)
    assert isinstance(answer, InstantVector)
    return {write_labels(labels): value for labels, value in answer.elements}


def ask_number(text: str, *series: SeriesData, at_ms: int = NOW_MS) -> float:
    """The value of an instant query that answers with a number, or with a single element."""
    answer = evaluate_instant(parse(text), MemoryStorage(series), at_ms)
    if isinstance(answer, Scalar):
        return answer.value
    assert isinstance(answer, InstantVector)
    ((_, value),) = answer.elements
    return value


def ask_range(text: str, *series: SeriesData, start_s: int, end_s: int, step_s: int) -> dict[str, dict[int, float]]:
    """The answer of a range query: values by seconds, by labels."""
    answer = evaluate_range(parse(text), MemoryStorage(series), start_s * 1000, end_s * 1000, step_s * 1000)
    assert isinstance(answer, RangeMatrix)
    return {
        write_labels(element.labels): dict(zip((element.times // 1000).tolist(), element.values.tolist(), strict=True))
        for element in answer.series
    }
