"""What the pages of performance share: figures with their states, rows of tables, charts, links."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from config.admin.states import State
from config.figures import write_ratio, write_seconds
from monitoring.applications.links import page_url
from monitoring.browser.targets import Target
from monitoring.charts.spec import Chart, Line, Mark, Threshold
from monitoring.performance.models import Endpoint, Statement
from monitoring.performance.selectors import DEFAULT_RANGE, RANGES
from monitoring.performance.summaries import Figures
from monitoring.performance.targets import AVERAGE, ERROR_SHARE, P95, QUERY_AVERAGE, QUERY_P95, judge_value
from monitoring.releases.selectors import list_deployments

VIEW = "monitoring.view_application"
RANGE_WORDS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
MARKS = 12


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure as text with how it stands to its target."""

    text: str
    state: State = State.QUIET
    title: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table of endpoints, statements or releases."""

    title: str
    url: str
    figures: Figures
    cells: list[Cell]
    note: str = ""
    chip: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One big figure with its target."""

    title: str
    text: str
    state: State
    note: str


def read_range(request: HttpRequest) -> str:
    """Return the chosen stretch of time, a key of RANGES."""
    chosen = request.GET.get("range", DEFAULT_RANGE)
    return chosen if chosen in RANGES else DEFAULT_RANGE


def list_ranges(request: HttpRequest, chosen: str) -> list[tuple[str, str, bool]]:
    """Return the choices of time as (query string, words, whether it is chosen); the rest of the query stays."""
    kept = {name: value for name, value in request.GET.items() if name not in {"range", "p", "q2"}}
    return [(urlencode({**kept, "range": key}), RANGE_WORDS[key], key == chosen) for key in RANGES]


def make_cells(figures: Figures, *, is_query: bool = False) -> list[Cell]:
    """Return average, p50, p75, p95, p99, longest, failed."""
    average, p95 = (QUERY_AVERAGE, QUERY_P95) if is_query else (AVERAGE, P95)
    cells = [Cell(_seconds(figures.average), judge_value(average, figures.average), _limit(average))]
    for name, value in (("p50", figures.p50), ("p75", figures.p75), ("p95", figures.p95), ("p99", figures.p99)):
        state = judge_value(p95, value) if name == "p95" else State.QUIET
        cells.append(Cell(_seconds(value), state, _limit(p95) if name == "p95" else ""))
    cells.append(Cell(_seconds(figures.longest if figures.count else None)))
    share = figures.error_share
    cells.append(
        Cell(_ratio(share), judge_value(ERROR_SHARE, share) if figures.failed else State.QUIET, _limit(ERROR_SHARE))
    )
    return cells


def make_card(title: str, target: Target, value: float | None, *, note: str = "") -> Card:
    """Return a figure against its target."""
    text = _ratio(value) if target.unit == "ratio" else _seconds(value)
    return Card(title, text, judge_value(target, value), note or f"target below {_write_limit(target)}")


def draw_times(
    *, application_id: int, chosen: str, metric: str, selector: str, title: str, key: str, target: Target | None
) -> Chart:
    """Return the chart of p50 and p95 of a histogram's series over time, with deployments drawn in."""
    rate = f"sum by (le) (rate({metric}_bucket{{{selector}}}[$window]))"
    return Chart(
        title=title,
        lines=(Line(f"histogram_quantile(0.95, {rate})", "p95"), Line(f"histogram_quantile(0.5, {rate})", "p50")),
        unit="seconds",
        thresholds=(Threshold(target.good, "well", "target"),) if target else (),
        marks=_mark_deployments(application_id, chosen),
        application_id=application_id,
        range_seconds=seconds_of(chosen),
        key=f"{key}-times-{chosen}",
        empty="Recorded every 15 seconds while requests come in.",
        refresh_seconds=30,
    )


def draw_rate(*, application_id: int, chosen: str, metric: str, selector: str, title: str, key: str) -> Chart:
    """Return the chart of how many there were per second."""
    return Chart(
        title=title,
        lines=(Line(f"sum(rate({metric}_count{{{selector}}}[$window]))", "per second"),),
        unit="per_second",
        marks=_mark_deployments(application_id, chosen),
        application_id=application_id,
        range_seconds=seconds_of(chosen),
        key=f"{key}-rate-{chosen}",
        empty="Recorded every 15 seconds while requests come in.",
        refresh_seconds=30,
    )


def draw_errors(*, application_id: int, chosen: str, selector: str, key: str) -> Chart:
    """Return the chart of which share of requests failed."""
    failed = f"sum(rate(http_server_requests_failed_total{{{selector}}}[$window]))"
    every = f"sum(rate(http_server_request_duration_seconds_count{{{selector}}}[$window]))"
    return Chart(
        title="Failed requests",
        lines=(Line(f"{failed} / {every}", "failed"),),
        unit="ratio",
        thresholds=(Threshold(0.05, "watch"), Threshold(0.1, "bad")),
        marks=_mark_deployments(application_id, chosen),
        application_id=application_id,
        range_seconds=seconds_of(chosen),
        key=f"{key}-errors-{chosen}",
        empty="Recorded every 15 seconds while requests come in.",
        refresh_seconds=30,
    )


def seconds_of(chosen: str) -> int:
    """Return how long a range is."""
    return int(RANGES[chosen].total_seconds())


def quote(text: str) -> str:
    """Return a text as PromQL writes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def endpoint_url(endpoint: Endpoint, *, chosen: str = DEFAULT_RANGE) -> str:
    """Return the address of an endpoint's page."""
    return f"{reverse('admin:monitoring_endpoint', args=[endpoint.pk])}?range={chosen}"


def statement_url(statement: Statement, *, chosen: str = DEFAULT_RANGE) -> str:
    """Return the address of a statement's page."""
    return f"{reverse('admin:monitoring_statement', args=[statement.pk])}?range={chosen}"


def trace_url(trace_id: str, *, application_id: int) -> str:
    """Return the address of a trace's page, empty without one."""
    return page_url("monitoring_trace", trace_id, application_id=application_id) if trace_id else ""


def person_url(user_key: bytes | memoryview | None, *, application_id: int) -> str:
    """Return the address of a person's page, empty without one."""
    key = bytes(user_key).hex() if user_key is not None else ""
    return page_url("monitoring_person", key, application_id=application_id) if key else ""


def _mark_deployments(application_id: int, chosen: str) -> tuple[Mark, ...]:
    since = timezone.now() - RANGES[chosen]
    deployments = list_deployments(application_id=application_id, since=since)[-MARKS:]
    return tuple(Mark(one.deployed_at.timestamp(), one.release.version, "info") for one in deployments)


def _seconds(value: float | None) -> str:
    return "–" if value is None else write_seconds(value)


def _ratio(value: float | None) -> str:
    return "–" if value is None else write_ratio(value)


def _write_limit(target: Target) -> str:
    return write_ratio(target.good) if target.unit == "ratio" else write_seconds(target.good)


def _limit(target: Target) -> str:
    return f"target below {_write_limit(target)}"
