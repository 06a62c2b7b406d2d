"""`{% chart %}`: draws metrics. docs/adding-panels.md shows its use."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import template
from django.urls import reverse

from monitoring.charts.spec import DEFAULT_RANGE, Chart, Line, Mark, parse_duration, parse_thresholds

register = template.Library()


@register.inclusion_tag("components/chart.html")
def chart(
    *,
    title: str,
    query: str | Iterable[Line],
    unit: str = "number",
    height: str = "medium",
    threshold: Any = None,
    application: Any = None,
    range: str | int = DEFAULT_RANGE,  # noqa: A002  (the word a template author expects)
    legend: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
    marks: Iterable[Mark] = (),
    fit_threshold: bool = False,
    key: str = "",
    empty: str = "",
) -> dict[str, Any]:
    """Draw the series of `query` (PromQL, or several `Line`s) over time.

    `application` is an application or its id; without it, the one the reader has chosen. `range` is like 30m, 6h, 7d;
    `start` and `end` fix the stretch of time instead. `threshold` is a number or "0.8:watch,0.95:bad".
    Raises ValueError for an unknown unit or height.
    """
    lines = (Line(query, legend),) if isinstance(query, str) else tuple(query)
    return draw_chart(
        Chart(
            title=title,
            lines=lines,
            unit=unit,
            height=height,
            thresholds=parse_thresholds(threshold),
            marks=tuple(marks),
            application_id=getattr(application, "pk", application) or None,
            range_seconds=range if isinstance(range, int) else parse_duration(range),
            start=start.timestamp() if start else None,
            end=end.timestamp() if end else None,
            fit_threshold=fit_threshold,
            key=key,
            empty=empty,
        )
    )


@register.inclusion_tag("components/chart.html")
def draw_chart(chart: Chart, *, explore: bool = True) -> dict[str, Any]:
    """Draw a chart that was put together in Python; `explore` links it to the Metrics page."""
    return {
        "chart": chart,
        "explore": explore,
        "data_url": reverse("admin:monitoring_chart_data"),
        "explore_url": reverse("admin:monitoring_metrics_explorer"),
    }
