"""The data that charts in the admin draw."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.http import HttpRequest, JsonResponse

from config.admin.pages import admin_page
from monitoring.applications.current import find_current_application
from monitoring.charts.spec import choose_step, fill_window, find_shared_labels, name_series
from monitoring.metrics import promql
from monitoring.metrics.selectors import SeriesStorage

MAX_QUERIES = 8
CHART_SECONDS = 20.0
"""How long all queries of a chart together may take: nobody looks at an empty chart for longer."""
MAX_SERIES = 40
MAX_SPAN_SECONDS = 3 * 366 * 86_400
DEFAULT_SPAN_SECONDS = 3600
#: How long a silent series is drawn on. Shorter than PromQL's five minutes, so that a gap shows as a gap.
LOOKBACK_SECONDS = 120


Identity = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time that is drawn (epoch seconds) and the seconds between its points; a live one ends now."""

    start: int
    end: int
    step: int
    is_live: bool

    @property
    def grid(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The steps, on multiples of their length."""
        first = self.start // self.step * self.step
        return np.arange(first, self.end + 1, self.step, dtype=np.int64)

    @property
    def times(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The steps, and for a live stretch this moment."""
        grid = self.grid
        return np.append(grid, self.end) if self.is_live and grid[-1] < self.end else grid


class ChartRefused(Exception):
    """The chart can't be drawn; the text says why, in the reader's words."""


@admin_page("monitoring/chart-data/", name="monitoring_chart_data", permission="monitoring.view_application")
def chart_data(request: HttpRequest) -> JsonResponse:
    """Answer `query` (repeatable, with a `legend` each) over `range` or `start`..`end` seconds, in steps that fit `width` pixels."""
    try:
        with promql.time_limit(CHART_SECONDS):
            return JsonResponse(_answer(request))
    except ChartRefused as refusal:
        return JsonResponse({"error": str(refusal)}, status=400)


def _answer(request: HttpRequest) -> dict[str, Any]:
    application = find_current_application(request, chosen=request.GET.get("application"))
    if application is None:
        raise ChartRefused("There is no such application. Add one under Applications and keys.")
    stretch = _read_stretch(request)
    queries = [query for query in request.GET.getlist("query") if query.strip()]
    if not queries:
        raise ChartRefused("Write a query, for example system_cpu_utilization_ratio.")
    if len(queries) > MAX_QUERIES:
        raise ChartRefused(f"One chart draws at most {MAX_QUERIES} queries.")
    legends = [*request.GET.getlist("legend"), *[""] * len(queries)]
    storage = SeriesStorage(application.pk)
    found: list[dict[str, Any]] = []
    for query, legend in zip(queries, legends, strict=False):
        found += _run(query, legend, storage, stretch)
    return {
        "start": stretch.start,
        "end": stretch.end,
        "step": stretch.step,
        "times": stretch.times.tolist(),
        "series": found[:MAX_SERIES],
        "left_out": max(0, len(found) - MAX_SERIES),
    }


def _run(query: str, legend: str, storage: promql.Storage, stretch: Stretch) -> list[dict[str, Any]]:
    try:
        parsed = promql.parse(fill_window(query, stretch.step))
        rows = _evaluate(parsed, storage, stretch)
    except promql.PromQLError as error:
        raise ChartRefused(_explain(error)) from error
    shared = find_shared_labels([dict(labels) for labels in rows]) if len(rows) > 1 else frozenset()
    return [
        {"name": name_series(dict(labels), legend, shared=shared), "labels": dict(labels), "values": values}
        for labels, values in rows.items()
    ]


def _evaluate(query: promql.Query, storage: promql.Storage, stretch: Stretch) -> dict[Identity, list[float | None]]:
    """Return a value for each of the stretch's times, by labels.

    The steps lie on multiples of their length, so that a chart does not flicker when it is renewed; a chart that is kept
    current has this very moment behind them, as the last step may lie up to one step back.
    """
    lookback_ms = max(LOOKBACK_SECONDS, 2 * stretch.step) * 1000
    first, last = int(stretch.grid[0]), int(stretch.grid[-1])
    matrix = promql.evaluate_range(
        query, storage, first * 1000, last * 1000, stretch.step * 1000, lookback_ms=lookback_ms
    )
    rows = {
        tuple(element.labels.items()): _on_grid(element.times, element.values, stretch) for element in matrix.series
    }
    if stretch.is_live:
        for labels, value in _evaluate_now(query, storage, stretch.end, lookback_ms):
            row = rows.setdefault(tuple(labels.items()), [None] * len(stretch.times))
            row[-1] = value if math.isfinite(value) else None
    return rows


def _evaluate_now(
    query: promql.Query, storage: promql.Storage, now: int, lookback_ms: int
) -> list[tuple[dict[str, str], float]]:
    match promql.evaluate_instant(query, storage, now * 1000, lookback_ms=lookback_ms):
        case promql.InstantVector() as vector:
            return vector.elements
        case promql.Scalar() as scalar:
            return [({}, scalar.value)]
        case _:
            return []


def _on_grid(moments_ms: np.ndarray[Any, Any], values: np.ndarray[Any, Any], stretch: Stretch) -> list[float | None]:
    """Return a value per time, None where there is none (JSON has no NaN or infinity)."""
    row: list[float | None] = [None] * len(stretch.times)
    places = np.searchsorted(stretch.grid, moments_ms // 1000)
    for place, value in zip(places.tolist(), values.tolist(), strict=True):
        if math.isfinite(value):
            row[place] = value
    return row


def _explain(error: promql.PromQLError) -> str:
    position = "" if error.position is None else f" (at character {error.position + 1})"
    return f"{error.message[:1].upper()}{error.message[1:]}{position}."


def _read_stretch(request: HttpRequest) -> Stretch:
    width = int(_read_number(request, "width", 600))
    is_live = "start" not in request.GET and "end" not in request.GET
    end = time.time() if is_live else _read_number(request, "end", time.time())
    span = _read_number(request, "range", DEFAULT_SPAN_SECONDS)
    start = end - span if is_live else _read_number(request, "start", end - DEFAULT_SPAN_SECONDS)
    if not 0 < end - start <= MAX_SPAN_SECONDS:
        raise ChartRefused("The end must lie after the start, by at most three years.")
    return Stretch(int(start), int(end), choose_step(end - start, width), is_live)


def _read_number(request: HttpRequest, name: str, default: float) -> float:
    text = request.GET.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or abs(number) > 1e11:
        raise ChartRefused(f"“{text}” is not a number of seconds ({name}).")
    return number
