"""The data that charts in the admin draw."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from django.http import HttpRequest, JsonResponse

from config.admin.pages import admin_page
from monitoring.applications.current import find_current_application
from monitoring.charts.spec import choose_step, fill_window, find_shared_labels, name_series
from monitoring.metrics import promql
from monitoring.metrics.selectors import SeriesStorage

MAX_QUERIES = 8
MAX_SERIES = 40
MAX_SPAN_SECONDS = 3 * 366 * 86_400
DEFAULT_SPAN_SECONDS = 3600
#: How long a silent series is drawn on. Shorter than PromQL's five minutes, so that a gap shows as a gap.
LOOKBACK_SECONDS = 120


class ChartRefused(Exception):
    """The chart can't be drawn; the text says why, in the reader's words."""


@admin_page("monitoring/chart-data/", name="monitoring_chart_data", permission="monitoring.view_application")
def chart_data(request: HttpRequest) -> JsonResponse:
    """Answer `query` (repeatable, with a `legend` each) over `range` or `start`..`end` seconds, in steps that fit `width` pixels."""
    try:
        return JsonResponse(_answer(request))
    except ChartRefused as refusal:
        return JsonResponse({"error": str(refusal)}, status=400)


def _answer(request: HttpRequest) -> dict[str, Any]:
    application = find_current_application(request, chosen=request.GET.get("application"))
    if application is None:
        raise ChartRefused("There is no such application. Add one under Applications and keys.")
    start, end, step = _read_stretch(request)
    queries = [query for query in request.GET.getlist("query") if query.strip()]
    if not queries:
        raise ChartRefused("Write a query, for example system_cpu_utilization_ratio.")
    if len(queries) > MAX_QUERIES:
        raise ChartRefused(f"One chart draws at most {MAX_QUERIES} queries.")
    legends = [*request.GET.getlist("legend"), *[""] * len(queries)]
    storage = SeriesStorage(application.pk)
    times = np.arange(start, end + 1, step, dtype=np.int64)
    found: list[dict[str, Any]] = []
    for number, query in enumerate(queries):
        found += _run(query, legends[number], storage, times, step)
    return {
        "start": start,
        "end": end,
        "step": step,
        "times": times.tolist(),
        "series": found[:MAX_SERIES],
        "left_out": max(0, len(found) - MAX_SERIES),
    }


def _run(
    query: str, legend: str, storage: promql.Storage, times: np.ndarray[Any, np.dtype[np.int64]], step: int
) -> list[dict[str, Any]]:
    try:
        matrix = promql.evaluate_range(
            promql.parse(fill_window(query, step)),
            storage,
            int(times[0]) * 1000,
            int(times[-1]) * 1000,
            step * 1000,
            lookback_ms=max(LOOKBACK_SECONDS, 2 * step) * 1000,
        )
    except promql.PromQLError as error:
        raise ChartRefused(_explain(error)) from error
    shared = (
        find_shared_labels([element.labels for element in matrix.series]) if len(matrix.series) > 1 else frozenset()
    )
    return [
        {
            "name": name_series(element.labels, legend, shared=shared),
            "labels": element.labels,
            "values": _on_grid(element.times, element.values, times),
        }
        for element in matrix.series
    ]


def _on_grid(
    moments_ms: np.ndarray[Any, Any], values: np.ndarray[Any, Any], times: np.ndarray[Any, Any]
) -> list[float | None]:
    """Return a value per grid time, None where there is none (JSON has no NaN or infinity)."""
    row: list[float | None] = [None] * len(times)
    places = np.searchsorted(times, moments_ms // 1000)
    for place, value in zip(places.tolist(), values.tolist(), strict=True):
        if place < len(row) and math.isfinite(value):
            row[place] = value
    return row


def _explain(error: promql.PromQLError) -> str:
    position = "" if error.position is None else f" (at character {error.position + 1})"
    return f"{error.message[:1].upper()}{error.message[1:]}{position}."


def _read_stretch(request: HttpRequest) -> tuple[int, int, int]:
    """Return start, end (epoch seconds on multiples of the step) and step."""
    width = int(_read_number(request, "width", 600))
    if "start" in request.GET or "end" in request.GET:
        end = _read_number(request, "end", time.time())
        start = _read_number(request, "start", end - DEFAULT_SPAN_SECONDS)
    else:
        end = time.time()
        start = end - _read_number(request, "range", DEFAULT_SPAN_SECONDS)
    if not 0 < end - start <= MAX_SPAN_SECONDS:
        raise ChartRefused("The end must lie after the start, by at most three years.")
    step = choose_step(end - start, width)
    return int(start) // step * step, int(end) // step * step, step


def _read_number(request: HttpRequest, name: str, default: float) -> float:
    text = request.GET.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or abs(number) > 1e11:
        raise ChartRefused(f"“{text}” is not a number of seconds ({name}).")
    return number
