"""`{% chart %}` in templates."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.template import Context, Template

from monitoring.charts.spec import Chart, Line, Mark


def render(text: str, **values: Any) -> str:
    return Template("{% load charts %}" + text).render(Context(values))


def spec_of(html: str) -> dict[str, Any]:
    match = re.search(r'data-chart="([^"]*)"', html)
    assert match is not None
    spec: dict[str, Any] = json.loads(unescape(match[1]))
    return spec


def test_chart__arguments__reach_the_browser() -> None:
    html = render(
        '{% chart title="CPU" query="cpu" unit="ratio" legend="{host}" threshold="0.8:watch,0.95:bad" range="6h" application=3 key="cpu" %}'
    )

    spec = spec_of(html)
    assert spec["lines"] == [{"query": "cpu", "legend": "{host}"}]
    assert [threshold["state"] for threshold in spec["thresholds"]] == ["watch", "bad"]
    assert (spec["range_seconds"], spec["application_id"], spec["end"]) == (21_600, 3, None)
    assert 'id="chart-cpu" hx-preserve="true"' in html
    assert 'data-chart-url="/admin/monitoring/chart-data/"' in html


def test_chart__fixed_stretch_with_marks__is_as_given() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    spec = spec_of(
        render(
            '{% chart title="x" query="up" start=at end=at marks=marks fit_threshold=True threshold=2 %}',
            at=at,
            marks=[Mark(at.timestamp(), "fired")],
        )
    )

    assert spec["start"] == spec["end"] == at.timestamp()
    assert spec["marks"] == [{"at": at.timestamp(), "label": "fired", "state": "bad"}]
    assert spec["fit_threshold"]


def test_draw_chart__made_in_python__links_to_the_metrics_page() -> None:
    chart = Chart("Two", (Line("a + b"), Line('c{x="1"}')), application_id=7)
    html = render("{% draw_chart chart %}", chart=chart)

    assert "?query=a%20%2B%20b&amp;query=c%7Bx%3D%221%22%7D&amp;unit=number&amp;application=7" in html
    assert "open_in_full" not in render("{% draw_chart chart explore=False %}", chart=chart)


def test_chart__hostile_query__stays_text() -> None:
    html = render("{% draw_chart chart %}", chart=Chart('"><script>', (Line('"><script>alert(1)</script>'),)))

    assert "<script>" not in html


@pytest.mark.parametrize("argument", ['unit="furlongs"', 'height="tall"', 'range="soon"', 'threshold="high"'])
def test_chart__impossible_argument__is_refused(argument: str) -> None:
    with pytest.raises(ValueError):
        render('{% chart title="x" query="up" ' + argument + " %}")
